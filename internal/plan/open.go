package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// lateRun stands in plans for the id of the run, which is not part of the
// digest; handlers put it in.
const lateRun = "${run.id}"

// staging is where a hop's tree is unpacked, and where the replaced one lies
// after the exchange: beside the live tree, on its volume.
func staging(at string, hop int) string {
	return fmt.Sprintf("%s/.%s.upkeep/%s-h%d", path.Dir(at), path.Base(at), lateRun, hop)
}

// stage adds what Upkeep does while the product is up: unpacking, and the
// first pass of the file backup.
func (b *builder) stage() {
	b.checkStep()
	if b.in.First {
		b.create()
	}
	if b.in.Changed != nil {
		b.add(Step{ID: "params", Verb: "params", Phase: "stage", Class: Reversible,
			Title: "write what changes into the installation document: " + strings.Join(b.in.Changes, ", ")}, b.in.Changed)
	}
	for i, h := range b.in.Hops {
		b.use(h.Product)
		b.n, b.prefix = i+1, fmt.Sprintf("h%d.", i+1)
		b.createAbove(h)
		for _, id := range b.res.Product.Order {
			c := b.res.Product.Components[id]
			if InstallsPackages(id, c, h) {
				b.fetch(id, h, i+1)
				continue
			}
			if c.Kind == "installer" {
				b.stageInstaller(id, h, i+1)
				continue
			}
			pay, ok := h.payload(id)
			if !ok || !b.takesPart(id) {
				continue
			}
			if c.Kind != "tree" {
				b.check(&NotYetError{What: fmt.Sprintf("a payload for component %s of kind %s", id, c.Kind), Where: c.Pos})
				continue
			}
			at, ok := b.place(id, c)
			if !ok {
				continue
			}
			b.add(Step{ID: "stage." + id, Verb: "stage", Phase: "stage", Class: Reversible,
				Title: b.unpacking(id, h)},
				&StageParams{Component: id, At: at, Staging: staging(at, i+1), Bundle: h.Bundle.Digest, Payload: pay.File, Sums: pay.Sums, Owner: b.in.Facts.Instances[id].Owner})
			b.merge(id, at, h)
		}
	}
	b.aheads()
	b.n, b.prefix = 0, ""
	b.use(b.in.Installed)
	if b.in.First {
		return
	}
	if bp := b.backupParams("origin", b.in.From, b.first()); bp != nil && len(bp.parts()) > 0 {
		var what []string
		if len(bp.Files) > 0 {
			what = append(what, "copy the files for the restore point, first pass")
		}
		if bp.Ahead = len(bp.Databases) > 0; bp.Ahead {
			what = append(what, "dump the databases that nobody writes to")
		}
		b.add(Step{ID: "precopy", Verb: "precopy", Phase: "stage", Class: Reversible, Title: strings.Join(what, "; ")}, bp)
	}
}

func (b *builder) first() HopInput { return b.in.Hops[0] }

// open adds everything up to the stopped product and its restore point.
func (b *builder) open() {
	if b.in.First {
		b.openFirst()
		return
	}
	rel := b.first().Release
	b.opening(manifest.Notify)
	b.opening(manifest.StartOfRun)
	b.endHolds(manifest.StartOfRun, false)
	if a, ok := b.res.Product.Access["read-only"]; ok && !rel.Procedure.Phases[manifest.ReadOnly].None {
		b.enter("read-only", a, manifest.ReadOnly)
	}
	b.opening(manifest.ReadOnly)
	b.opening(manifest.Drain)
	b.opening(manifest.Record)
	b.recordKept()
	// a backup is good only from the moment writes have stopped, so it comes
	// before the stop only where a refused write shows that they have
	shown := false
	for _, e := range b.entered {
		shown = shown || e.params.Refused != nil
	}
	if shown {
		b.backupPhase(false)
		b.close(rel)
		b.guard(b.first())
		b.anchor()
		return
	}
	b.close(rel)
	b.guard(b.first())
	if b.retried() {
		b.backupPhase(false)
		b.anchor()
		return
	}
	b.backupPhase(true)
}

// close adds maintenance, gate, the record of the return, and the stop.
func (b *builder) close(rel *manifest.Release) {
	none := rel.Procedure.Phases[manifest.Maintenance].None
	if a, ok := b.res.Product.Access["maintenance"]; ok && !none {
		b.enter("maintenance", a, manifest.Maintenance)
	}
	b.opening(manifest.Maintenance)
	b.gate()
	b.proveReturn()
	b.stop(rel)
}

// gate closes the product's ports where that is possible.
func (b *builder) gate() {
	ports := b.ports()
	why := b.in.Facts.Gate
	switch {
	case b.in.Site.Gate.Use == "never":
		why = "the installation document says gate: {use: never}"
	case why == "" && len(ports) == 0:
		why = "no service of the product declares its ports"
	}
	mode := ""
	for _, e := range b.entered {
		if e.params.Mode == "maintenance" {
			mode = "mode"
		}
	}
	if why != "" && b.in.First {
		b.plan.Closed = "new"
		b.note("users cannot be kept out while the installation is verified (%s): whoever knows its address reaches it a little early", why)
		return
	}
	if why != "" {
		b.plan.Closed = mode
		if mode == "" {
			b.plan.Closed = "stopped"
			b.note("users cannot be kept out while the new version is verified (%s, and the product has no maintenance mode): starting it reopens it, so the barrier lies before the start, and what fails after it is not put back by itself", why)
			b.openly()
		} else {
			b.note("the gate is not used (%s): users are kept out by the product's own maintenance mode", why)
		}
		return
	}
	b.plan.Closed = "gate"
	d := b.add(Step{ID: "gate", Verb: "access", Phase: string(manifest.Maintenance), Class: Reversible, Down: !b.in.First,
		Title: "close the gate: users see the outage page (port " + strings.Join(ports, ", ") + ")"},
		&AccessParams{Mode: "maintenance", Gate: &Gate{Name: b.in.Site.ID, Ports: ports, Told: b.told()}})
	b.entered = append(b.entered, entered{d.ID, d.params.(*AccessParams)})
}

