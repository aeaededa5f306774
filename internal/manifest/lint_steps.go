package manifest

import (
	"slices"
	"strings"

	"upkeep/internal/document/nearest"
)

func (l *linter) walk() {
	w := walker{text: l.text, probe: l.probe, step: l.step, when: l.when}
	if l.p != nil {
		w.product(l.p)
	}
	if l.r != nil {
		w.release(l.r)
	}
	if l.p != nil {
		for _, r := range l.p.Remedies {
			l.decidable(r.When)
		}
	}
}

func (l *linter) step(s Step, where place) {
	if s.Verb == "hold" {
		l.hold(s, where)
	}
	if where.fix {
		l.fix(s, where.span)
	} else if s.Verb == "upgrade" {
		l.errorf(s.Pos, "unfit-verb", "write it into the fixes of a remedy", "upgrade is for remedies: a procedure is an upgrade")
	}
	l.undo(s, where)
	l.phaseOf(s, where)
	l.migrate(s, where)
	steps := append(sorted(l.ids), phaseNames()...)
	if s.After != "" {
		l.known(s.Pos, "unknown-step", "step or phase", s.After, steps)
	}
	if s.RetryFrom != "" {
		l.known(s.Pos, "unknown-step", "step or phase", s.RetryFrom, steps)
	}
	if l.p == nil {
		return
	}
	l.roles(s.Pos, s.Role...)
	l.of(s.Pos, s.Of)
	l.names(s)
}

// names checks the names behind the verb.
func (l *linter) names(s Step) {
	for _, arg := range s.Args {
		if strings.Contains(arg, "${") {
			continue // what it is shows only at a site
		}
		switch s.Verb {
		case "install", "migrate", "config":
			l.known(s.Pos, "unknown-component", "component", arg, l.components())
		case "backup":
			l.known(s.Pos, "unknown-component", "component or backup", arg, append(l.components(), sorted(l.p.Backups)...))
		case "rollout":
			l.known(s.Pos, "unknown-component", "component or inventory", arg, append(l.components(), l.inventories()...))
		case "stop", "start", "restart":
			l.known(s.Pos, "unknown-service", "service", arg, l.services())
		case "record":
			l.known(s.Pos, "unknown-setting", "setting", arg, sorted(l.p.Settings))
		case "access":
			l.mode(s, arg)
		case "hooks":
			l.known(s.Pos, "unknown-phase", "phase", arg, phaseNames())
		case "reboot":
			if len(l.p.Roles) > 0 {
				l.roles(s.Pos, arg)
			}
		}
	}
}

// inventories are the names that probes count things by; what is rolled out may
// be known by them only.
func (l *linter) inventories() []string {
	var names []string
	w := walker{text: l.nothing, step: func(Step, place) {}, when: func(When) {}, probe: func(p Probe) {
		if p.Source == "inventory" {
			names = append(names, p.Args...)
		}
	}}
	w.product(l.p)
	if l.r != nil {
		w.release(l.r)
	}
	return names
}

func (l *linter) mode(s Step, mode string) {
	if mode == "normal" || mode == "stopped" {
		return
	}
	if !l.known(s.Pos, "unknown-mode", "access mode", mode, []string{"normal", "read-only", "maintenance", "stopped"}) {
		return
	}
	if _, declared := l.p.Access[mode]; !declared {
		l.errorf(s.Pos, "unknown-mode", "declare it under access", "the product has no access mode %s of its own", mode)
	}
}

// FixVerbs are the verbs that a fix of a remedy or of a check can have: what can be done outside of a run,
// with nothing to take it back.
func FixVerbs() []string {
	return []string{"run", "tell", "wait", "start", "stop", "restart", "access", "hold", "reboot", "upgrade"}
}

// SpanVerbs are those of them that can stand in the span of a hold.
func SpanVerbs() []string { return []string{"run", "tell", "wait", "upgrade"} }

