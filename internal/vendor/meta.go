package vendor

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
)

// The files of roles, as go-tuf has them.
type (
	rootFile      = metadata.Metadata[metadata.RootType]
	targetsFile   = metadata.Metadata[metadata.TargetsType]
	snapshotFile  = metadata.Metadata[metadata.SnapshotType]
	timestampFile = metadata.Metadata[metadata.TimestampType]
)

// namesField is a field of ours in root and targets: the names of their keys, for
// people. TUF has readers pass over fields that they do not know.
const namesField = "x-upkeep-key-names"

// parse reads a file of a role. The library panics on some JSON that is none of
// TUF's, such as null where an object belongs.
func parse[T metadata.Roles](text []byte) (m *metadata.Metadata[T], err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("it is not as TUF has it: %v", r)
		}
	}()
	m, err = new(metadata.Metadata[T]).FromBytes(text)
	if err == nil {
		_, err = m.ToBytes(false) // what could not be written cannot be signed
	}
	return m, err
}

func encode[T metadata.Roles](m *metadata.Metadata[T]) ([]byte, error) {
	text, err := m.ToBytes(true)
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// clone gives a copy without signatures, to be changed.
func clone[T metadata.Roles](m *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	text, err := m.ToBytes(false)
	if err != nil {
		return nil, err
	}
	out, err := parse[T](text)
	if err == nil {
		out.ClearSignatures()
	}
	return out, err
}

// signed says whether the file has enough signatures of a role. by is a root,
// or targets with delegations.
func signed[B metadata.Roles, T metadata.Roles](by *metadata.Metadata[B], role string, m *metadata.Metadata[T]) bool {
	return by != nil && m != nil && by.VerifyDelegate(role, m) == nil
}

// rule is who may sign for a role, and how many must.
type rule struct {
	keys      map[string]*metadata.Key // by id
	threshold int
}

func rootRule(r *rootFile, role string) rule {
	out := rule{keys: map[string]*metadata.Key{}}
	if r == nil || r.Signed.Roles[role] == nil {
		return out
	}
	out.threshold = r.Signed.Roles[role].Threshold
	for _, id := range r.Signed.Roles[role].KeyIDs {
		out.keys[id] = r.Signed.Keys[id]
	}
	return out
}

func productRule(t *targetsFile, product string) rule {
	out := rule{keys: map[string]*metadata.Key{}}
	if t == nil || t.Signed.Delegations == nil {
		return out
	}
	for _, d := range t.Signed.Delegations.Roles {
		if d.Name == product {
			out.threshold = d.Threshold
			for _, id := range d.KeyIDs {
				out.keys[id] = t.Signed.Delegations.Keys[id]
			}
		}
	}
	return out
}

// signers are the keys of the rule whose signatures under a file are good.
func signers[T metadata.Roles](r rule, m *metadata.Metadata[T]) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(r.keys)) {
		// a root with this one key alone says whether it has signed
		one := metadata.Root(time.Time{})
		one.Signed.Roles[RoleTargets] = &metadata.Role{KeyIDs: []string{id}, Threshold: 1}
		one.Signed.Keys[id] = r.keys[id]
		if r.keys[id] != nil && one.VerifyDelegate(RoleTargets, m) == nil {
			out = append(out, id)
		}
	}
	return out
}

// sign adds the signature of a key in place of an older one of the same key.
func sign[T metadata.Roles](m *metadata.Metadata[T], k *Key) error {
	s, err := k.signer()
	if err != nil {
		return err
	}
	m.Signatures = slices.DeleteFunc(m.Signatures, func(s metadata.Signature) bool { return s.KeyID == k.ID })
	if _, err := m.Sign(s); err != nil {
		return fmt.Errorf("cannot sign with the key %s: %w", k.Name, err)
	}
	return nil
}

// signWith has keys sign that the rules allow and that have not, until there are
// enough: a key that is not needed is not opened.
func signWith[T metadata.Roles](m *metadata.Metadata[T], keys []*Key, rules ...rule) (changed bool, err error) {
	for _, r := range rules {
		have := signers(r, m)
		for _, k := range keys {
			if len(have) >= r.threshold {
				break
			}
			if r.keys[k.ID] == nil || !k.CanSign() || slices.Contains(have, k.ID) {
				continue
			}
			if err := sign(m, k); err != nil {
				return changed, err
			}
			have, changed = append(have, k.ID), true
		}
	}
	return changed, nil
}

// names are those of the keys in a root or in targets.
func names(fields map[string]any) map[string]string {
	out := map[string]string{}
	list, _ := fields[namesField].(map[string]any)
	for id, name := range list {
		if s, ok := name.(string); ok && keyName.MatchString(s) {
			out[id] = s
		}
	}
	return out
}

// setNames writes the names of keys that are there.
func setNames(fields *map[string]any, known map[string]string, there func(id string) bool) {
	list := map[string]any{}
	for id, name := range known {
		if there(id) {
			list[id] = name
		}
	}
	if *fields == nil {
		*fields = map[string]any{}
	}
	(*fields)[namesField] = list
}

