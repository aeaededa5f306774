package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

func lookRun(_ context.Context, c *consultation) ([]Symptom, error) {
	r := c.status.Open
	if r == nil {
		return nil, nil
	}
	since := fmt.Sprintf("%s to %s, opened by %s at %s", r.From, r.To, r.StartedBy(), r.Opened.UTC().Format("2006-01-02 15:04 UTC"))
	if r.Waiting != nil {
		s := Symptom{ID: "run-waits", Text: fmt.Sprintf("run %s waits for a person, at %s", r.ID, r.Waiting.Step.ID), Evidence: since,
			Try: []Remedy{{Upkeep: []string{"status"}, Text: "says what it waits for, and what each choice means", Shows: true}}}
		for _, choice := range r.Waiting.Choices {
			s.Try = append(s.Try, Remedy{Upkeep: []string{"decide", r.ID, string(choice)}, Choice: true})
		}
		return []Symptom{s}, nil
	}
	return []Symptom{{ID: "run-interrupted", Text: fmt.Sprintf("run %s was interrupted, and nobody carries it on", r.ID), Evidence: since,
		Try: []Remedy{{Upkeep: []string{"resume"}, Text: "goes on, to the new version or back"}, {Upkeep: []string{"cancel"}, Text: "goes back to " + r.From, Choice: true}}}}, nil
}

func lookRestore(_ context.Context, c *consultation) ([]Symptom, error) {
	if c.status.Restoring == nil {
		return nil, nil
	}
	return []Symptom{{ID: "restore-interrupted", Text: "the return of restore point " + c.status.Restoring.Point + " was interrupted: the product is neither old nor new",
		Try: []Remedy{{Upkeep: c.status.Restoring.Args(), Text: "does it again, from its beginning"}}}}, nil
}

func lookTimer(_ context.Context, c *consultation) ([]Symptom, error) {
	f, err := c.TimerFailed()
	if f == nil || err != nil {
		return nil, err
	}
	return []Symptom{{ID: "timer-failed", Text: "no restore point was made by the timer since " + f.Since.UTC().Format("2006-01-02 15:04 UTC"), Evidence: f.Why,
		Try: []Remedy{{Upkeep: []string{"backup", "create", "--timer"}, Text: "tries again, once that is mended"}}}}, nil
}

