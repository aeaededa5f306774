package vendor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/channel"
)

// Ceremony are the keys of a new feed; their public halves are enough.
type Ceremony struct {
	Root, Targets       []*Key
	RootNeeds           int // how many root keys must sign; 0: 3, or all if there are fewer
	TargetsNeeds        int // 0: 2, or all if there are fewer
	Snapshot, Timestamp *Key
}

// Create drafts the first root and the first targets of a feed. They go live
// with Apply.
func (f *Feed) Create(c Ceremony) error {
	s, err := f.load()
	if err != nil {
		return err
	}
	if s.root != nil {
		return mistake("choose an empty folder", "cannot make a feed: "+f.Dir+" is one already")
	}
	if len(c.Root) == 0 || len(c.Targets) == 0 || c.Snapshot == nil || c.Timestamp == nil {
		return mistake("upkeep vendor keys create makes all of them", "a feed needs keys for root, targets, snapshot and timestamp")
	}
	root := metadata.Root(f.expires(RoleRoot))
	for role, keys := range map[string][]*Key{RoleRoot: c.Root, RoleTargets: c.Targets, RoleSnapshot: {c.Snapshot}, RoleTimestamp: {c.Timestamp}} {
		for _, k := range keys {
			if err := addKey(root, role, k); err != nil {
				return err
			}
		}
	}
	root.Signed.Roles[RoleRoot].Threshold = needed(c.RootNeeds, 3, len(c.Root))
	root.Signed.Roles[RoleTargets].Threshold = needed(c.TargetsNeeds, 2, len(c.Targets))
	if err := reachable(root); err != nil {
		return err
	}
	if err := f.saveRoot(root); err != nil {
		return err
	}
	return save(f, RoleTargets, metadata.Targets(f.expires(RoleTargets)))
}

func needed(wanted, usual, keys int) int {
	if wanted > 0 {
		return wanted
	}
	return min(usual, keys)
}

func addKey(root *rootFile, role string, k *Key) error {
	t, err := k.tuf()
	if err != nil {
		return err
	}
	if err := root.Signed.AddKey(t, role); err != nil {
		return err
	}
	known := names(root.Signed.UnrecognizedFields)
	known[k.ID] = k.Name
	setNames(&root.Signed.UnrecognizedFields, known, func(id string) bool { return root.Signed.Keys[id] != nil })
	return nil
}

// reachable refuses a role that could never be signed, or by nobody in particular.
func reachable(root *rootFile) error {
	for _, role := range []string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp} {
		r := root.Signed.Roles[role]
		if err := fits(role, len(r.KeyIDs), r.Threshold); err != nil {
			return err
		}
	}
	return nil
}

func fits(role string, keys, threshold int) error {
	if threshold < 1 || threshold > keys {
		return mistake("add a key with --add, or lower it with --threshold",
			fmt.Sprintf("the role %s would need %d signatures of %d keys: it could never be signed", role, threshold, keys))
	}
	return nil
}

func (f *Feed) saveRoot(root *rootFile) error { return save(f, RoleRoot, root) }

// save writes a draft.
func save[T metadata.Roles](f *Feed, role string, m *metadata.Metadata[T]) error {
	text, err := encode(m)
	if err != nil {
		return err
	}
	return f.put(text, PendingDir, role+".json")
}

// nextRoot is the root to change: the draft, or a new version of the live one.
func (f *Feed) nextRoot(s *state) (*rootFile, error) {
	base := s.draftRoot
	if base == nil {
		base = s.root
	}
	if base == nil {
		return nil, f.none()
	}
	next, err := clone(base)
	if err == nil {
		next.Signed.Version = 1
		if s.root != nil {
			next.Signed.Version = s.root.Signed.Version + 1
		}
		next.Signed.Expires = f.expires(RoleRoot)
	}
	return next, err
}

func (f *Feed) nextTargets(s *state) (*targetsFile, error) {
	base := s.draftTargets
	if base == nil {
		base = s.targets
	}
	if base == nil {
		return nil, f.none()
	}
	return f.next(base, s.targets, RoleTargets)
}

func (f *Feed) nextProduct(s *state, product string) (*targetsFile, error) {
	base := s.draftProducts[product]
	if base == nil {
		base = s.products[product]
	}
	if base == nil {
		return f.next(metadata.Targets(f.Now()), nil, product)
	}
	return f.next(base, s.products[product], product)
}

func (f *Feed) next(base, live *targetsFile, role string) (*targetsFile, error) {
	next, err := clone(base)
	if err == nil {
		next.Signed.Version = versionOf(live) + 1
		next.Signed.Expires = f.expires(role)
	}
	return next, err
}

func (f *Feed) none() error {
	return mistake("make one with: upkeep vendor feed create", f.Dir+" is no feed")
}

// AddProduct drafts targets that leave a product's releases to its keys.
func (f *Feed) AddProduct(product string, threshold int, keys ...*Key) error {
	switch {
	case !channel.ProductID.MatchString(product):
		return mistake("use small letters, digits, - and _", fmt.Sprintf("no product can be called %q", product))
	case slices.Contains([]string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp}, product):
		return mistake("call the product otherwise", "a product cannot be called "+product+": that is a role of every feed")
	}
	if threshold == 0 {
		threshold = 1
	}
	if err := fits(product, len(keys), threshold); err != nil {
		return err
	}
	s, err := f.load()
	if err != nil {
		return err
	}
	t, err := f.nextTargets(s)
	if err != nil {
		return err
	}
	if productRule(t, product).threshold > 0 {
		return mistake("change its keys with: upkeep vendor feed rotate", "the feed has the product "+product+" already")
	}
	if t.Signed.Delegations == nil {
		t.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	}
	d := t.Signed.Delegations
	d.Roles = append(d.Roles, metadata.DelegatedRole{Name: channel.Role(product), KeyIDs: []string{}, Threshold: threshold, Terminating: true, Paths: channel.Paths(product)})
	for _, k := range keys {
		if err := delegate(t, product, k); err != nil {
			return err
		}
	}
	return save(f, RoleTargets, t)
}