// called is how a key is called for people.
func called(id string, known map[string]string) string {
	if n := known[id]; n != "" {
		return n
	}
	return id[:min(len(id), 12)]
}

// state is what lies in the folder of a feed.
type state struct {
	root      *rootFile // nil: nothing is live yet
	targets   *targetsFile
	products  map[string]*targetsFile
	snapshot  *snapshotFile
	timestamp *timestampFile

	draftRoot     *rootFile
	draftTargets  *targetsFile
	draftProducts map[string]*targetsFile
	stale         []string // files of drafts that are live, left by a call that was interrupted
}

var versioned = regexp.MustCompile(`^([1-9][0-9]{0,17})\.root\.json$`)

// load reads everything.
func (f *Feed) load() (*state, error) {
	s := &state{products: map[string]*targetsFile{}, draftProducts: map[string]*targetsFile{}}
	err := s.live(f)
	if err == nil {
		err = s.drafts(f)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the feed %s: %w", f.Dir, err)
	}
	return s, nil
}

func (s *state) live(f *Feed) error {
	list, err := f.FS.ReadDir(f.path(MetadataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	newest := int64(0)
	for _, e := range list {
		if m := versioned.FindStringSubmatch(e.Name); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return nil
	}
	if s.root, err = read[metadata.RootType](f, MetadataDir, fmt.Sprintf("%d.root.json", newest)); err != nil {
		return err
	}
	if s.timestamp, err = read[metadata.TimestampType](f, MetadataDir, "timestamp.json"); errors.Is(err, fs.ErrNotExist) {
		return nil // the very first change was interrupted
	} else if err != nil {
		return err
	}
	meta := s.timestamp.Signed.Meta["snapshot.json"]
	if meta == nil {
		return errors.New("timestamp.json names no snapshot")
	}
	if s.snapshot, err = read[metadata.SnapshotType](f, MetadataDir, fmt.Sprintf("%d.snapshot.json", meta.Version)); err != nil {
		return err
	}
	for name, meta := range s.snapshot.Signed.Meta {
		role, ok := strings.CutSuffix(name, ".json")
		if !ok || meta == nil {
			return fmt.Errorf("the snapshot names %q", name)
		}
		t, err := read[metadata.TargetsType](f, MetadataDir, fmt.Sprintf("%d.%s.json", meta.Version, role))
		if err != nil {
			return err
		}
		if role == RoleTargets {
			s.targets = t
		} else {
			s.products[role] = t
		}
	}
	return nil
}

// drafts reads what waits for signatures, and passes over what is live already.
func (s *state) drafts(f *Feed) error {
	list, err := f.FS.ReadDir(f.path(PendingDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range list {
		role, ok := strings.CutSuffix(e.Name, ".json")
		if !ok || strings.HasPrefix(e.Name, ".") {
			continue
		}
		if role == RoleRoot {
			d, err := read[metadata.RootType](f, PendingDir, e.Name)
			if err != nil {
				return err
			}
			if s.root != nil && d.Signed.Version <= s.root.Signed.Version {
				s.stale = append(s.stale, e.Name)
			} else {
				s.draftRoot = d
			}
			continue
		}
		d, err := read[metadata.TargetsType](f, PendingDir, e.Name)
		if err != nil {
			return err
		}
		live := s.products[role]
		if role == RoleTargets {
			live = s.targets
		}
		switch {
		case d.Signed.Version <= versionOf(live):
			s.stale = append(s.stale, e.Name)
		case role == RoleTargets:
			s.draftTargets = d
		default:
			s.draftProducts[role] = d
		}
	}
	return nil
}

// sweep removes what calls that were interrupted have left.
func (f *Feed) sweep(s *state) error {
	if err := durable.Sweep(f.FS, f.path(MetadataDir), f.path(PendingDir)); err != nil {
		return err
	}
	for _, name := range s.stale {
		if err := f.FS.Remove(f.path(PendingDir, name)); err != nil {
			return err
		}
	}
	return nil
}

func versionOf(t *targetsFile) int64 {
	if t == nil {
		return 0
	}
	return t.Signed.Version
}

func read[T metadata.Roles](f *Feed, dir, name string) (*metadata.Metadata[T], error) {
	text, err := f.FS.ReadFile(f.path(dir, name))
	if err != nil {
		return nil, err
	}
	m, err := parse[T](text)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", dir, name, err)
	}
	return m, nil
}

// describe is an entry of a snapshot or timestamp.
func describe(version int64, text []byte) *metadata.MetaFiles {
	m := metadata.MetaFile(version)
	m.Length = int64(len(text))
	sum := sha256.Sum256(text)
	m.Hashes = metadata.Hashes{"sha256": sum[:]}
	return m
}

// roleOf tells the role of a loose file by its type: root, or targets.
func roleOf(text []byte) string {
	var head struct {
		Signed struct {
			Type string `json:"_type"`
		} `json:"signed"`
	}
	_ = json.Unmarshal(text, &head) // what it is not is no role
	return head.Signed.Type
}
