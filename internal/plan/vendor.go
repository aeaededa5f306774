package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// phase adds all that happens at a named point beside its default steps: the
// hooks, the steps of the vendor, and the end of the holds that last until
// here.
func (b *builder) phase(ph manifest.Phase, rel *manifest.Release) {
	b.hooks(ph)
	h := b.hopOf(rel)
	for _, s := range rel.Procedure.Phases[ph].Steps {
		b.vendorStep(ph, s, h)
	}
	b.release(ph)
}

// opening is phase for the points before the first hop, which all releases of
// the route may add to. What two of them say in the same words is done once.
func (b *builder) opening(ph manifest.Phase) {
	b.hooks(ph)
	var said []string
	for _, h := range b.in.Hops {
		for _, s := range h.Release.Procedure.Phases[ph].Steps {
			words, err := json.Marshal(s) // without its place in the document
			if err != nil || slices.Contains(said, string(words)) {
				b.check(err)
				continue
			}
			said = append(said, string(words))
			b.vendorStep(ph, s, h)
		}
	}
	b.release(ph)
}

// unopened says which steps of a release are not done because the run passes
// it without opening.
func (b *builder) unopened() {
	for _, h := range b.in.Hops[:len(b.in.Hops)-1] {
		for _, ph := range []manifest.Phase{manifest.Reopen, manifest.EndOfRun, manifest.Rollout, manifest.CleanUp} {
			if n := len(h.Release.Procedure.Phases[ph].Steps); n > 0 {
				b.note("the run passes %s without opening it: its %d steps at %s are done only if the run ends there", h.Release.Version, n, ph)
			}
		}
	}
}

func (b *builder) hopOf(rel *manifest.Release) HopInput {
	for _, h := range b.in.Hops {
		if h.Release == rel {
			return h
		}
	}
	return b.first()
}

// vendorStep adds a step of a document, for every unit that it is about.
func (b *builder) vendorStep(ph manifest.Phase, s manifest.Step, h HopInput) {
	units := b.subjects(s)
	for _, u := range units {
		one := s
		if len(units) > 1 && s.Once != "" {
			one.Once += "." + u
		}
		b.about(u, len(units) > 1, func() { b.oneStep(ph, one, h) })
	}
}

func (b *builder) oneStep(ph manifest.Phase, s manifest.Step, h HopInput) {
	ok, err := b.when(s.When, h)
	if !b.check(err) || !ok {
		if err == nil && b.onlyUpgrade(s.When, h) {
			b.already(s)
		}
		return
	}
	if s.Once != "" && slices.Contains(b.in.Facts.Once, s.Once) {
		b.note("%s was done once on this installation; it is not done again", s.Once)
		return
	}
	if ph == manifest.Prepare && s.Verb == "tell" {
		return // done before the run opens
	}
	before := len(*b.into)
	switch s.Verb {
	case "backup":
		// the default step of the phase carries it
		if ph != manifest.BackupPhase {
			b.refuse("backup at %s: it belongs under the phase backup, not %s", s.Pos, ph)
		}
	case "install":
		for _, id := range s.Args {
			if InstallsPackages(id, b.res.Product.Components[id], h) && len(s.Run) == 0 && s.Tell == "" {
				b.installPackages(id, h)
				continue
			}
			if s.Tell != "" {
				b.toldInstall(ph, s, h, id)
				continue
			}
			if b.res.Product.Components[id].Kind == "installer" && len(s.Run) > 0 {
				b.runInstaller(ph, s, h, id)
				continue
			}
			if _, has := h.Bundle.Payloads[id]; !has || len(s.Run) > 0 {
				b.notYet(s, "install by the vendor's own installer")
				continue
			}
			for _, unit := range b.res.UnitsOf(id) {
				if b.takesPart(unit) {
					b.installTree(unit, h)
				}
			}
		}
	case "migrate":
		b.migrateSteps(ph, s, h)
	case "run":
		b.runStep(ph, s)
	case "drain":
		b.drainStep(ph, s)
	case "record":
		b.recordStep(ph, s)
	case "hold":
		b.holdStep(ph, s)
	case "access":
		b.accessSpan(ph, s, h)
	case "notify":
		b.notifyStep(ph, s)
	case "stop", "start", "restart":
		b.serviceStep(ph, s)
	case "reboot":
		b.rebootStep(ph, s)
	case "verify":
		b.verifyStep(ph, s)
	case "tell":
		b.tellStep(ph, s)
	default:
		b.notYet(s, "verb "+s.Verb)
	}
	for _, d := range (*b.into)[before:] {
		b.common(d, s)
	}
}

