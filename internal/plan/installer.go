package plan

import (
	"fmt"
	"slices"

	"upkeep/internal/manifest"
)

// installerPlace is beside what the payload of an installer is unpacked: in
// the state folder, since it has no place of its own.
func (b *builder) installerPlace(id string) string { return b.in.Facts.State + "/installer-" + id }

// stageInstaller unpacks a vendor's own installer while the product runs.
func (b *builder) stageInstaller(id string, h HopInput, hop int) {
	pay, ok := h.payload(id)
	if !ok {
		return
	}
	if !slices.Contains(listedArgs(h.Release.Procedure.Phases[manifest.Install].Steps, "install"), id) {
		b.refuse("the bundle of %s brings an installer for %s, and nothing says how it is run: write install: [{install: %s, run: […], as: …, undo: …}]", h.Release.Version, id, id)
		return
	}
	at := b.installerPlace(id)
	b.add(Step{ID: "stage." + id, Verb: "stage", Phase: "stage", Class: Reversible, Title: fmt.Sprintf("unpack the installer of %s %s", id, h.Release.Version)},
		&StageParams{Component: id, At: at, Staging: staging(at, hop), Bundle: h.Bundle.Digest, Payload: pay.File, Sums: pay.Sums})
}

// runInstaller runs a vendor's own installer. What it says of itself counts
// for nothing: the component's version is read back.
func (b *builder) runInstaller(ph manifest.Phase, s manifest.Step, h HopInput, id string) {
	c := b.res.Product.Components[id]
	want := wantVersion(h, id, c.Kind)
	if c.Version == nil || want == "" {
		b.refuse("install %s at %s: give component %s version: PROBE, and say under versions which one release %s brings: an installer that ends well proves nothing", id, s.Pos, id, h.Release.Version)
		return
	}
	pr, err := b.res.Probe(*c.Version)
	if !b.check(err) {
		return
	}
	pr.Expect = []string{want}
	was := b.res
	defer func() { b.res = was }()
	if _, brought := h.payload(id); brought { // ${this.path} is where its payload lies
		r := *b.res
		r.Scope = r.Scope.With("this.path", staging(b.installerPlace(id), b.n))
		b.res = &r
	}
	p, err := b.runParams(s)
	if err != nil {
		b.refuse("install %s at %s: %v", id, s.Pos, err)
		return
	}
	p.Verify = append(p.Verify, *pr)
	st := Step{ID: "install." + id, Verb: "run", Phase: string(ph), As: p.As, Class: Reversible, Writes: b.copied, Redo: s.Repeatable,
		Title: fmt.Sprintf("install %s %s by the vendor's installer: %s", id, h.Release.Version, base(p.Args[0]))}
	if s.ID != "" {
		st.ID = s.ID
	}
	if !b.after() && !b.undo(&st, s.Undo, p, s) {
		return
	}
	b.add(st, p)
}

// installs says that a step runs a vendor's installer: what it says of
// ${this.path} is about that.
func (b *builder) installs(s manifest.Step) bool {
	return s.Verb == "install" && len(s.Run) > 0 && len(s.Args) > 0 && b.res.Product.Components[s.Args[0]].Kind == "installer"
}