// fix checks a fix of a remedy, or a step in the span of one.
func (l *linter) fix(s Step, span bool) {
	switch {
	case span && !slices.Contains(SpanVerbs(), s.Verb):
		l.errorf(s.Pos, "unfit-fix", "use one of "+strings.Join(SpanVerbs(), ", "), "%s cannot be carried out while a fix holds a service", s.Verb)
	case span && s.Retry != nil:
		l.errorf(s.Pos, "unfit-fix", "put it at the hold", "a step in a span is carried out once: the symptom is looked for again when the span is over")
	case !slices.Contains(FixVerbs(), s.Verb):
		l.errorf(s.Pos, "unfit-fix", "use one of "+strings.Join(FixVerbs(), ", "), "%s cannot be carried out outside of an upgrade", s.Verb)
	case s.Verb == "access" && !slices.Equal(s.Args, []string{"normal"}):
		l.errorf(s.Pos, "unfit-fix", "write access: normal", "a fix can only let users in")
	case s.When != nil:
		l.errorf(s.Pos, "unfit-fix", "make a remedy of its own, with when or a probe that says when", "a fix has no condition: it is offered while its symptom is there")
	case s.Verb == "hold" && s.Map["start-type"] != "" && s.Until != "never":
		l.errorf(s.Pos, "unfit-fix", "write hold: {start-type: SERVICE}, to: enabled, until: never", "a fix can only hold a start type for good: nothing would end it")
	case s.Verb == "hold" && s.Map["start-type"] == "" && (s.Map["setting"] != "" || s.To != "stopped" || len(s.During) == 0):
		l.errorf(s.Pos, "unfit-fix", "write hold: {service: ID} or hold: {pools: COMPONENT}, to: stopped, during: [STEP, …]",
			"a fix can only hold services, stopped, while its own steps are carried out: nothing would end another hold")
	case s.Verb == "access" && len(s.During) > 0:
		l.errorf(s.Pos, "unfit-fix", "write hold: {service: ID}, to: stopped, during: [STEP, …]", "a fix cannot keep users out: only holds of services have a span")
	}
}

func (l *linter) hold(s Step, where place) {
	if s.To == "" {
		l.errorf(s.Pos, "hold-without-value", "add to: VALUE", "the hold does not say what it changes to")
	}
	switch {
	case s.Until == "" && s.Lasting == nil && len(s.During) == 0:
		l.errorf(s.Pos, "hold-without-end", "add until: PHASE, or during: [STEP, …]", "the hold has no end")
	case (s.Until != "" || s.Lasting != nil) && len(s.During) > 0:
		l.errorf(s.Pos, "contradiction", "", "the hold ends both with its steps (during) and at a phase (until)")
	case s.Lasting != nil:
		if p := s.Lasting.Probe; p != nil && p.Source == "ask" {
			l.errorf(p.Pos, "hold-ends-by-asking", "use a probe that a program can read, a span such as 30d, or a date", "nobody is asked whether a hold that outlives the run has ended")
		}
	default:
		l.holdEnds(s, where)
	}
	if l.p == nil {
		return
	}
	if id := s.Map["setting"]; id != "" {
		l.known(s.Pos, "unknown-setting", "setting", id, sorted(l.p.Settings))
	}
	if id := s.Map["pools"]; id != "" && !strings.Contains(id, "${") && l.known(s.Pos, "unknown-component", "component", id, l.components()) &&
		!slices.ContainsFunc(l.p.Services, func(sv Service) bool { return slices.Contains(sv.Of, id) }) {
		l.errorf(s.Pos, "no-pools", "say of: ["+id+"] at the services that are its pools", "no service is there for %s alone", id)
	}
	for _, kind := range []string{"service", "start-type"} {
		// A service of the system, such as a supervisor, need not be declared.
		if id := s.Map[kind]; id != "" && !slices.Contains(l.services(), id) {
			if near := nearest.Word(id, l.services()); near != "" {
				l.warnf(s.Pos, "unknown-service", Meant(id, l.services()), "the hold is on service %q, which the product does not have", id)
			}
		}
	}
}

// holdEnds checks the word by which a hold ends.
func (l *linter) holdEnds(s Step, where place) {
	words := append(phaseNames(), "never", "rollout-done")
	switch order := Phases(); {
	case s.Until == "" || s.Until == "never" || s.Until == "rollout-done":
	case !slices.Contains(words, s.Until):
		hint := Meant(s.Until, words)
		if hint == "" {
			hint = `write a phase, or an end after the run: a span such as 30d, a day such as "2027-03-31", or a probe`
		}
		l.errorf(s.Pos, "unknown-phase", hint, "there is no phase %q", s.Until)
	case where.phase != "" && slices.Index(order, Phase(s.Until)) < slices.Index(order, where.phase):
		l.errorf(s.Pos, "hold-ends-before", "", "the hold begins in %s and ends in %s, which comes before", where.phase, s.Until)
	}
}

