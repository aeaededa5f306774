package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// checkStep runs the checks once more, first thing in the run: readiness ages.
func (b *builder) checkStep() {
	p := &CheckParams{}
	for i, h := range b.in.Hops {
		b.use(h.Product)
		early := b.early(i)
		for _, c := range h.Release.Checks {
			if !early(c) || b.asksOf(c, h) || b.skipCheck(c, h) {
				continue
			}
			p.Checks = append(p.Checks, b.checkItems(c)...)
			r, known := b.in.Facts.Checks[CheckKey(h.Release.Version, c.ID)]
			if known && !r.OK {
				b.failedCheck(i, c, r)
			}
		}
	}
	b.use(b.in.Installed)
	p.Checks = append(p.Checks, b.proofs...)
	if len(p.Checks) > 0 {
		b.add(Step{ID: "check", Verb: "check", Phase: "stage", Class: Check, Title: "check once more what could stop the upgrade"}, p)
	}
}

// Applying gives what says whether a check of the i-th hop's release concerns
// this installation and this way; one whose condition cannot be told does.
func Applying(in Input, i int) func(manifest.Check) bool {
	b := newBuilder(in)
	b.use(in.Hops[i].Product)
	return func(c manifest.Check) bool {
		ok, err := b.when(c.When, in.Hops[i])
		return ok || err != nil
	}
}

// asksOf lists what a check wants of people, and says whether there is nothing
// else to be said of it now.
func (b *builder) asksOf(c manifest.Check, h HopInput) bool {
	_, waived := b.plan.Waivers[c.ID]
	r := b.in.Facts.Checks[CheckKey(h.Release.Version, c.ID)]
	switch {
	case waived && c.Waivable || !b.applies(c.When, h):
		return false
	case c.Acknowledge != "" && !r.OK && len(r.Findings) > 0:
		b.findings(c, r)
		return true
	}
	return !b.question(c.ID, c.Probe, c.Reference)
}

// skipCheck leaves out what is no blocker, is waived, or does not apply.
func (b *builder) skipCheck(c manifest.Check, h HopInput) bool {
	if c.Level != "" && c.Level != "blocker" {
		return true
	}
	if ok, err := b.when(c.When, h); err != nil || !ok {
		b.check(err)
		return true
	}
	w, ok := b.plan.Waivers[c.ID]
	if ok = ok && c.Waivable; ok {
		b.noteOnce("check %s is waived by %s", c.ID, w)
	}
	return ok
}

func (b *builder) failedCheck(hop int, c manifest.Check, r CheckResult) {
	name := c.ID
	if hop > 0 {
		name += " (of the later hop to " + b.in.Hops[hop].Release.Version + ")"
	}
	text := fmt.Sprintf("check %s: %s", name, r.Text())
	if r.Error != "" {
		text = fmt.Sprintf("check %s could not be made: %s", name, r.Error)
	}
	if c.Effect != "" {
		text += " (" + c.Effect + ")"
	}
	for _, f := range c.Fix {
		if f.Tell != "" {
			text += "; " + f.Tell
		}
	}
	if c.Reference != "" {
		text += "; see " + c.Reference
	}
	if c.Waivable {
		text += fmt.Sprintf("; to accept it: --waive %s=REASON", c.ID)
	}
	b.refuse("%s", text)
	b.failed = append(b.failed, text)
}

// ports gives the ports that users reach the product at: declared, or read
// from where the services say that they are ready.
func (b *builder) ports() []string {
	var out []string
	add := func(port string) {
		if port != "" && !slices.Contains(out, port) {
			out = append(out, port)
		}
	}
	b.servicePorts(add)
	for _, h := range b.in.Hops { // what a release adds is verified in private as well
		b.use(h.Product)
		b.servicePorts(add)
	}
	b.use(b.in.Installed)
	for _, p := range b.in.Site.Gate.Ports {
		add(p)
	}
	slices.Sort(out)
	return out
}

