package manage

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/approval"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/push"
	"upkeep/internal/site"
	"upkeep/internal/vendor"
	"upkeep/internal/version"
)

// pushed is the signature that lets a release be pushed.
type pushed struct {
	file []byte
	by   plan.Signer
}

// trusted gives the keys whose signature a trigger needs. Not bound: the
// installation says nothing of the trigger, and it needs none.
func (in *Installation) trusted(trigger string) (keys []plan.Signer, bound bool, err error) {
	list, bound := in.Doc.Trust[trigger]
	for _, k := range list {
		s, err := in.trustedKey(k)
		if err != nil {
			return nil, true, &RefusedError{What: "whom this installation trusts for " + trigger + " cannot be told", Reasons: []string{err.Error()}}
		}
		keys = append(keys, s)
	}
	return keys, bound, nil
}

func (in *Installation) trustedKey(k site.TrustedKey) (plan.Signer, error) {
	if k.Key != "" {
		return plan.Signer{Key: k.Key}, nil
	}
	path := in.place(k.File)
	info, err := in.FS.Stat(path)
	if err != nil {
		return plan.Signer{}, fmt.Errorf("the file that trust: names cannot be read: %w", err)
	}
	if info.Mode.Perm()&0o022 != 0 {
		return plan.Signer{}, fmt.Errorf("others can write to %s (mode %04o), and so put their own key in it: chmod go-w %s", path, info.Mode.Perm(), path)
	}
	name := strings.TrimSuffix(filepath.Base(path), vendor.PublicSuffix)
	text, err := in.FS.ReadFile(path)
	if err != nil {
		return plan.Signer{}, fmt.Errorf("the file that trust: names cannot be read: %w", err)
	}
	key, err := vendor.ParseKey(name, text, func(string, bool) (string, error) { return "", errors.New("only its public half is wanted") })
	if err != nil {
		return plan.Signer{}, fmt.Errorf("%s, which trust: names: %w: upkeep vendor keys create makes such files, NAME%s", path, err, vendor.PublicSuffix)
	}
	return plan.Signer{Name: name, Key: key.ID}, nil
}

// accepted leaves those of the releases whose bundles may be pushed by a
// trigger, and refuses where none is left. It comes before anything of a release
// is used: its probes are commands. Where the installation says nothing of the
// trigger all are left.
func (in *Installation) accepted(trigger string, releases []Release) ([]Release, error) {
	keys, bound, err := in.trusted(trigger)
	if err != nil {
		return nil, err
	}
	if !bound {
		return releases, in.misspelt(trigger, releases)
	}
	var good []Release
	var reasons []string
	for _, r := range releases {
		files, err := r.Bundle.Signatures()
		if err != nil {
			return nil, fmt.Errorf("cannot read the signatures of the bundle %s: %w", r.Bundle.Origin(), err)
		}
		signer := func(id string) int { return slices.IndexFunc(keys, func(s plan.Signer) bool { return s.Key == id }) }
		name, id, there := push.Find(files, r.Bundle.Digest(), trigger, func(id string) bool { return signer(id) >= 0 })
		if name == "" {
			if len(there) == 0 {
				there = []string{"nobody has signed it"}
			}
			reasons = append(reasons, fmt.Sprintf("the bundle %s (%.12s…): %s", r.Bundle.Origin(), r.Bundle.Digest(), strings.Join(there, ", ")))
			continue
		}
		r.pushed = &pushed{file: files[name], by: keys[signer(id)]}
		good = append(good, r)
	}
	if len(good) > 0 {
		return good, nil
	}
	whom := "nobody"
	if len(keys) > 0 {
		var names []string
		for _, k := range keys {
			names = append(names, k.String())
		}
		whom = strings.Join(names, ", ")
	}
	return nil, &RefusedError{What: "what is pushed by " + trigger + " has no signature that this installation accepts", Reasons: append(reasons,
		"this installation trusts for "+trigger+": "+whom,
		"have it signed by one of them (upkeep vendor sign BUNDLE --trigger "+trigger+"); if you know the key yourself, add it under trust: in "+in.Path)}
}

