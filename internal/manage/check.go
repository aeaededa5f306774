package manage

import (
	"context"
	"errors"
	"slices"
	"time"

	"upkeep/internal/plan"
)

// Finding is one result of a readiness check.
type Finding struct {
	ID        string `json:"id"`
	Level     string `json:"level"` // blocker, warning, info
	OK        bool   `json:"ok"`
	Waived    string `json:"waived,omitempty"` // by whom and why
	Evidence  string `json:"evidence,omitempty"`
	Error     string `json:"error,omitempty"` // the check could not be made
	Effect    string `json:"effect,omitempty"`
	Fix       string `json:"fix,omitempty"`
	Reference string `json:"reference,omitempty"` // where the vendor says more
	Release   string `json:"release,omitempty"`
	Later     bool   `json:"later,omitempty"` // of a later hop of the way, to Release
	Waivable  bool   `json:"waivable,omitempty"`
	New       bool   `json:"new,omitempty"`     // the rule is new in this release: what the installed one asks for is there
	Fixable   bool   `json:"fixable,omitempty"` // Upkeep can carry the fix out
	Person    bool   `json:"-"`                 // a person settles it before the run opens
	Review    bool   `json:"-"`                 // the review of scripts settles it
}

// Text says what was found, and of which hop it is where that is a later one.
func (f Finding) Text() string {
	text := f.Evidence
	if f.Error != "" {
		text = "could not be checked: " + f.Error
	}
	if f.Later {
		text += " (of the later hop to " + f.Release + ")"
	}
	return text
}

// Readiness is what stands between an installation and a release.
type Readiness struct {
	Installed string    `json:"installed"`
	To        string    `json:"to"`
	UpToDate  bool      `json:"upToDate"`
	Findings  []Finding `json:"findings"`
}

// Blocked and Warned say whether anything must, or should, be mended first.
func (r Readiness) Blocked() bool { return r.any("blocker") }

// Warned says that a warning is open.
func (r Readiness) Warned() bool { return r.any("warning") }

func (r Readiness) any(level string) bool {
	for _, f := range r.Findings {
		if !f.OK && f.Level == level && f.Waived == "" {
			return true
		}
	}
	return false
}

// Check looks at everything that a plan would need, and at the checks of the
// releases on the way. It changes nothing.
func (in *Installation) Check(ctx context.Context, req Request) (Readiness, error) {
	r, p, err := in.readiness(ctx, req)
	p.Close()
	return r, err
}

// readiness is Check with what it rests on, which is to be closed.
func (in *Installation) readiness(ctx context.Context, req Request) (Readiness, *Prepared, error) {
	p, err := in.survey(ctx, req)
	r, err := in.findings(ctx, req, p, err)
	return r, p, err
}

// findings are what a survey has come to; an error that is no refusal stays one.
func (in *Installation) findings(ctx context.Context, req Request, p *Prepared, err error) (Readiness, error) {
	var refusal *plan.Refusal
	if err != nil && !errors.As(err, &refusal) {
		return Readiness{}, err
	}
	r := Readiness{Installed: p.Installed, To: p.To, UpToDate: p.UpToDate, Findings: []Finding{}}
	seen := map[Finding]bool{}
	add := func(f Finding) {
		if key := (Finding{ID: f.ID, OK: f.OK, Evidence: f.Evidence}); !seen[key] {
			seen[key], r.Findings = true, append(r.Findings, f)
		}
	}
	for i, h := range p.Input.Hops {
		applies := plan.Applying(p.Input, i)
		for _, c := range h.Release.Checks {
			res, known := p.Input.Facts.Checks[plan.CheckKey(h.Release.Version, c.ID)]
			if !applies(c) {
				continue
			}
			if !known {
				if i > 0 { // it shows only between the hops
					add(Finding{ID: c.ID, Level: "info", Release: h.Release.Version, Later: true, Reference: c.Reference,
						Evidence: "it is about the product as it is before this hop, and is looked at in the run, once " + p.Input.Hops[i-1].Release.Version + " is there"})
				}
				continue
			}
			f := Finding{Later: i > 0, Reference: c.Reference, ID: c.ID, Level: c.Level, OK: res.OK, Evidence: res.Text(), Error: res.Error, Effect: c.Effect, Release: h.Release.Version, Waivable: c.Waivable}
			if f.Level == "" {
				f.Level = "blocker"
			}
			f.New = res.New != ""
			f.Fix, f.Fixable = in.mending(p.Input, h, c.Fix)
			if w, ok := req.Waivers[c.ID]; ok && c.Waivable {
				f.Waived = w
			} else if w, ok := in.Doc.Waivers[c.ID]; ok && c.Waivable {
				if f.Waived = w.String(); !w.Counts(p.Input.Facts.Today) {
					f.Waived, f.Evidence = "", f.Evidence+"; the waiver by "+w.By+" ended on "+w.Until
				}
			}
			add(f)
			if next := p.Input.Facts.Checks[plan.AnnouncedKey(h.Release.Version, c.ID)]; res.OK && !next.OK {
				f.ID, f.Level, f.OK, f.Evidence, f.Waivable = c.ID+"-announced", "warning", false, next.Text(), false
				f.Effect = "a release after " + h.Release.Version + " will refuse it"
				add(f)
			}
		}
	}
	if len(p.Input.Hops) > 0 {
		_, remarks, _ := plan.Waivers(p.Input)
		for _, text := range remarks {
			add(Finding{ID: "waiver", Level: "info", Evidence: text})
		}
	}
	for _, text := range p.Outside {
		add(Finding{ID: "changed-outside", Level: "warning", Evidence: text})
	}
	for _, f := range customised(p.Input.Facts.Customised) {
		add(f)
	}
	for _, f := range in.unpunctual(ctx, NewMachine(in.Exe), time.Now()) {
		add(f)
	}
	people := []plan.Asked(nil)
	switch {
	case refusal != nil:
		people = refusal.People
	case p.Plan != nil:
		people = p.Plan.People
	}
	for _, a := range people {
		if a.Kind == plan.AskedAnswer {
			continue // the check, or what rests on it, says so
		}
		f := Finding{ID: a.ID, Level: "blocker", OK: !a.Open(), Evidence: a.Text, Reference: a.Reference, Release: p.To, Person: true}
		if a.Lacks != "" {
			f.Evidence += " (not yet: " + a.Lacks + ")"
		}
		if a.Open() {
			f.Fix = "upkeep done " + a.ID + " --from …, once it is done"
		} else {
			f.Evidence += " (" + a.Word.By + " said so: " + a.Word.Note + ")"
		}
		add(f)
	}
	for _, text := range p.Input.Facts.Remarks {
		add(Finding{ID: "registration", Level: "warning", Evidence: text})
	}
	if refusal != nil {
		for _, reason := range refusal.Reasons {
			if !slices.Contains(refusal.Checks, reason) {
				r.Findings = append(r.Findings, Finding{ID: "plan", Level: "blocker", Evidence: reason, Review: slices.Contains(refusal.Scripts, reason)})
			}
		}
	}
	return r, nil
}
