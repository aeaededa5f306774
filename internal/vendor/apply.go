package vendor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Live is a role of which a new version is to be had.
type Live struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
}

// Pending is a draft that is not live.
type Pending struct {
	Role    string   `json:"role"`
	Version int64    `json:"version"`
	File    string   `json:"file"`            // to be carried to those who sign
	Have    []string `json:"have"`            // keys that have signed it
	Missing int      `json:"missing"`         // signatures
	Of      []string `json:"of,omitempty"`    // keys any of which may give them
	Waits   string   `json:"waits,omitempty"` // what else it waits for, when no signature is missing
}

// Applied is what Apply has done, and what still waits.
type Applied struct {
	Live    []Live    `json:"live"`
	Pending []Pending `json:"pending"`
}

// chosen is what would be live.
type chosen struct {
	root     *rootFile
	targets  *targetsFile
	products map[string]*targetsFile
}

// Apply has the keys sign what they may, and brings everything live that has
// enough signatures: drafts, and with the keys of snapshot and timestamp what
// names them. With renew, snapshot and timestamp are signed anew though nothing
// else has changed. Interrupted, it is finished by the next call.
func (f *Feed) Apply(renew bool, keys ...*Key) (Applied, error) {
	out, err := f.apply(renew, keys)
	if err != nil {
		return out, fmt.Errorf("cannot change the feed %s: %w", f.Dir, err)
	}
	return out, nil
}

func (f *Feed) apply(renew bool, keys []*Key) (Applied, error) {
	s, err := f.load()
	if err != nil {
		return Applied{}, err
	}
	if s.root == nil && s.draftRoot == nil {
		return Applied{}, f.none()
	}
	if err := f.sweep(s); err != nil {
		return Applied{}, err
	}
	if err := f.heal(s); err != nil {
		return Applied{}, err
	}
	if err := f.signDrafts(s, keys); err != nil {
		return Applied{}, err
	}
	c := s.choose()
	if c == nil {
		return Applied{Pending: f.waiting(s, nil, "")}, nil
	}
	if !renew && !s.changes(c) {
		return Applied{Pending: f.waiting(s, c, "")}, nil
	}
	snapshot, timestamp, missing, err := f.online(s, c, renew, keys)
	if err != nil {
		return Applied{}, err
	}
	if len(missing) > 0 {
		if renew {
			return Applied{}, mistake("name them with --key, or do it on the computer that has them", "the keys of "+strings.Join(missing, " and ")+" are needed")
		}
		return Applied{Pending: f.waiting(s, c, "the keys of "+strings.Join(missing, " and "))}, nil
	}
	live, err := f.publish(s, c, snapshot, timestamp)
	if err != nil {
		return Applied{}, err
	}
	if s, err = f.load(); err != nil { // what waits still
		return Applied{}, err
	}
	return Applied{Live: live, Pending: f.waiting(s, nil, "")}, nil
}

// rules are who may sign a draft. Where who may sign is about to change, it is
// those who will: what the others sign would have to be signed again at once.
func (s *state) rules(role string) []rule {
	switch {
	case role == RoleRoot:
		return []rule{rootRule(s.root, role), rootRule(s.draftRoot, role)}
	case role == RoleTargets && s.draftRoot != nil:
		return []rule{rootRule(s.draftRoot, role)}
	case role == RoleTargets:
		return []rule{rootRule(s.root, role)}
	case productRule(s.draftTargets, role).threshold > 0:
		return []rule{productRule(s.draftTargets, role)}
	}
	return []rule{productRule(s.targets, role)}
}

// heal drafts anew what would not be valid any more under the other drafts.
func (f *Feed) heal(s *state) (err error) {
	if s.draftRoot != nil && s.targets != nil && s.draftTargets == nil && !signed(s.draftRoot, RoleTargets, s.targets) {
		if s.draftTargets, err = f.nextTargets(s); err == nil {
			err = save(f, RoleTargets, s.draftTargets)
		}
		if err != nil {
			return err
		}
	}
	for product, live := range s.products {
		if s.draftTargets == nil || s.draftProducts[product] != nil || signed(s.draftTargets, product, live) {
			continue
		}
		next, err := f.nextProduct(s, product)
		if err == nil {
			err = save(f, product, next)
		}
		if err != nil {
			return err
		}
		s.draftProducts[product] = next
	}
	return nil
}

