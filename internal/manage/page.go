package manage

import (
	"time"

	"upkeep/internal/gate"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// pages is what the gate tells the product's users while a run keeps them
// out: what goes on, until when, and when it went wrong.
type pages struct {
	gate   *gate.Gate
	name   string // of the gate
	page   gate.Page
	outage time.Duration // forecast; 0 when there was none
}

// newPages takes up a run wherever it is.
func (in *Installation) newPages(r *Run) *pages {
	p := &pages{gate: in.gate, name: in.Doc.ID, outage: in.Forecast(r.ID).Outage,
		page: gate.Page{Product: r.Plan.Product, Doing: gate.Doing(plan.Doing(r.Plan)), To: r.Plan.To}}
	for _, s := range r.Plan.Steps {
		if st := r.State.Steps[s.ID]; st != nil && st.Status == run.Done {
			p.ended(s, run.Do, st.Last, st.Ended)
		}
	}
	return p
}

// began tells users that people are at work by hand, where they are.
func (p *pages) began(s plan.Step, dir run.Direction) {
	if s.TaskOf(dir == run.Undo) == nil || p.page.ByHand {
		return
	}
	p.page.ByHand = true
	p.show()
}

// ended tells users the expected end once the gate has closed.
func (p *pages) ended(s plan.Step, dir run.Direction, e run.Ended, at time.Time) {
	if p.page.ByHand && e.OK {
		p.page.ByHand = false
		p.show()
	}
	if !e.OK || dir != run.Do || s.Verb != "access" || p.outage == 0 {
		return
	}
	if params, err := step.Params[plan.AccessParams](s); err != nil || params.Gate == nil || params.Reopen != "" {
		return
	}
	p.page.ExpectedEnd = at.Add(p.outage).Round(time.Second)
	p.show()
}

// back tells users that it went wrong, and what is done about it.
func (p *pages) back() {
	p.page.Doing, p.page.ByHand, p.page.ExpectedEnd = gate.PutBack, false, time.Time{}
	p.show()
}

// waits tells users that it takes longer.
func (p *pages) waits() {
	p.page.Doing, p.page.ByHand, p.page.ExpectedEnd = gate.Waits, false, time.Time{}
	p.show()
}

// show changes the page. Where no gate of this process is up there is none to
// be changed, and that is no error.
func (p *pages) show() { _ = p.gate.SetPage(p.name, p.page) }