func (b *builder) notYet(s manifest.Step, what string) {
	b.check(&NotYetError{What: what, Where: s.Pos})
}

// common applies what every step of a document may say.
func (b *builder) common(d *draft, s manifest.Step) {
	if s.Within > 0 {
		d.Deadline = s.Within
	}
	if s.Retry != nil {
		d.Retries, d.Pause = s.Retry.Times, s.Retry.Every
	}
	if s.OnFailure == "warn" || s.OnFailure == "continue" {
		d.Tolerated = true
	}
	if s.Repeatable {
		d.Redo = true
	}
	if s.Title != "" {
		d.Title = s.Title
	}
	d.Title = withReference(d.Title, s)
	d.Once, d.from = s.Once, s.RetryFrom
}

// withReference adds to a title where the vendor says more.
func withReference(title string, s manifest.Step) string {
	if s.Reference != "" {
		title += " (see " + s.Reference + ")"
	}
	return title
}

// runParams resolves a command.
func (b *builder) runParams(s manifest.Step) (*RunParams, error) {
	args, err := b.res.Scope.ExpandAll(s.Run)
	if err != nil {
		return nil, err
	}
	if len(s.Run) == 0 {
		if args, err = b.res.Scope.ExpandAll(s.Args); err != nil {
			return nil, err
		}
	}
	if len(args) == 0 || args[0] == "" {
		return nil, fmt.Errorf("run needs a command")
	}
	as, err := b.res.account(s.As)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	p := &RunParams{Args: args, Env: b.res.Env, As: as, Outputs: s.Outputs, Repeatable: s.Repeatable, OutputMax: outputMax}
	if p.As == "" && b.in.Facts.Root {
		return nil, fmt.Errorf("%s has no account: say as: ACCOUNT; root must be written", args[0])
	}
	for _, v := range s.Verify {
		pr, err := b.res.Probe(v)
		if err != nil {
			return nil, err
		}
		p.Verify = append(p.Verify, *pr)
	}
	return p, nil
}

// outputMax bounds what is kept of one command's output.
const outputMax = 8 << 20

func (b *builder) runStep(ph manifest.Phase, s manifest.Step) {
	p, err := b.runParams(s)
	if err != nil {
		b.refuse("step run at %s: %v", s.Pos, err)
		return
	}
	id := s.ID
	if id == "" {
		id = "run." + base(p.Args[0])
	}
	st := Step{ID: id, Verb: "run", Phase: string(ph), As: p.As, Class: Reversible, Writes: b.copied, Redo: s.Repeatable,
		Title: "run " + strings.Join(p.Args, " ")}
	if !b.after() && !b.undo(&st, s.Undo, p, s) {
		return
	}
	b.add(st, p)
}

// after says that the steps being added lie behind the barrier.
func (b *builder) after() bool {
	return slices.ContainsFunc(*b.into, func(d *draft) bool { return d.Verb == VerbBarrier })
}