// undo: what a script or a person does before the barrier is taken back by
// something that is said.
func (l *linter) undo(s Step, where place) {
	if where.phase == "" || where.phase == Back || where.back {
		return
	}
	stated := s.Verb == "run" || s.Verb == "tell"
	switch {
	case stated && s.Undo == nil && beforeBarrier(where.phase):
		hint := "add undo: {run: [PROGRAM, …]}, undo: restore, or undo: none"
		if beforeBackup(where.phase) {
			hint = "add undo: {run: [PROGRAM, …]} or undo: none"
		}
		l.errorf(s.Pos, "missing-undo", hint, "%s in phase %s comes before the barrier and does not say what takes it back", s.Verb, where.phase)
	case s.Undo != nil && s.Undo.How == "restore" && beforeBackup(where.phase):
		l.errorf(s.Pos, "undo-before-backup", "add undo: {run: [PROGRAM, …]} or undo: none",
			"%s in phase %s comes before the backup: restoring it does not take it back", s.Verb, where.phase)
	case s.Undo != nil && !beforeBarrier(where.phase):
		l.warnf(s.Pos, "undo-after-barrier", "remove it", "%s in phase %s comes after the point of no return: its undo is never used", s.Verb, where.phase)
	}
}

// phaseOf: steps that change data need a restore point, and what cannot be
// taken back comes after the barrier.
func (l *linter) phaseOf(s Step, where place) {
	if where.phase == "" || where.phase == Back {
		return
	}
	switch s.Verb {
	case "install", "migrate", "config":
		if beforeBackup(where.phase) || where.phase == BackupPhase {
			l.errorf(s.Pos, "change-before-backup", "put it into install, config or migrate", "%s in phase %s changes the product before there is a restore point", s.Verb, where.phase)
		} else if s.Verb == "migrate" && Contract(where.phase) && s.Scripts != "" {
			break // a contract
		} else if !beforeBarrier(where.phase) {
			l.errorf(s.Pos, "change-after-barrier", "put it into install, config or migrate", "%s in phase %s comes after the point of no return, when users are back", s.Verb, where.phase)
		}
	case "rollout", "clean-up":
		if beforeBarrier(where.phase) {
			l.errorf(s.Pos, "irreversible-before-barrier", "put it into "+s.Verb, "%s in phase %s cannot be taken back and comes before the barrier", s.Verb, where.phase)
		}
	}
}

// Contract says that scripts in that phase take away what the version before
// still needs: they come after the barrier.
func Contract(ph Phase) bool { return ph == EndOfRun || ph == CleanUp }

// migrate checks what belongs to scripts only.
func (l *linter) migrate(s Step, where place) {
	switch {
	case s.Soak > 0 && !Contract(where.phase):
		l.errorf(s.Pos, "soak-before-barrier", "put the step into end-of-run", "scripts can wait after the run only where they come after the barrier")
	case s.Client != "" && s.Scripts == "":
		l.errorf(s.Pos, "client-without-scripts", "add scripts: FOLDER, or remove client", "client says how scripts are carried out, and the step has none")
	}
}

func (l *linter) probe(p Probe) {
	if l.p == nil {
		return
	}
	l.roles(p.Pos, p.Role...)
	switch p.Source {
	case "sql":
		l.database(p)
	case "drift":
		var all []string
		for _, id := range l.p.Order {
			if c := l.p.Components[id]; c.Database() || c.Kind == "mssql" {
				all = append(all, id)
			}
		}
		for _, id := range p.Args {
			if !strings.Contains(id, "${") {
				l.known(p.Pos, "unknown-component", "database", id, all)
			}
		}
	case "service":
		for _, id := range p.Args {
			if !strings.Contains(id, "${") {
				l.known(p.Pos, "unknown-service", "service", id, l.services())
			}
		}
	}
}

// database checks which database an SQL probe asks.
func (l *linter) database(p Probe) {
	var all []string
	for _, id := range l.p.Order {
		if l.p.Components[id].Database() {
			all = append(all, id)
		}
	}
	switch {
	case p.In != "":
		l.known(p.Pos, "unknown-component", "database", p.In, all)
	case len(all) == 0:
		l.errorf(p.Pos, "unknown-component", "", "the product has no database that an SQL probe could ask")
	case len(all) > 1:
		l.errorf(p.Pos, "which-database", "add in: "+strings.Join(all, " or in: "), "the product has %d databases: the SQL probe must name one", len(all))
	}
}

func (l *linter) when(w When) {
	if w.Crosses != "" {
		l.version(w.Pos, "crosses", w.Crosses)
	}
	if l.p == nil {
		return
	}
	switch {
	case w.Param != "":
		l.known(w.Pos, "unknown-param", "parameter", w.Param, sorted(l.p.Params))
	case w.Fact != "":
		l.known(w.Pos, "unknown-fact", "fact", w.Fact, Facts(l.p, l.r))
	case w.Trigger != "":
		l.known(w.Pos, "unknown-trigger", "trigger", w.Trigger, sorted(l.p.Triggers))
	case w.Present != "":
		l.known(w.Pos, "unknown-component", "component or feature", w.Present, append(l.components(), l.features()...))
	}
}