func delegate(t *targetsFile, product string, k *Key) error {
	key, err := k.tuf()
	if err != nil {
		return err
	}
	if err := t.Signed.AddKey(key, product); err != nil {
		return err
	}
	known := names(t.Signed.UnrecognizedFields)
	known[k.ID] = k.Name
	setNames(&t.Signed.UnrecognizedFields, known, func(id string) bool { return t.Signed.Delegations.Keys[id] != nil })
	return nil
}

// Rotation changes who signs for a role.
type Rotation struct {
	Add       []*Key
	Remove    []string // names, or the beginnings of ids
	Threshold int      // 0: as it is
}

// Rotate drafts the change: a new root, or for a product new targets. What the
// role has signed, and would not be valid any more, Apply drafts anew.
func (f *Feed) Rotate(role string, r Rotation) error {
	s, err := f.load()
	if err != nil {
		return err
	}
	if s.root == nil {
		return f.none()
	}
	if slices.Contains([]string{RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp}, role) {
		return f.rotateTop(s, role, r)
	}
	return f.rotateProduct(s, role, r)
}

func (f *Feed) rotateTop(s *state, role string, r Rotation) error {
	root, err := f.nextRoot(s)
	if err != nil {
		return err
	}
	for _, k := range r.Add {
		if err := addKey(root, role, k); err != nil {
			return err
		}
	}
	known := names(root.Signed.UnrecognizedFields)
	for _, word := range r.Remove {
		id, err := find(word, role, root.Signed.Roles[role].KeyIDs, known)
		if err != nil {
			return err
		}
		if err := root.Signed.RevokeKey(id, role); err != nil {
			return err
		}
	}
	setNames(&root.Signed.UnrecognizedFields, known, func(id string) bool { return root.Signed.Keys[id] != nil })
	if r.Threshold > 0 {
		root.Signed.Roles[role].Threshold = r.Threshold
	}
	if err := reachable(root); err != nil {
		return err
	}
	return f.saveRoot(root)
}

func (f *Feed) rotateProduct(s *state, product string, r Rotation) error {
	t, err := f.nextTargets(s)
	if err != nil {
		return err
	}
	if productRule(t, product).threshold == 0 {
		return mistake("upkeep vendor feed status lists what there is", "the feed has no role and no product "+product)
	}
	for _, k := range r.Add {
		if err := delegate(t, product, k); err != nil {
			return err
		}
	}
	known := names(t.Signed.UnrecognizedFields)
	i := slices.IndexFunc(t.Signed.Delegations.Roles, func(d metadata.DelegatedRole) bool { return d.Name == product })
	for _, word := range r.Remove {
		id, err := find(word, product, t.Signed.Delegations.Roles[i].KeyIDs, known)
		if err != nil {
			return err
		}
		if err := t.Signed.RevokeKey(id, product); err != nil {
			return err
		}
	}
	setNames(&t.Signed.UnrecognizedFields, known, func(id string) bool { return t.Signed.Delegations.Keys[id] != nil })
	d := &t.Signed.Delegations.Roles[i]
	if r.Threshold > 0 {
		d.Threshold = r.Threshold
	}
	if err := fits(product, len(d.KeyIDs), d.Threshold); err != nil {
		return err
	}
	return save(f, RoleTargets, t)
}

// find tells which key of a role a person means.
func find(word, role string, ids []string, known map[string]string) (string, error) {
	var fit []string
	for _, id := range ids {
		if known[id] == word || len(word) >= 6 && strings.HasPrefix(id, word) {
			fit = append(fit, id)
		}
	}
	if len(fit) == 1 {
		return fit[0], nil
	}
	var list []string
	for _, id := range ids {
		list = append(list, called(id, known))
	}
	slices.Sort(list)
	return "", mistake("its keys are "+strings.Join(list, ", "), fmt.Sprintf("%q names %d keys of the role %s", word, len(fit), role))
}

// Renew drafts roles anew as they are, with a later end; what is a draft already
// stays as it is, with its signatures. Snapshot and timestamp need no draft:
// Apply with Renew signs them.
func (f *Feed) Renew(roles ...string) error {
	s, err := f.load()
	if err != nil {
		return err
	}
	if s.root == nil {
		return f.none()
	}
	for _, role := range roles {
		switch {
		case role == RoleSnapshot || role == RoleTimestamp:
		case role == RoleRoot && s.draftRoot != nil, role == RoleTargets && s.draftTargets != nil, s.draftProducts[role] != nil:
		case role == RoleRoot:
			r, err := f.nextRoot(s)
			if err == nil {
				err = f.saveRoot(r)
			}
			if err != nil {
				return err
			}
		case role == RoleTargets:
			t, err := f.nextTargets(s)
			if err == nil {
				err = save(f, RoleTargets, t)
			}
			if err != nil {
				return err
			}
		case s.products[role] == nil:
			return mistake("upkeep vendor feed status lists what there is", "the feed has no role and no published product "+role)
		default:
			p, err := f.nextProduct(s, role)
			if err == nil {
				err = save(f, role, p)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
