package vendor

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// Alarms are when the end of a role is said: so much before. The last one that
// is reached counts.
func Alarms() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{30 * day, 14 * day, 7 * day}
}

// The levels of a role's end.
const (
	LevelFine    = "fine"
	LevelSoon    = "soon"
	LevelExpired = "expired"
)

// RoleStatus is one role of a feed as it is live.
type RoleStatus struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	Level   string    `json:"level"`           // fine, soon, expired
	Alarm   int       `json:"alarm,omitempty"` // days: 30, 14 or 7, when it ends within so many
	Needs   int       `json:"needs"`           // signatures
	Keys    []string  `json:"keys"`            // who may sign
	Signed  []string  `json:"signed"`          // who has
}

// Status is what a feed is like.
type Status struct {
	Feed     string       `json:"feed"`
	Roles    []RoleStatus `json:"roles"`
	Products []string     `json:"products"`
	Pending  []Pending    `json:"pending"`
}

// Level is the worst of its roles.
func (s Status) Level() string {
	worst := LevelFine
	for _, r := range s.Roles {
		if r.Level == LevelExpired || worst == LevelFine {
			worst = r.Level
		}
	}
	return worst
}

// Status tells who has signed what, and what ends when.
func (f *Feed) Status() (Status, error) {
	s, err := f.load()
	if err != nil {
		return Status{}, err
	}
	if s.root == nil && s.draftRoot == nil {
		return Status{}, f.none()
	}
	out := Status{Feed: f.Dir, Roles: []RoleStatus{}, Products: []string{}, Pending: append([]Pending{}, f.waiting(s, nil, "")...)}
	known := s.names()
	add := func(role string, version int64, expires time.Time, r rule, have []string) {
		st := RoleStatus{Role: role, Version: version, Expires: expires, Needs: r.threshold, Keys: []string{}, Signed: []string{}}
		for _, id := range slices.Sorted(maps.Keys(r.keys)) {
			st.Keys = append(st.Keys, called(id, known))
		}
		for _, id := range have {
			st.Signed = append(st.Signed, called(id, known))
		}
		slices.Sort(st.Keys)
		slices.Sort(st.Signed)
		st.Level, st.Alarm = f.level(role, expires)
		out.Roles = append(out.Roles, st)
	}
	if r := s.root; r != nil {
		add(RoleRoot, r.Signed.Version, r.Signed.Expires, rootRule(r, RoleRoot), signers(rootRule(r, RoleRoot), r))
	}
	if t := s.targets; t != nil {
		add(RoleTargets, t.Signed.Version, t.Signed.Expires, rootRule(s.root, RoleTargets), signers(rootRule(s.root, RoleTargets), t))
		for _, product := range delegated(t) {
			out.Products = append(out.Products, product)
			if p := s.products[product]; p != nil {
				add(product, p.Signed.Version, p.Signed.Expires, productRule(t, product), signers(productRule(t, product), p))
			}
		}
	}
	if x := s.snapshot; x != nil {
		add(RoleSnapshot, x.Signed.Version, x.Signed.Expires, rootRule(s.root, RoleSnapshot), signers(rootRule(s.root, RoleSnapshot), x))
	}
	if x := s.timestamp; x != nil {
		add(RoleTimestamp, x.Signed.Version, x.Signed.Expires, rootRule(s.root, RoleTimestamp), signers(rootRule(s.root, RoleTimestamp), x))
	}
	return out, nil
}

func delegated(t *targetsFile) []string {
	var out []string
	if t.Signed.Delegations != nil {
		for _, d := range t.Signed.Delegations.Roles {
			out = append(out, d.Name)
		}
	}
	return out
}

// level is how near an end is. What lives for two weeks anyway gives its alarms
// when less than half of its life is left.
func (f *Feed) level(role string, expires time.Time) (string, int) {
	left := expires.Sub(f.Now())
	if left <= 0 {
		return LevelExpired, 0
	}
	level, alarm := LevelFine, 0
	life := f.expires(role).Sub(f.Now())
	for _, a := range Alarms() {
		if left <= a && left <= life/2 {
			level, alarm = LevelSoon, int(a.Hours()/24)
		}
	}
	return level, alarm
}