// servicePorts gives the ports of the services of the document in force.
func (b *builder) servicePorts(add func(port string)) {
	for _, s := range b.res.Product.Services {
		sc := b.res.Unit(b.res.own[s.ID]).Scope
		if !b.concerned(s) {
			continue
		}
		for _, p := range s.Ports {
			v, err := sc.Expand(p)
			if b.check(err) {
				add(v)
			}
		}
		if s.Ready == nil || s.Ready.Source != "http" || len(s.Ports) > 0 {
			continue
		}
		for _, arg := range s.Ready.Args {
			text, err := sc.Expand(arg)
			if u, perr := url.Parse(text); err == nil && perr == nil {
				switch {
				case u.Port() != "":
					add(u.Port())
				case u.Scheme == "https":
					add("443")
				default:
					add("80")
				}
			}
		}
	}
}

// proveReturn records what the way back must read again before it reopens.
func (b *builder) proveReturn() {
	p := b.verifyParams(func(id string) string { return b.in.Facts.Instances[id].Version })
	b.add(Step{ID: "prove", Verb: "prove", Phase: string(manifest.Record), Class: Reversible,
		Title: "record what the way back must read again: versions and services"}, p)
}

// verifyParams reads back every instance whose version is known to want.
func (b *builder) verifyParams(want func(id string) string) *VerifyParams {
	p := &VerifyParams{Consecutive: 2, Every: 10 * time.Millisecond}
	for _, id := range b.res.Product.Order {
		c := b.res.Product.Components[id]
		w := want(id)
		if c.Version == nil || w == "" || !b.selected(id) {
			continue
		}
		pr, err := b.res.Unit(id).Probe(*c.Version)
		if b.check(err) {
			_, instance, _ := strings.Cut(id, "@")
			p.Versions = append(p.Versions, VersionCheck{Component: ComponentOf(id), Instance: instance, Probe: *pr, Want: w})
		}
	}
	for _, s := range b.services() {
		p.Services = append(p.Services, *s)
	}
	return p
}

// hop adds one hop, from install to the verified milestone.
func (b *builder) hop(i int) {
	h := b.in.Hops[i]
	rel := h.Release
	b.n, b.prefix = i+1, fmt.Sprintf("h%d.", i+1)
	if i > 0 {
		b.between(i)
	}
	b.use(h.Product)
	b.phase(manifest.BeforeInstall, rel)
	b.install(h)
	b.phase(manifest.ConfigPhase, rel)
	b.migrate(h)
	b.phase(manifest.AfterInstall, rel)
	b.sameVersion(h)
	b.unguard()
	if b.plan.Closed == "stopped" {
		if len(b.in.Hops) > 1 && len(atStart(h)) == 0 {
			b.refuse("several hops in one closed run need the gate or a maintenance mode, so that each version can be verified before users reach it: run Upkeep as root, or upgrade to %s first with --to %s", b.in.Hops[0].Release.Version, b.in.Hops[0].Release.Version)
		}
		b.barrier(h, i)
		b.start(h)
		b.reapply(h)
		b.phase(manifest.ReApply, rel)
		b.verify(h)
		return
	}
	b.start(h)
	b.reapply(h)
	b.phase(manifest.ReApply, rel)
	b.verify(h)
	b.milestone(h, i)
}

// between closes a milestone behind the gate: stopped, with a restore point
// of its own.
func (b *builder) between(i int) {
	prev := b.in.Hops[i-1]
	b.only = i
	defer func() { b.only = 0 }()
	b.use(prev.Product)
	b.checkBetween(i)
	// the document of what is there stops and backs up; the release to come adds
	b.stop(b.in.Hops[i].Release)
	b.guard(b.in.Hops[i])
	bp := b.backupParams(fmt.Sprintf("m%d", i), prev.Release.Version, b.in.Hops[i])
	b.tellBackups(b.in.Hops[i], true, true)
	if bp == nil {
		return
	}
	b.add(Step{ID: "backup", Verb: "backup", Phase: string(manifest.BackupPhase), Class: Reversible,
		Title: fmt.Sprintf("make a restore point of %s (%s)", prev.Release.Version, strings.Join(bp.parts(), ", "))}, bp)
}