// told is what users are told of this plan.
func (b *builder) told() Told {
	return Told{Product: b.plan.Product, Doing: Doing(b.plan), To: b.plan.To}
}

// enter enters an access mode of the product's own.
func (b *builder) enter(mode string, a manifest.Access, phase manifest.Phase) {
	all, err := b.res.Access(mode, a)
	if !b.check(err) {
		return
	}
	if !perUnit(a) && len(a.Of) > 0 && !slices.ContainsFunc(b.res.unitsOf(a.Of), b.selected) {
		return // nothing that it keeps users out of is upgraded
	}
	for _, p := range all {
		if p.of == "" || b.selected(p.of) {
			b.enterOne(mode, a, p, phase)
		}
	}
}

func (b *builder) enterOne(mode string, a manifest.Access, p *AccessParams, phase manifest.Phase) {
	of := ""
	if isPage(p.Marker) && p.Content == "" {
		told := b.told()
		p.Page = &told
	}
	s := Step{ID: mode, Verb: "access", Phase: string(phase), Class: Reversible, As: p.As, Down: mode == "maintenance" && a.Users != "read"}
	if p.Unit != "" {
		s.ID, of = mode+"."+p.Unit, " of "+p.Unit
	}
	s.Title = "switch " + mode + of + " on"
	if b.in.Facts.Modes[p.Name()] {
		b.note("%s mode%s was on before: it stays on after the run, since Upkeep did not switch it on", mode, of)
	}
	if b.stopped() {
		p.Refused = nil // nobody writes, and nobody is there to refuse it
	}
	d := b.add(s, p)
	b.entered = append(b.entered, entered{d.ID, p})
}

// Name tells the modes of units apart.
func (p *AccessParams) Name() string {
	if p.Unit == "" {
		return p.Mode
	}
	return p.Mode + " of " + p.Unit
}

// Rooted resolves a path that may be given relative to the product's root:
// its dir root, or else the place of its first tree.
func Rooted(r *Resolver, text string) (string, error) {
	tree, sc := treePlace(r), r.Scope
	if r.this == "" {
		sc = sc.With("this.path", tree)
	}
	at, err := sc.Expand(text)
	if err != nil || strings.HasPrefix(at, "/") {
		return at, err
	}
	root := r.Product.Dirs["root"]
	if root == "" {
		root = tree
	}
	if root, err = r.Scope.Expand(root); err != nil {
		return "", err
	}
	if root == "" {
		return "", fmt.Errorf("%q is a relative path, and the product has neither dir root nor a component of kind tree", text)
	}
	return path.Join(root, at), nil
}

// treePlace is the place of the unit that is spoken of, or else of the first
// one of kind tree.
func treePlace(r *Resolver) string {
	for _, id := range append([]string{r.this}, r.Product.Order...) {
		if c := r.Product.Components[id]; c.Kind == "tree" && c.At.Path != "" {
			at, _ := r.Scope.Expand(c.At.Path)
			return at
		}
	}
	return ""
}

// account gives the account of a step: the one it states, otherwise that of
// the first service.
func (b *builder) account(stated string) string {
	as, err := b.res.account(stated)
	b.check(err)
	return as
}

// stop stops the services, last first.
func (b *builder) stop(rel *manifest.Release) {
	services := b.services()
	if !rel.Procedure.Phases[manifest.Stop].None {
		for i := len(services) - 1; i >= 0; i-- {
			svc := services[i]
			b.add(Step{ID: "stop." + svc.ID, Verb: "stop", Phase: string(manifest.Stop), As: svc.As, Class: Reversible, Down: true,
				Title: "stop " + svc.ID}, &ServiceParams{Service: *svc, Inhibit: true})
		}
	}
	b.phase(manifest.Stop, rel)
}

// services resolves the services that ran before, in start order.
func (b *builder) services() []*Service {
	var out []*Service
	for _, s := range b.res.Product.Services {
		if !b.concerned(s) || b.keepsStopped(s.ID) {
			continue
		}
		if running, known := b.in.Facts.Services[s.ID]; known && !running {
			b.noteStopped(s.ID)
			continue
		}
		svc, err := b.res.Service(s)
		if !b.check(err) {
			continue
		}
		b.refuseService(svc)
		out = append(out, svc)
	}
	return out
}

// concerned says whether a service must stop for the units that are upgraded.
// One that others share takes them along, which is said.
func (b *builder) concerned(s manifest.Service) bool {
	units := b.res.serves(s)
	if len(units) == 0 {
		return true
	}
	others := slices.DeleteFunc(slices.Clone(units), b.selected)
	if len(others) == len(units) {
		return false
	}
	if len(others) > 0 {
		b.noteOnce("service %s also serves %s: users of it are kept waiting too", s.ID, strings.Join(others, ", "))
	}
	return true
}

func (b *builder) noteOnce(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	for _, n := range b.plan.Notes {
		if n == text {
			return
		}
	}
	b.plan.Notes = append(b.plan.Notes, text)
}
