package show

import (
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// PlanDoc is the JSON of a plan. Its keys are stable.
type PlanDoc struct {
	UpToDate  bool           `json:"upToDate"`
	Installed string         `json:"installed"`
	Digest    string         `json:"digest,omitempty"`
	Plan      *plan.Plan     `json:"plan,omitempty"`
	Forecast  *plan.Forecast `json:"forecast,omitempty"`
	Merged    []MergedDoc    `json:"merged,omitempty"` // what comes of edited files
}

// PlanJSON gives the JSON of a plan.
func PlanJSON(p *plan.Plan, f plan.Forecast, upToDate bool, installed string) PlanDoc {
	d := PlanDoc{UpToDate: upToDate, Installed: installed, Plan: p}
	if p != nil {
		d.Digest, d.Forecast, d.Merged = p.Digest, &f, mergedFiles(p)
	}
	return d
}

// StepDoc is the JSON of one step of a run.
type StepDoc struct {
	ID       string        `json:"id"`
	Status   string        `json:"status"`
	Took     time.Duration `json:"took,omitempty"` // nanoseconds
	Error    string        `json:"error,omitempty"`
	Evidence string        `json:"evidence,omitempty"`
}

// OutcomeDoc is the JSON of a run.
type OutcomeDoc struct {
	Run      string            `json:"run"`
	Plan     string            `json:"plan"` // digest
	From     string            `json:"from"`
	To       string            `json:"to"`
	Mode     run.Mode          `json:"mode"`
	By       string            `json:"by"`
	Trigger  string            `json:"trigger"`
	Origin   run.Origin        `json:"origin"`           // where it was started
	Upkeep   string            `json:"upkeep,omitempty"` // the version that began it
	Result   run.Result        `json:"result,omitempty"`
	Version  string            `json:"version,omitempty"`
	Outage   time.Duration     `json:"outage"` // nanoseconds
	Forecast time.Duration     `json:"forecast,omitempty"`
	Reason   *run.Decided      `json:"reason,omitempty"`
	Waiting  string            `json:"waiting,omitempty"` // step
	Choices  []run.Choice      `json:"choices,omitempty"`
	Vouch    *plan.Vouch       `json:"vouch,omitempty"`   // who stands for the releases
	Waivers  map[string]string `json:"waivers,omitempty"` // what was accepted, by whom and why
	Reviews  []plan.Reviewed   `json:"reviews,omitempty"` // scripts for a customised database, with what was decided
	Work     []string          `json:"work,omitempty"`
	Points   []string          `json:"restorePoints,omitempty"`
	Merged   []MergedDoc       `json:"merged,omitempty"` // edited files that the run has installed
	Steps    []StepDoc         `json:"steps"`
}

// OutcomeJSON gives the JSON of a run.
func OutcomeJSON(o Outcome) OutcomeDoc {
	s := o.State
	d := OutcomeDoc{Run: o.ID, Plan: o.Plan.Digest, From: o.Plan.From, To: o.Plan.To, Mode: s.Mode, Outage: s.Outage(o.Now), Forecast: o.Forecast,
		By: s.Opened.By, Trigger: s.Opened.Trigger, Origin: s.Opened.Origin, Upkeep: s.Opened.Engine,
		Reason: s.Why, Vouch: o.Plan.Vouch, Waivers: o.Plan.Waivers, Reviews: o.Plan.Reviews, Work: s.Work(), Points: o.Points, Merged: installedFiles(o.Plan, s), Steps: []StepDoc{}}
	if s.Closed != nil {
		d.Result, d.Version = s.Closed.Result, s.Closed.Version
	}
	if o.Waiting != nil {
		d.Waiting, d.Choices = o.Waiting.Step.ID, o.Waiting.Choices
	}
	for _, st := range o.Plan.Steps {
		if x := s.Steps[st.ID]; x != nil && x.Status != run.Pending {
			d.Steps = append(d.Steps, StepDoc{ID: st.ID, Status: string(x.Status), Took: x.Last.Took, Error: x.Last.Error, Evidence: x.Last.Evidence})
		}
	}
	return d
}

// StatusDoc is the JSON of a status.
type StatusDoc struct {
	Installation string               `json:"installation"`
	Product      string               `json:"product"`
	Entry        string               `json:"entry,omitempty"` // the product's own address
	Open         *OutcomeDoc          `json:"open,omitempty"`
	Engine       int                  `json:"engine,omitempty"`
	Interrupted  bool                 `json:"interrupted,omitempty"`
	Installed    []journal.Installed  `json:"installed"`
	Found        map[string]string    `json:"found,omitempty"` // unit to the version that its file reads now
	Last         *journal.Run         `json:"last,omitempty"`
	Modes        []string             `json:"modes,omitempty"`
	Holds        []manage.Hold        `json:"holds,omitempty"`     // that outlive their run; of one that a probe ends it is not said whether it is due
	Timer        *manage.TimerFailure `json:"timer,omitempty"`     // why no restore point is made by the timer
	Restoring    string               `json:"restoring,omitempty"` // restore point whose return was interrupted
	Stopped      []string             `json:"stopped,omitempty"`   // services that the doctor has stopped for a while
	Watching     *manage.Watching     `json:"watching,omitempty"`  // where it is against what is published, as seen last
	Scheduled    *manage.Scheduled    `json:"scheduled,omitempty"` // the upgrade that begins later, or was not started at its time
	When         *manage.When         `json:"when,omitempty"`      // upgrades may begin; nil: at any time
	Untold       []manage.Delivery    `json:"untold,omitempty"`    // notifications that did not come through
	NoBoot       string               `json:"noBoot,omitempty"`
	HubDown      string               `json:"hubDown,omitempty"` // why the page does not run, where it is set up
	Doing        string               `json:"doing,omitempty"`   // what the step under way has said last
	Until        time.Time            `json:"until,omitzero"`    // when it is expected to end, by a rehearsal
}

// StatusJSON gives the JSON of a status.
func StatusJSON(s manage.Status, now time.Time) StatusDoc {
	d := StatusDoc{Installation: s.Installation, Product: s.Product, Entry: s.Entry, Installed: s.Record, Found: s.Found, Last: s.Last, Modes: s.Modes, Holds: s.Holds, Timer: s.Timer, Watching: s.Watching, NoBoot: s.NoBoot, HubDown: s.HubDown, Doing: s.Doing, Until: s.Until, Scheduled: s.Scheduled, Untold: s.Untold}
	if s.When.Bound {
		d.When = &s.When
	}
	if s.Restoring != nil {
		d.Restoring = s.Restoring.Point
	}
	if s.Stopped != nil {
		d.Stopped = s.Stopped.IDs()
	}
	if d.Installed == nil {
		d.Installed = []journal.Installed{}
	}
	if s.Open != nil {
		o := OutcomeJSON(Outcome{ID: s.Open.ID, Plan: s.Open.Plan, State: s.Open.State, Waiting: s.Open.Waiting, Now: now})
		d.Open, d.Engine, d.Interrupted = &o, s.Open.Engine, s.Open.Interrupted()
	}
	return d
}
