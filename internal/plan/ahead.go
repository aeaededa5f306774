package plan

import (
	"fmt"
	"slices"
)

// aheads adds the first passes of the milestones' restore points. What a hop
// brings is unpacked already and changes little once it is in place, so it is
// copied while users work, not between two hops.
func (b *builder) aheads() {
	for i := 1; i < len(b.in.Hops); i++ {
		prev := b.in.Hops[i-1]
		b.use(prev.Product)
		b.n, b.prefix = i, fmt.Sprintf("h%d.", i)
		copied := b.copied
		bp := b.backupParams(fmt.Sprintf("m%d", i), prev.Release.Version, b.in.Hops[i])
		b.copied = copied
		if bp == nil || len(bp.Files) == 0 || slices.ContainsFunc(bp.Files, listed) || slices.ContainsFunc(bp.Files, func(f FileSource) bool { return b.madeLater(f.Component, i) }) {
			continue
		}
		for k, f := range bp.Files {
			for j := i; j > 0; j-- {
				if _, ok := b.in.Hops[j-1].payload(f.Component); ok && b.res.Product.Components[f.Component].Kind == "tree" {
					bp.Files[k].First = staging(f.Path, j)
					break
				}
			}
		}
		b.add(Step{ID: "precopy", Verb: "precopy", Phase: "stage", Class: Reversible,
			Title: fmt.Sprintf("copy the files of %s for its restore point, first pass", prev.Release.Version)}, bp)
	}
}

// madeLater says that one of the first hops makes a folder which no bundle fills:
// there is nothing to be copied before.
func (b *builder) madeLater(id string, hops int) bool {
	if !b.in.Facts.Instances[id].New {
		return false
	}
	return !slices.ContainsFunc(b.in.Hops[:hops], func(h HopInput) bool { _, brought := h.payload(id); return brought })
}

// listed says that only later it is known which files are meant.
func listed(f FileSource) bool { return len(f.Lists) > 0 || f.Like != "" }