// Draft is what somebody who signs has in front of her.
type Draft struct {
	Role    string     `json:"role"` // root, or targets; of a product's file its type, which is targets
	Version int64      `json:"version"`
	Expires time.Time  `json:"expires"`
	Rules   []RoleKeys `json:"rules,omitempty"`   // who would sign for what
	Targets []string   `json:"targets,omitempty"` // what it would sign for
	Signed  []string   `json:"signed"`            // ids of the keys that have signed
}

// RoleKeys is who signs for a role, and how many must.
type RoleKeys struct {
	Role  string   `json:"role"`
	Needs int      `json:"needs"`
	Keys  []string `json:"keys"`
}

// SignFile adds the signatures of keys to a draft that was carried here as a
// file, and says what was signed. Whether the keys may sign for it shows when it
// is applied. Without keys it only says what the file is.
func SignFile(fsys durable.FS, path string, keys ...*Key) (Draft, error) {
	text, err := fsys.ReadFile(path)
	if err != nil {
		return Draft{}, &step.UserError{Msg: "cannot sign", Err: err, Now: "name a draft: a file of the folder pending of a feed"}
	}
	var d Draft
	var out []byte
	switch roleOf(text) {
	case RoleRoot:
		d, out, err = signRoot(text, keys)
	case RoleTargets:
		d, out, err = signTargets(text, keys)
	default:
		err = mistake("name a file of the folder pending of a feed", "it is no draft of a feed")
	}
	if err == nil && len(keys) > 0 {
		err = fsys.WriteFile(path, out, 0o644)
	}
	if err != nil {
		return d, fmt.Errorf("cannot sign %s: %w", path, err)
	}
	if d.Role == RoleTargets {
		if role := strings.TrimSuffix(filepath.Base(path), ".json"); keyName.MatchString(role) {
			d.Role = role
		}
	}
	return d, nil
}

func signRoot(text []byte, keys []*Key) (Draft, []byte, error) {
	m, err := parse[metadata.RootType](text)
	if err != nil {
		return Draft{}, nil, err
	}
	known := names(m.Signed.UnrecognizedFields)
	d := Draft{Role: RoleRoot, Version: m.Signed.Version, Expires: m.Signed.Expires}
	for _, role := range []string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp} {
		d.Rules = append(d.Rules, people(role, rootRule(m, role), known))
	}
	return signLoose(m, d, keys, known)
}

func signTargets(text []byte, keys []*Key) (Draft, []byte, error) {
	m, err := parse[metadata.TargetsType](text)
	if err != nil {
		return Draft{}, nil, err
	}
	known := names(m.Signed.UnrecognizedFields)
	d := Draft{Role: RoleTargets, Version: m.Signed.Version, Expires: m.Signed.Expires, Targets: slices.Sorted(maps.Keys(m.Signed.Targets))}
	for _, product := range delegated(m) {
		d.Rules = append(d.Rules, people(product, productRule(m, product), known))
	}
	return signLoose(m, d, keys, known)
}

func people(role string, r rule, known map[string]string) RoleKeys {
	out := RoleKeys{Role: role, Needs: r.threshold, Keys: []string{}}
	for id := range r.keys {
		out.Keys = append(out.Keys, called(id, known))
	}
	slices.Sort(out.Keys)
	return out
}

func signLoose[T metadata.Roles](m *metadata.Metadata[T], d Draft, keys []*Key, known map[string]string) (Draft, []byte, error) {
	for _, k := range keys {
		if !k.CanSign() {
			return d, nil, mistake("name the file "+k.Name+PrivateSuffix, "only the public half of the key "+k.Name+" is here")
		}
		if err := sign(m, k); err != nil {
			return d, nil, err
		}
		known[k.ID] = k.Name
	}
	for _, s := range m.Signatures {
		d.Signed = append(d.Signed, called(s.KeyID, known))
	}
	slices.Sort(d.Signed)
	out, err := encode(m)
	return d, out, err
}