func (b *builder) install(h HopInput) {
	if h.Return != nil {
		b.goBack(h)
		return
	}
	b.createFolders(h)
	if h.Release.Procedure.Phases[manifest.Install].None {
		return
	}
	listed := listedArgs(h.Release.Procedure.Phases[manifest.Install].Steps, "install")
	for _, id := range b.res.Product.Order {
		if slices.Contains(listed, ComponentOf(id)) || !b.takesPart(id) {
			continue
		}
		if InstallsPackages(id, b.res.Product.Components[id], h) {
			b.installPackages(id, h)
		} else if _, ok := h.payload(id); ok {
			b.installTree(id, h)
		}
	}
	b.phase(manifest.Install, h.Release)
}

func (b *builder) installTree(id string, h HopInput) {
	c := b.res.Product.Components[id]
	at, ok := b.place(id, c)
	if !ok || c.Kind != "tree" {
		return
	}
	pay, _ := h.payload(id)
	p := &InstallParams{Component: id, At: at, Staging: staging(at, b.n), Bundle: h.Bundle.Digest, Sums: pay.Sums, Keep: c.Keep}
	p.Keep = slices.Concat(p.Keep, b.markers(at, c.Keep))
	if c.Config != nil {
		p.Beside = c.Config.Beside
	}
	if b.n == b.joins(id) {
		p.Edited = b.edited(id)
	}
	p.Merged = b.merged(id)
	title, version := "exchange %s for %s", h.Release.Version
	switch {
	case b.in.First:
		title = "put %s %s into its place"
	case b.comesNew(id):
		title, version = "put %s %s, which comes new, into its place", wantVersion(h, id, c.Kind)
	}
	d := b.add(Step{ID: "install." + id, Verb: "install", Phase: string(manifest.Install), Class: Reversible, Writes: len(c.Keep) > 0,
		Title: fmt.Sprintf(title, id, version)}, p)
	if b.comesNew(id) {
		d.Back = "take " + id + " out of its place again"
	}
}

// markers are the files inside a tree that keep users out: they move along
// to the new tree, or the exchange would let the users in.
func (b *builder) markers(at string, keep []string) []string {
	var out []string
	for _, e := range b.entered {
		rel, inside := strings.CutPrefix(e.params.Marker, at+"/")
		if inside && !slices.ContainsFunc(slices.Concat(keep, out), func(k string) bool { return covered(k, rel) }) {
			out = append(out, rel)
		}
	}
	return out
}

// covered says whether a kept path or pattern takes a file along.
func covered(keep, rel string) bool {
	parts := strings.Split(rel, "/")
	n := strings.Count(strings.TrimSuffix(keep, "/"), "/") + 1
	if n > len(parts) {
		return false
	}
	ok, err := path.Match(strings.TrimSuffix(keep, "/"), strings.Join(parts[:n], "/"))
	return ok && err == nil
}

