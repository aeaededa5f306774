package plan

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// Early gives what says whether a check of the i-th release on the way can be
// told before the run: all of the first can. Of a later one, what people answer,
// what an earlier release says in the same words, and what is about the machine.
// How the product is between two hops shows only there.
func Early(r *Resolver, way []*manifest.Release, i int) func(manifest.Check) bool {
	said := map[string]bool{}
	for _, rel := range way[:i] {
		for _, c := range rel.Checks {
			said[words(c)] = true
		}
	}
	return func(c manifest.Check) bool {
		return i == 0 || c.Acknowledge != "" || r.ofMachine(c.Probe) || said[words(c)]
	}
}

// words are those of a check, without its place in the document.
func words(c manifest.Check) string {
	text, err := json.Marshal(c)
	if err != nil {
		return c.Pos.String() // there once only
	}
	return string(text)
}

// ofMachine says whether a probe reads the machine, whatever version of the
// product is on it.
func (r *Resolver) ofMachine(p manifest.Probe) bool {
	if len(p.Args) == 0 {
		return false
	}
	switch p.Source {
	case "os", "memory", "free", "inodes", "clock", "dns", "tls", "pending-restart", "registry", "ask":
		return true
	case "package":
		return !slices.ContainsFunc(r.Product.Order, func(id string) bool {
			c := r.Product.Components[id]
			return c.Kind == "package" && (slices.Contains(c.Packages, p.Args[0]) || len(c.Packages) == 0 && ComponentOf(id) == p.Args[0])
		})
	case "tcp", "port":
		i := strings.LastIndex(p.Args[0], ":")
		return i > 0 && !slices.Contains([]string{"localhost", "[::1]"}, p.Args[0][:i]) && !strings.HasPrefix(p.Args[0], "127.") && !strings.Contains(p.Args[0], "${")
	case "command", "exists", "file", "writable", "newest", "age", "sum", "lock":
		return !slices.ContainsFunc(p.Args, r.ofProduct)
	}
	return false
}

// ofProduct says whether a text refers to the product, or names a place of it.
func (r *Resolver) ofProduct(text string) bool {
	if strings.Contains(text, "${") {
		return true
	}
	return slices.ContainsFunc(r.Product.Order, func(id string) bool {
		at, err := r.Scope.Expand(r.Product.Components[id].At.Path)
		return err == nil && at != "" && strings.HasPrefix(path.Clean(text)+"/", path.Clean(at)+"/")
	})
}

// early is Early of a hop whose product's document is in force.
func (b *builder) early(i int) func(manifest.Check) bool {
	var way []*manifest.Release
	for _, h := range b.in.Hops {
		way = append(way, h.Release)
	}
	return Early(b.res, way, i)
}

// checkBetween checks, once the version before is there, what only shows then.
func (b *builder) checkBetween(i int) {
	h := b.in.Hops[i]
	b.use(h.Product)
	p, early := &CheckParams{Before: h.Release.Version}, b.early(i)
	for _, c := range h.Release.Checks {
		if !early(c) && !b.skipCheck(c, h) {
			p.Checks = append(p.Checks, b.checkItems(c)...)
		}
	}
	b.use(b.in.Hops[i-1].Product)
	if len(p.Checks) == 0 {
		return
	}
	b.add(Step{ID: "check", Verb: "check", Phase: string(manifest.Stop), Class: Check,
		Title: "check what could stop the way from " + b.in.Hops[i-1].Release.Version + " to " + h.Release.Version + ", which shows only now"}, p)
}