// misspelt refuses a push that needs no signature where the installation asks
// for signatures of a trigger that the product does not have: that word was
// meant for something.
func (in *Installation) misspelt(trigger string, releases []Release) error {
	if trigger == "" || trigger == plan.TriggerCommand || len(releases) == 0 {
		return nil
	}
	declared := releases[0].Product.Triggers
	have := cmp.Or(strings.Join(slices.Sorted(maps.Keys(declared)), ", "), "none")
	for _, name := range slices.Sorted(maps.Keys(in.Doc.Trust)) {
		if _, ok := declared[name]; !ok {
			return &RefusedError{What: "whom this installation trusts cannot be told", Reasons: []string{fmt.Sprintf("trust: in %s names the trigger %s, and %s declares %s: correct it, or remove it",
				in.Path, name, releases[0].Product.ID, have)}}
		}
	}
	return nil
}

// signedPush gives whose signatures stand for what is pushed; nil where none is
// asked for, and the word of the feed counts.
func signedPush(hops []hop, req Request) (*plan.Vouch, error) {
	v := &plan.Vouch{}
	for _, h := range hops {
		if h.release.pushed == nil {
			return nil, nil
		}
		if h.release.Feed != nil {
			if err := recent(h.release); err != nil {
				return nil, err
			}
		}
		v.Signers = append(v.Signers, h.release.pushed.by)
	}
	if req.Unsigned != "" {
		return nil, &RefusedError{What: "--unsigned is of no use here", Reasons: []string{"the push is signed by " + v.Keys()}}
	}
	return v, nil
}

// notOlder refuses a push that would bring an older version of something than is
// there: an old push counts as long as its key does, and somebody may have kept
// it. A person who wants it starts it herself.
func notOlder(order version.Order, trigger string, target Release, f plan.Facts) error {
	if trigger == "" || trigger == plan.TriggerCommand {
		return nil
	}
	var reasons []string
	for _, unit := range slices.Sorted(maps.Keys(f.Instances)) {
		want, known := target.Release.Versions[plan.ComponentOf(unit)]
		if have := f.Instances[unit].Version; known && have != "" && older(order, want, have) {
			reasons = append(reasons, fmt.Sprintf("%s is %s, and the push brings %s", unit, have, want))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return &RefusedError{What: "what is pushed by " + trigger + " is older than what is installed", Reasons: append(reasons, "if you want the older one, start it yourself, without --trigger")}
}

// older compares versions of a component, which may be of another order than
// the product's.
func older(order version.Order, a, b string) bool {
	c, err := order.Compare(a, b)
	if err != nil {
		dotted, derr := version.Parse("dotted")
		if derr != nil {
			return false
		}
		c, err = dotted.Compare(a, b)
	}
	return err == nil && c < 0
}

// pushFile is the signature of a hop's release, in the folder of a run.
func pushFile(run string, hop int) string {
	return filepath.Join(run, vouchName, fmt.Sprintf("push-%d.json", hop+1))
}

// keepPush keeps, with the run, the signatures that let its releases be pushed.
func (in *Installation) keepPush(p *Prepared, id string) error {
	if p.Plan.Vouch == nil || len(p.Plan.Vouch.Signers) == 0 {
		return nil
	}
	for i, r := range p.Releases {
		if r.pushed == nil {
			return fmt.Errorf("release %s has no signature of a push", r.Release.Version)
		}
		path := pushFile(in.RunDir(id), i)
		if err := in.FS.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("cannot keep the signature of what is pushed: %w", err)
		}
		if err := in.FS.WriteFile(path, r.pushed.file, 0o600); err != nil {
			return fmt.Errorf("cannot keep the signature of what is pushed: %w", err)
		}
	}
	return nil
}

// stillPushed checks the signatures of a run's releases again, from what was
// kept with it: they must be those of the keys that the plan names.
func stillPushed(fsys durable.FS, dir string, p *plan.Plan) error {
	refuse := func(format string, a ...any) error {
		return &approval.RefusedError{Why: "the signature of what is pushed does not hold: " + fmt.Sprintf(format, a...)}
	}
	if len(p.Vouch.Signers) != len(p.Hops) {
		return refuse("the plan names %d signers of %d releases", len(p.Vouch.Signers), len(p.Hops))
	}
	for i, h := range p.Hops {
		text, err := fsys.ReadFile(pushFile(dir, i))
		if err != nil {
			return refuse("%v", err)
		}
		s, key, err := push.Read(text)
		if err != nil {
			return refuse("%v", err)
		}
		if want := p.Vouch.Signers[i]; key != want.Key {
			return refuse("it is of the key %.12s, and the plan names %s", key, want)
		}
		if why := s.Covers(h.Bundle, p.Trigger); why != "" {
			return refuse("the key %.12s has signed %s", key, why)
		}
	}
	return nil
}