// edited decides what becomes of the files that the site edited: nothing is
// ever lost, since the old tree is kept too.
func (b *builder) edited(id string) map[string]string {
	out := map[string]string{}
	for _, e := range b.in.Facts.Edited[id] {
		choice := b.in.Site.Edited[e.Path]
		if choice == "" || choice == "keep" || choice == "merge" {
			choice = "keep-aside"
		}
		if b.fate(id, e.Path) != nil {
			continue // the plan shows what comes of it
		}
		out[e.Path] = choice
		switch {
		case e.What == "removed":
			delete(out, e.Path)
			b.note("%s: %s was removed at this site; the new release brings its own", id, e.Path)
		case choice == "discard":
			b.note("%s: %s was %s at this site; it is left behind in the old tree (discard)", id, e.Path, edits(e.What))
		default:
			b.note("%s: %s was %s at this site; a copy is kept beside the new one (say edited: {%q: discard} to leave it)", id, e.Path, edits(e.What), e.Path)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func edits(what string) string {
	if what == "added" {
		return "added"
	}
	return "edited"
}

func (b *builder) migrate(h HopInput) { b.phase(manifest.Migrate, h.Release) }

func (b *builder) start(h HopInput) {
	title := "start %s behind the gate"
	up := false
	switch b.plan.Closed {
	case "new":
		title = "start %s"
	case "mode":
		title = "start %s, users still kept out"
	case "stopped":
		title, up = "start %s: users reach it from here", true
	}
	if !h.Release.Procedure.Phases[manifest.Start].None {
		services := b.services()
		for i, svc := range services {
			class := Reversible
			if b.plan.Closed == "stopped" {
				class = Irreversible
			}
			st, p := Step{ID: "start." + svc.ID, Verb: "start", Phase: string(manifest.Start), As: svc.As, Class: class, Writes: true,
				Up: up && i == len(services)-1, Title: fmt.Sprintf(title, svc.ID)}, &ServiceParams{Service: *svc, Inhibit: true}
			b.migrating(&st, p)
			b.add(st, p)
		}
	}
	b.phase(manifest.Start, h.Release)
}

func (b *builder) verify(h HopInput) {
	b.use(h.Product)
	p := b.verifyParams(func(id string) string { return b.version(id, b.n) })
	title := fmt.Sprintf("verify %s: every version read back, every service running", h.Release.Version)
	d := b.add(Step{ID: "verify", Verb: "verify", Phase: string(manifest.Verify), Class: Check, Title: title}, p)
	before := len(*b.into)
	b.hooks(manifest.Verify)
	steps := h.Release.Procedure.Phases[manifest.Verify].Steps
	// what the vendor wants verified as well is asked at the same time, not
	// afterwards: users wait for it
	for len(*b.into) == before && len(steps) > 0 && onlyProbes(steps[0]) {
		p.Probes = append(p.Probes, b.verifyProbes(steps[0])...)
		d.Title, steps = title+", and what the vendor wants verified", steps[1:]
	}
	for _, s := range steps {
		b.vendorStep(manifest.Verify, s, h)
	}
	b.release(manifest.Verify)
	b.endHolds(manifest.Verify, true)
}

// onlyProbes says that a step says nothing but what must hold.
func onlyProbes(s manifest.Step) bool {
	if s.Verb != "verify" {
		return false
	}
	s.Verb, s.Args, s.Probe, s.Verify = "", nil, nil, nil
	said, err := json.Marshal(s) // without its place in the document
	nothing, nerr := json.Marshal(manifest.Step{})
	return err == nil && nerr == nil && bytes.Equal(said, nothing)
}

// version is what a unit must read after the hop.
func (b *builder) version(id string, hop int) string {
	for _, in := range b.plan.Instances {
		if in.Unit() == id {
			return in.Versions[hop-1]
		}
	}
	h := b.in.Hops[hop-1] // a component that only has a name, such as a module
	if c := b.res.Product.Components[id]; c.Kind == "" && h.Return == nil && b.takesPart(id) {
		return wantVersion(h, id, "")
	}
	return ""
}

func (b *builder) milestone(h HopInput, i int) {
	last := i == len(b.in.Hops)-1
	title := fmt.Sprintf("%s is there and verified", h.Release.Version)
	if !last {
		title += "; users still kept out"
	}
	d := b.add(Step{ID: "milestone", Verb: VerbMilestone, Phase: string(manifest.Verify), Class: Control, Title: title}, nil)
	b.reach(h, i, d.ID)
}

// reach notes a milestone, with what is held and entered there.
func (b *builder) reach(h HopInput, i int, step string) {
	b.plan.Milestones = append(b.plan.Milestones, Milestone{ID: fmt.Sprintf("m%d", i+1), Version: h.Release.Version, Step: step})
	b.marks = append(b.marks, mark{slices.Clone(b.held), slices.Clone(b.entered), slices.Clone(b.lasts)})
}

func (b *builder) barrier(h HopInput, i int) {
	if b.plan.Closed == "stopped" {
		title := fmt.Sprintf("files and data are those of %s", h.Release.Version)
		if len(atStart(h)) > 0 {
			title = fmt.Sprintf("the files are those of %s; its start migrates the data", h.Release.Version)
		}
		d := b.add(Step{ID: "milestone", Verb: VerbMilestone, Phase: string(manifest.Verify), Class: Control, Title: title}, nil)
		b.reach(h, i, d.ID)
	}
	b.add(Step{ID: "barrier", Verb: VerbBarrier, Phase: string(manifest.Barrier), Class: Control, Title: "the point of no return: from here users work on " + h.Release.Version}, nil)
}