// lookLock finds a command that is at work, or hangs. A lock that nobody holds
// means nothing, and the kernel gives free what a dead process held.
func lookLock(ctx context.Context, c *consultation) ([]Symptom, error) {
	for end := time.Now().Add(patience); ; {
		pid := holder(c.lockPath())
		if pid == 0 {
			return nil, nil
		}
		if time.Now().After(end) {
			return []Symptom{{ID: "lock-held", Text: "another upkeep command is at work on this installation", Evidence: fmt.Sprintf("process %d holds %s", pid, c.lockPath()),
				Try: []Remedy{{Command: []string{"ps", "-o", "pid,user,lstart,args", "-p", fmt.Sprint(pid)}, Text: "says which; wait until it has ended", Shows: true}}}}, nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

// lookAccess asks the product too, where its modes are told by a probe.
func lookAccess(ctx context.Context, c *consultation) ([]Symptom, error) {
	on := slices.Clone(c.status.Modes)
	var failed error
	if c.product != nil {
		var all []plan.AccessParams
		all, failed = declaredBy(c.resolver)
		for _, p := range all {
			switch is, err := c.modeOn(ctx, p); {
			case err != nil:
				failed = err
			case is && !slices.Contains(on, p.Name()):
				on = append(on, p.Name())
			}
		}
	}
	if len(on) == 0 {
		return nil, failed
	}
	return []Symptom{{ID: "access-left", Text: "an access mode is on, though no run is open", Evidence: strings.Join(on, " and "),
		Try: []Remedy{{Upkeep: c.openUp(), Text: "lets them in"}}}}, failed
}

func lookChanged(_ context.Context, c *consultation) ([]Symptom, error) {
	var out []string
	for _, r := range c.status.Record {
		id := plan.UnitID(r.Component, r.Instance)
		if is, looked := c.status.Found[id]; looked && is != r.Version {
			if is == "" {
				is = "gone"
			}
			out = append(out, fmt.Sprintf("%s is %s, recorded is %s", id, is, r.Version))
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return []Symptom{{ID: "changed-outside", Text: "a version was changed without Upkeep", Evidence: strings.Join(out, "; "),
		Try: []Remedy{{Upkeep: []string{"adopt"}, Text: "records what is there now, where that is as you want it", Choice: true}}}}, nil
}

// lookLoop counts upgrades that ended well and were made again at once: what
// was new then did not last.
func lookLoop(ctx context.Context, c *consultation) ([]Symptom, error) {
	j, err := c.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	var rows []journal.Run // that may be one and the same upgrade
	err = j.Latest(ctx, func(r journal.Run) (bool, error) {
		rows = append(rows, r)
		return sameChange(r, rows[0]), nil
	})
	if err != nil {
		return nil, err
	}
	n := again(rows, func(r journal.Run) string {
		of, err := j.Plan(ctx, r.Plan)
		if err != nil {
			return r.ID // what it upgraded is not known
		}
		return of.Subject()
	})
	if n == 0 {
		return nil, nil
	}
	return []Symptom{{ID: "loop", Text: fmt.Sprintf("the upgrade from %s to %s ended well %d times, and was then needed again", rows[0].From, rows[0].To, n),
		Evidence: fmt.Sprintf("the first on %s, the last on %s", rows[n-1].Opened.Format(time.DateOnly), rows[0].Opened.Format(time.DateOnly)),
		Try:      []Remedy{{Text: "something puts the old version back after each upgrade: look for another manager of the same product, an image, a scheduled copy"}, {Upkeep: []string{"runs", "log", rows[0].ID}, Shows: true}},
		Else:     c.support()}}, nil
}

// again counts the latest runs, latest first, that made one and the same
// upgrade of the same part of the product with nothing between them; 0 when it
// is but one.
func again(rows []journal.Run, part func(journal.Run) string) int {
	if len(rows) < 2 || !sameChange(rows[0], rows[0]) || !sameChange(rows[1], rows[0]) {
		return 0
	}
	n, of := 1, part(rows[0])
	for _, r := range rows[1:] {
		if !sameChange(r, rows[0]) || part(r) != of {
			break
		}
		n++
	}
	if n < 2 {
		return 0
	}
	return n
}

// sameChange says that a run made the same change of version as the other, and ended
// well.
func sameChange(r, other journal.Run) bool {
	return r.Result == run.ResultNew && r.To == other.To && r.From == other.From && r.From != r.To
}

// Little room: under both, so that neither a small volume nor a large one is
// called full that is not.
const (
	littlePart  = 20      // one twentieth
	littleBytes = 1 << 30 // 1 GiB
	littleFiles = 10_000
)

func lookRoom(_ context.Context, c *consultation) ([]Symptom, error) {
	paths := []string{c.State, c.Backup}
	for _, unit := range c.facts.Instances {
		if unit.Real != "" {
			paths = append(paths, unit.Real)
		}
	}
	var out []Symptom
	seen := map[string]bool{}
	for _, p := range paths {
		v, err := c.FS.Free(p)
		if err != nil {
			return out, err
		}
		if seen[v.ID] {
			continue
		}
		seen[v.ID] = true
		if why := little(v); why != "" {
			out = append(out, Symptom{ID: "room", Text: "the volume of " + p + " is almost full", Evidence: why,
				Try: []Remedy{{Upkeep: []string{"backup", "list"}, Text: "says how much room restore points take", Shows: true}, {Command: []string{"du", "-xh", "--max-depth=2", "--threshold=1G", p}, Text: "says what is large there", Shows: true}}})
		}
	}
	return out, nil
}

func little(v durable.VolumeInfo) string {
	switch {
	case v.Free < littleBytes && v.Free < v.Total/littlePart:
		return fmt.Sprintf("%d MiB of %d MiB are free", v.Free>>20, v.Total>>20)
	case v.FreeInodes >= 0 && v.FreeInodes < littleFiles:
		return fmt.Sprintf("only %d more files fit on it", v.FreeInodes)
	}
	return ""
}

func lookPackages(ctx context.Context, c *consultation) ([]Symptom, error) {
	if c.packageKind() == "" {
		return nil, nil
	}
	var names []string
	for _, id := range c.product.Order {
		switch p := c.product.Components[id]; {
		case p.Kind == "package" && len(p.Packages) > 0:
			names = append(names, p.Packages...)
		case p.Kind == "package":
			names = append(names, id)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	m, err := c.packageManager(c.packageKind(), c.reading())
	if err != nil {
		return nil, err
	}
	all, err := m.Installed(ctx, names...)
	if err != nil {
		return nil, err
	}
	var half []string
	for _, p := range all {
		if !p.Whole {
			half = append(half, p.Name+" "+p.Version+" is "+p.State)
		}
	}
	if len(half) == 0 {
		return nil, nil
	}
	return []Symptom{{ID: "packages-half", Text: "packages are not installed whole", Evidence: strings.Join(half, ", "),
		Try: []Remedy{{Command: []string{"dpkg", "--configure", "-a"}, As: "root"}, {Command: []string{"apt-get", "--yes", "--no-remove", "--fix-broken", "install"}, As: "root", Text: "never removes a package"}}, Else: c.support()}}, nil
}

func lookServices(ctx context.Context, c *consultation) ([]Symptom, error) {
	var out []Symptom
	var failed error
	known, _ := c.stopped(ctx) // the look for it says what cannot be read
	for _, sv := range c.resolver.Product.Services {
		if known != nil && slices.Contains(known.IDs(), sv.ID) {
			continue // that it is stopped is said with why
		}
		spec, err := c.resolver.Service(sv)
		if err != nil {
			failed = err
			continue
		}
		s, err := c.service(ctx, *spec)
		if err != nil {
			failed = err
		}
		if s.ID != "" {
			s.Else = c.support()
			out = append(out, s)
		}
	}
	return out, failed
}

// service looks at one service. One that a run has kept stopped, and that no
// run lets start any more, is its own kind of trouble: nothing else starts it.
func (c *consultation) service(ctx context.Context, s plan.Service) (Symptom, error) {
	if why, held, err := c.services.Inhibited(ctx, s); err != nil || held {
		if err == nil && c.isHeld(s.ID) {
			return Symptom{}, nil // the look at the holds says when that is wrong
		}
		return Symptom{ID: "held." + s.ID, Text: s.ID + " is kept from starting, though no run is open", Evidence: why, Try: []Remedy{c.doing(ctx, s.ID, "start")}}, err
	}
	running, evidence, err := c.services.Running(ctx, s)
	if err != nil {
		return Symptom{}, err
	}
	if !running {
		return Symptom{ID: "stopped." + s.ID, Text: s.ID + " does not run", Evidence: evidence, Try: append(c.logOf(ctx, s), c.doing(ctx, s.ID, "start"))}, nil
	}
	if s.Ready == nil {
		return Symptom{}, nil
	}
	v, err := c.probes.Check(ctx, *s.Ready)
	if err == nil && v.OK {
		return Symptom{}, nil
	}
	return Symptom{ID: "unready." + s.ID, Text: s.ID + " runs, but is not ready", Evidence: v.Evidence, Try: append(c.logOf(ctx, s), c.doing(ctx, s.ID, "restart"))}, nil
}

func (c *consultation) logOf(ctx context.Context, s plan.Service) []Remedy {
	unit := c.unit(ctx, s)
	switch {
	case s.Log != "":
		return []Remedy{{Command: []string{"tail", "-n", "50", s.Log}, Text: "says how it ended", Shows: true}}
	case unit != "":
		return []Remedy{{Command: []string{"journalctl", "-n", "50", "-u", unit}, Text: "says how it ended", Shows: true}}
	}
	return nil
}

// lookRemedies asks the vendor's probes: each says how it should be.
func lookRemedies(ctx context.Context, c *consultation) ([]Symptom, error) {
	var out []Symptom
	for i, r := range c.product.Remedies {
		s := Symptom{ID: fmt.Sprintf("remedy-%d", i+1), Text: c.text(r.Symptom), Try: c.steps(ctx, r.Fix), Else: r.Else}
		if s.Else == "support" {
			s.Else = c.support()
		}
		pr, err := c.resolver.Probe(r.Probe)
		holds, cannot := plan.Holds(plan.Input{Site: c.Doc, Facts: c.facts}, c.product, r.When)
		if cannot == nil && !holds {
			continue
		}
		if err == nil {
			err = cannot
		}
		if err == nil {
			v, looked := c.probes.Check(ctx, *pr)
			if err = looked; err == nil && v.OK {
				continue
			}
			if s.Evidence = v.Evidence; v.Got != "none" {
				s.Evidence += fmt.Sprintf("; it is %s, and should be %s", v.Got, v.Want)
			}
			if r.Evidence != "" {
				s.Evidence += "; " + c.said(r.Evidence)
			}
		}
		if err != nil {
			s.Text, s.Evidence, s.Error, s.Try = "could not find out whether this is so: "+r.Symptom, "", err.Error(), nil
		}
		out = append(out, s)
	}
	return out, nil
}

func (c *consultation) support() string {
	if c.product == nil {
		return ""
	}
	return c.product.Support
}