// undo puts a step's stated way back into the step: before the barrier it
// must be said.
func (b *builder) undo(st *Step, u *manifest.Undo, p *RunParams, s manifest.Step) bool {
	if u == nil {
		b.refuse("step %s at %s lies before the barrier and does not say what takes it back: add undo: {run: […]}, undo: restore, or undo: none", st.ID, s.Pos)
		return false
	}
	st.Undo = u.How
	if u.How == "restore" && !b.restorable() {
		b.refuse("step %s at %s lies before the point from which data can be restored, so undo: restore cannot bring back what it changes: say undo: {run: […]} or undo: none, or move it behind the backup", st.ID, s.Pos)
		return false
	}
	if u.Step == nil {
		return true
	}
	st.Undo = "action"
	if u.Step.Verb == "tell" {
		st.TaskBack = b.task(*u.Step)
		return st.TaskBack != nil
	}
	if u.Step.Verb != "run" || p == nil {
		b.notYet(*u.Step, "an undo by "+u.Step.Verb)
		return false
	}
	back, err := b.runParams(*u.Step)
	if err != nil {
		b.refuse("undo of step %s: %v", st.ID, err)
		return false
	}
	p.Undo = back
	return true
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// migrateSteps migrates every unit of a component.
func (b *builder) migrateSteps(ph manifest.Phase, s manifest.Step, h HopInput) {
	if len(s.Args) != 1 {
		b.refuse("migrate at %s: name one component", s.Pos)
		return
	}
	units := b.res.UnitsOf(s.Args[0])
	if len(units) == 0 {
		units = s.Args // lint has warned of a component that is not declared
	}
	for _, id := range units {
		if b.takesPart(id) {
			b.migrateStep(ph, id, s, h)
		}
	}
}

func (b *builder) migrateStep(ph manifest.Phase, id string, s manifest.Step, h HopInput) {
	if !b.copied && !b.after() {
		b.refuse("migrate %s at %s changes data before there is a restore point that it can be restored from: move it behind the backup, as to the phase migrate", id, s.Pos)
		return
	}
	p := &MigrateParams{Component: id, Native: s.Client == "native"}
	res := b.res.Unit(id)
	c := res.Product.Components[id]
	if c.Database() {
		db, err := res.Database(id)
		if !b.check(err) {
			return
		}
		p.DB = db
	}
	number := 1 + slices.IndexFunc(b.in.Hops, func(x HopInput) bool { return x.Release == h.Release })
	if want := b.version(id, number); want != "" && !b.after() && c.Version != nil && readAtRest(c.Version.Source) {
		pr, err := res.Probe(*c.Version)
		if b.check(err) {
			pr.Expect = []string{want}
			p.Version = pr
		}
	}
	st := Step{ID: "migrate." + id, Verb: "migrate", Phase: string(ph), Class: Reversible, Writes: true, Undo: "restore",
		Title: fmt.Sprintf("migrate %s for %s", id, h.Release.Version)}
	if s.ID != "" {
		st.ID = s.ID
	}
	switch {
	case b.after() && s.Scripts == "":
		b.refuse("migrate %s at %s comes after the barrier: only scripts can, which take away what the new version does not need", id, s.Pos)
		return
	case s.Tell != "":
		b.toldMigration(st, s, res, b.version(id, number))
		return
	case len(s.Run) > 0:
		all := b.res
		b.res = res
		r, err := b.runParams(s)
		b.res = all
		if err != nil {
			b.refuse("migrate %s at %s: %v", id, s.Pos, err)
			return
		}
		p.Run, st.As, st.Redo = r, r.As, s.Repeatable
		b.unreviewable(id, c, h, "a command")
	case s.Scripts != "" && !c.Database():
		b.refuse("migrate %s at %s: scripts need a database of a kind that Upkeep knows (sqlite, postgres, mariadb): migrate it with run: […]", id, s.Pos)
		return
	case s.Scripts != "":
		p.Bundle, p.Scripts = h.Bundle.Digest, h.Bundle.Scripts[s.Scripts]
		if len(p.Scripts) == 0 {
			b.refuse("migrate %s at %s: the bundle has no scripts in %s", id, s.Pos, s.Scripts)
			return
		}
		p.Scripts = b.reviewed(id, c, h, p.Scripts)
		st.Title += fmt.Sprintf(": %d scripts%s", len(p.Scripts), decidedWords(p.Scripts))
		b.scriptFacts(id, s, h)
		if s.Soak > 0 {
			b.note("%s scripts take away what %s no longer needs of %s. They are not part of this run: upkeep migrations contract carries them out from %s after it on, and what they take away comes back only by a restore point",
				fmt.Sprint(len(p.Scripts)), h.Release.Version, id, span(s.Soak))
			return
		}
		if b.after() {
			st.ID, st.Title = "contract."+id, fmt.Sprintf("take away what %s no longer needs of %s: %d scripts; only a restore point brings it back", h.Release.Version, id, len(p.Scripts))
			if s.ID != "" {
				st.ID = s.ID
			}
			st.Undo = ""
		}
	default:
		b.refuse("migrate %s at %s: say how, with run: […] or scripts: FOLDER", id, s.Pos)
		return
	}
	b.add(st, p)
}

func (b *builder) drainStep(ph manifest.Phase, s manifest.Step) {
	if s.Probe == nil {
		b.refuse("drain at %s: give it a probe", s.Pos)
		return
	}
	if b.toldDrain(ph, s) {
		return
	}
	pr, err := b.res.Probe(*s.Probe)
	if !b.check(err) {
		return
	}
	p := &DrainParams{Probe: *pr, Every: time.Second}
	if s.Or != nil {
		if s.Or.Verb != "run" {
			b.notYet(*s.Or, "ending a drain by "+s.Or.Verb)
			return
		}
		or, err := b.runParams(*s.Or)
		if !b.check(err) {
			return
		}
		p.Or = or
	}
	// it waits and, at its end, may end work: nothing that could be taken back
	class := Check
	title := fmt.Sprintf("wait until %s %s is %s", pr.Source, strings.Join(pr.Args, " "), strings.Join(pr.Expect, " or "))
	if p.Or != nil {
		class = Outward
		title += "; what has not ended by then is ended: run " + strings.Join(p.Or.Args, " ")
	}
	b.add(Step{ID: "drain", Verb: "drain", Phase: string(ph), Class: class, Redo: true, Title: title}, p)
}

func (b *builder) notifyStep(ph manifest.Phase, s manifest.Step) {
	if len(b.in.Site.Notify) == 0 {
		b.note("the release wants %s to be told of the outage, but the installation document has no notify: command; tell them yourself", strings.Join(s.Args, ", "))
		return
	}
	args, err := b.res.Scope.ExpandAll(b.in.Site.Notify)
	if !b.check(err) {
		return
	}
	who := strings.Join(s.Args, ", ")
	text := fmt.Sprintf("%s will be upgraded from %s to %s", b.plan.Product, b.plan.From, b.plan.To)
	if s.Outage > 0 {
		text += fmt.Sprintf("; expect an outage of about %s", s.Outage)
	}
	as := b.account("")
	if as == "" && b.in.Facts.Root {
		b.refuse("the command under notify: of the installation document has no account: no service of the product says one")
	}
	b.add(Step{ID: "notify", Verb: "notify", Phase: string(ph), As: as, Class: Outward, Redo: true, Undo: "action",
		Title: "tell " + who + ": " + text}, &NotifyParams{Who: who, Outage: s.Outage, Text: text, Run: args, Env: b.res.Env})
}

func (b *builder) serviceStep(ph manifest.Phase, s manifest.Step) {
	for _, id := range b.serviceArgs(s.Args) {
		svc, err := b.res.ServiceByID(id)
		if err != nil {
			b.refuse("%s at %s: %v", s.Verb, s.Pos, err)
			continue
		}
		if svc.Systemd() && (s.Verb != "stop" || !b.in.Facts.Root) {
			b.refuseService(svc)
		}
		st := Step{ID: s.Verb + "." + svc.ID, Verb: s.Verb, Phase: string(ph), As: svc.As, Class: Reversible, Title: s.Verb + " " + svc.ID,
			Down: s.Verb == "stop", Writes: b.copied && s.Verb != "stop", Redo: true}
		if s.Verb == "restart" {
			st.Undo = "none"
		}
		p := &ServiceParams{Service: *svc, Inhibit: s.Verb == "stop" || s.Verb == "start"}
		if s.Verb == "start" {
			b.migrating(&st, p)
		}
		b.add(st, p)
	}
}

// serviceArgs gives the services that a step names, those of every unit that
// takes part.
func (b *builder) serviceArgs(names []string) []string {
	var out []string
	for _, name := range names {
		ids := b.res.serviceIDs(name)
		if len(ids) == 0 {
			out = append(out, name) // which is refused
		}
		for _, id := range ids {
			if own := b.res.own[id]; own == "" || b.takesPart(own) {
				out = append(out, id)
			}
		}
	}
	return out
}

func (b *builder) verifyProbes(s manifest.Step) (out []Probe) {
	probes := s.Verify
	if s.Probe != nil {
		probes = append([]manifest.Probe{*s.Probe}, probes...)
	}
	for _, v := range probes {
		if pr, err := b.res.Probe(v); b.check(err) {
			out = append(out, *pr)
		}
	}
	return out
}

func (b *builder) verifyStep(ph manifest.Phase, s manifest.Step) {
	p := &VerifyParams{Consecutive: 2, Every: 10 * time.Millisecond, Probes: b.verifyProbes(s)}
	id := s.ID
	if id == "" {
		id = "verify.product"
	}
	b.add(Step{ID: id, Verb: "verify", Phase: string(ph), Class: Check, Title: "verify what the vendor wants verified"}, p)
}

// readAtRest says that a version is read from the data themselves, so that it
// is there before any service runs.
func readAtRest(source string) bool { return source == "sql" || source == "file" }