// signDrafts keeps what the keys have signed.
func (f *Feed) signDrafts(s *state, keys []*Key) error {
	if s.draftRoot != nil {
		changed, err := signWith(s.draftRoot, keys, s.rules(RoleRoot)...)
		if err == nil && changed {
			err = f.saveRoot(s.draftRoot)
		}
		if err != nil {
			return err
		}
	}
	drafts := maps.Clone(s.draftProducts)
	if s.draftTargets != nil {
		drafts[RoleTargets] = s.draftTargets
	}
	for _, role := range slices.Sorted(maps.Keys(drafts)) {
		changed, err := signWith(drafts[role], keys, s.rules(role)...)
		if err == nil && changed {
			err = save(f, role, drafts[role])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choose takes the newest of everything that fits together; nil when nothing does.
func (s *state) choose() *chosen {
	var roots []*rootFile
	if s.draftRoot != nil && signed(s.draftRoot, RoleRoot, s.draftRoot) && (s.root == nil || signed(s.root, RoleRoot, s.draftRoot)) {
		roots = append(roots, s.draftRoot)
	}
	if s.root != nil {
		roots = append(roots, s.root)
	}
	for _, root := range roots {
		for _, targets := range []*targetsFile{s.draftTargets, s.targets} {
			if !signed(root, RoleTargets, targets) {
				continue
			}
			if products, ok := s.under(targets); ok {
				return &chosen{root, targets, products}
			}
		}
	}
	return nil
}

// under are the products' files that fit under some targets. Not ok: a product
// that is published would be lost.
func (s *state) under(t *targetsFile) (map[string]*targetsFile, bool) {
	out := map[string]*targetsFile{}
	if t.Signed.Delegations != nil {
		for _, d := range t.Signed.Delegations.Roles {
			if draft := s.draftProducts[d.Name]; signed(t, d.Name, draft) {
				out[d.Name] = draft
			} else if live := s.products[d.Name]; signed(t, d.Name, live) {
				out[d.Name] = live
			}
		}
	}
	for product := range s.products {
		if out[product] == nil {
			return nil, false
		}
	}
	return out, true
}

// changes says whether anything chosen is not live, or what is live cannot stay.
func (s *state) changes(c *chosen) bool {
	return c.root != s.root || c.targets != s.targets || !maps.Equal(c.products, s.products) ||
		!signed(c.root, RoleSnapshot, s.snapshot) || !signed(c.root, RoleTimestamp, s.timestamp)
}

// online makes snapshot and timestamp. missing are the roles whose keys are not there.
func (f *Feed) online(s *state, c *chosen, renew bool, keys []*Key) (snapshot *snapshotFile, timestamp *timestampFile, missing []string, err error) {
	snapshot = s.snapshot
	same := s.snapshot != nil && c.targets == s.targets && maps.Equal(c.products, s.products) && signed(c.root, RoleSnapshot, s.snapshot)
	// a renewal every day does not need a new file every day
	left := f.expires(RoleSnapshot).Sub(f.Now()) / 2
	if !same || renew && s.snapshot.Signed.Expires.Sub(f.Now()) < left {
		snapshot = metadata.Snapshot(f.expires(RoleSnapshot))
		if s.snapshot != nil {
			snapshot.Signed.Version = s.snapshot.Signed.Version + 1
		}
		snapshot.Signed.Meta = map[string]*metadata.MetaFiles{}
		all := maps.Clone(c.products)
		all[RoleTargets] = c.targets
		for role, t := range all {
			text, err := f.text(t, role, t == s.targets || t == s.products[role])
			if err != nil {
				return nil, nil, nil, err
			}
			snapshot.Signed.Meta[role+".json"] = describe(t.Signed.Version, text)
		}
		if _, err := signWith(snapshot, keys, rootRule(c.root, RoleSnapshot)); err != nil {
			return nil, nil, nil, err
		}
		if !signed(c.root, RoleSnapshot, snapshot) {
			missing = append(missing, RoleSnapshot)
		}
	}
	timestamp = metadata.Timestamp(f.expires(RoleTimestamp))
	if s.timestamp != nil {
		timestamp.Signed.Version = s.timestamp.Signed.Version + 1
	}
	text, err := encode(snapshot)
	if snapshot == s.snapshot {
		text, err = f.FS.ReadFile(f.path(MetadataDir, fmt.Sprintf("%d.snapshot.json", snapshot.Signed.Version)))
	}
	if err != nil {
		return nil, nil, nil, err
	}
	timestamp.Signed.Meta["snapshot.json"] = describe(snapshot.Signed.Version, text)
	if _, err := signWith(timestamp, keys, rootRule(c.root, RoleTimestamp)); err != nil {
		return nil, nil, nil, err
	}
	if !signed(c.root, RoleTimestamp, timestamp) {
		missing = append(missing, RoleTimestamp)
	}
	return snapshot, timestamp, missing, nil
}

// text is the file of targets: what lies there, or what will.
func (f *Feed) text(t *targetsFile, role string, live bool) ([]byte, error) {
	if live {
		return f.FS.ReadFile(f.path(MetadataDir, fmt.Sprintf("%d.%s.json", t.Signed.Version, role)))
	}
	return encode(t)
}

// publish writes what is new: what is named before what names it. The drafts go
// when all of it is there.
func (f *Feed) publish(s *state, c *chosen, snapshot *snapshotFile, timestamp *timestampFile) ([]Live, error) {
	var live []Live
	if c.root != s.root {
		if err := write(f, c.root, fmt.Sprintf("%d.root.json", c.root.Signed.Version)); err != nil {
			return nil, err
		}
		live = append(live, Live{RoleRoot, c.root.Signed.Version, c.root.Signed.Expires})
	}
	targets := func(role string, t, before *targetsFile) error {
		if t == before {
			return nil
		}
		live = append(live, Live{role, t.Signed.Version, t.Signed.Expires})
		return write(f, t, fmt.Sprintf("%d.%s.json", t.Signed.Version, role))
	}
	if err := targets(RoleTargets, c.targets, s.targets); err != nil {
		return nil, err
	}
	for _, product := range slices.Sorted(maps.Keys(c.products)) {
		if err := targets(product, c.products[product], s.products[product]); err != nil {
			return nil, err
		}
	}
	if snapshot != s.snapshot {
		if err := write(f, snapshot, fmt.Sprintf("%d.snapshot.json", snapshot.Signed.Version)); err != nil {
			return nil, err
		}
		live = append(live, Live{RoleSnapshot, snapshot.Signed.Version, snapshot.Signed.Expires})
	}
	if err := write(f, timestamp, "timestamp.json"); err != nil {
		return nil, err
	}
	live = append(live, Live{RoleTimestamp, timestamp.Signed.Version, timestamp.Signed.Expires})
	for _, l := range live {
		path := f.path(PendingDir, l.Role+".json")
		if !exists(f.FS, path) {
			continue
		}
		if err := f.FS.Remove(path); err != nil {
			return nil, err
		}
	}
	return live, nil
}

func write[T metadata.Roles](f *Feed, m *metadata.Metadata[T], name string) error {
	text, err := encode(m)
	if err != nil {
		return err
	}
	return f.put(text, MetadataDir, name)
}

// waiting lists the drafts, less those that are chosen, unless these wait, too.
func (f *Feed) waiting(s *state, c *chosen, waits string) []Pending {
	known := s.names()
	var out []Pending
	add := func(role string, version int64, ready bool, rules []rule, have func(rule) []string) {
		p := Pending{Role: role, Version: version, File: f.path(PendingDir, role+".json"), Have: []string{}}
		if ready {
			p.Waits = waits
		}
		var may []string
		for _, r := range rules {
			got := have(r)
			for _, id := range got {
				if name := called(id, known); !slices.Contains(p.Have, name) {
					p.Have = append(p.Have, name)
				}
			}
			if n := r.threshold - len(got); n > 0 {
				p.Missing = max(p.Missing, n)
				for id := range r.keys {
					if name := called(id, known); !slices.Contains(got, id) && !slices.Contains(may, name) {
						may = append(may, name)
					}
				}
			}
		}
		slices.Sort(may)
		slices.Sort(p.Have)
		p.Of = may
		if p.Missing == 0 && p.Waits == "" {
			p.Waits = "other drafts"
		}
		out = append(out, p)
	}
	if d := s.draftRoot; d != nil {
		add(RoleRoot, d.Signed.Version, c != nil && c.root == d, s.rules(RoleRoot), func(r rule) []string { return signers(r, d) })
	}
	if d := s.draftTargets; d != nil {
		add(RoleTargets, d.Signed.Version, c != nil && c.targets == d, s.rules(RoleTargets), func(r rule) []string { return signers(r, d) })
	}
	for _, product := range slices.Sorted(maps.Keys(s.draftProducts)) {
		d := s.draftProducts[product]
		add(product, d.Signed.Version, c != nil && c.products[product] == d, s.rules(product), func(r rule) []string { return signers(r, d) })
	}
	return out
}

// names are those of all keys in a feed and its drafts.
func (s *state) names() map[string]string {
	out := map[string]string{}
	if s.root != nil {
		maps.Copy(out, names(s.root.Signed.UnrecognizedFields))
	}
	if s.draftRoot != nil {
		maps.Copy(out, names(s.draftRoot.Signed.UnrecognizedFields))
	}
	for _, t := range []*targetsFile{s.targets, s.draftTargets} {
		if t != nil {
			maps.Copy(out, names(t.Signed.UnrecognizedFields))
		}
	}
	return out
}
