package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// sameVersion looks, before anything starts, whether the roles that must agree
// do: while they are installed one after the other they do not, and nothing may
// run meanwhile.
func (b *builder) sameVersion(h HopInput) {
	p := &VerifyParams{Consecutive: 1, Every: 10 * time.Millisecond}
	var names []string
	roles := strings.Join(b.res.Raw.SameVersion, ", ")
	found := func(id string) string { return b.in.Facts.Instances[id].Version }
	for _, id := range b.res.Product.Order {
		c := b.res.Product.Components[id]
		want := b.version(id, b.n)
		if c.Role == "" || !slices.Contains(b.res.Raw.SameVersion, c.Role) || c.Version == nil || asks(*c.Version) || c.Data() || want == "" || h.Return != nil {
			continue
		}
		pr, err := b.res.Unit(id).Probe(*c.Version)
		if !b.check(err) {
			continue
		}
		if len(names) > 0 && p.Versions[0].Want != want {
			b.refuse("%s and %s must be of the same version (same-version: %s), but after %s they are on %s and %s", names[0], id, roles, h.Release.Version, p.Versions[0].Want, want)
		}
		if len(names) > 0 && b.n == 1 && found(id) != found(names[0]) {
			b.noteOnce("%s is on %s and %s on %s now, though they must be of the same version: the run brings both to %s", names[0], found(names[0]), id, found(id), b.plan.To)
		}
		component, instance, _ := strings.Cut(id, "@")
		names = append(names, id)
		p.Versions = append(p.Versions, VersionCheck{Component: component, Instance: instance, Probe: *pr, Want: want})
	}
	if len(names) < 2 {
		return
	}
	b.add(Step{ID: "same-version", Verb: "verify", Phase: string(manifest.AfterInstall), Class: Check,
		Title: fmt.Sprintf("verify, before anything starts, that %s are all on %s", strings.Join(names, ", "), p.Versions[0].Want)}, p)
}

// asks says that a probe asks the running product.
func asks(p manifest.Probe) bool {
	return slices.Contains([]string{"http", "port", "tcp", "tls"}, p.Source)
}
