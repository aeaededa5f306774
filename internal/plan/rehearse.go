package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RehearseParams: before anything is closed, the run's migrations are carried
// out on a copy of the data as they are.
type RehearseParams struct {
	Databases []Rehearsed `json:"databases"`
	// Left are the migrations that are not rehearsed.
	Left []LeftOut `json:"left,omitempty"`
}

// Rehearsed is a database with its migrations, in the order of the plan.
type Rehearsed struct {
	Database
	Steps []Step `json:"steps"` // migrate, with scripts
}

// LeftOut is a migration that is not rehearsed.
type LeftOut struct {
	Step  string `json:"step"`
	Title string `json:"title"`
	Why   string `json:"why"`
}

// rehearse adds the rehearsal before the first pass of the restore point. A
// command is never rehearsed: nothing proves that it would work on the copy and
// not on the data themselves. What comes after it would find the copy in another
// state than the data will be in.
func (b *builder) rehearse() {
	if !b.in.Rehearse || b.in.First {
		return
	}
	p := &RehearseParams{}
	left := map[string]bool{} // components, from here on
	leave := func(d *draft, component, why string) {
		left[component] = true
		p.Left = append(p.Left, LeftOut{d.ID, d.Title, why})
		b.note("not rehearsed: %s (step %s): %s", d.Title, d.ID, why)
	}
	for _, d := range b.drafts {
		switch m := d.params.(type) {
		case *MigrateParams:
			switch {
			case m.Run != nil:
				leave(d, m.Component, "it is a command of the product, and nothing proves that it would work on a copy of the data and not on the data themselves")
			case m.DB == nil:
				leave(d, m.Component, "it has no database of which a copy could be made")
			case left[m.Component]:
				leave(d, m.Component, "a migration before it is not rehearsed")
			default:
				b.rehearsed(p, d, m)
			}
		case *ServiceParams:
			for _, v := range m.Migrates {
				leave(d, v.Component, "the product does it when it starts")
			}
		}
	}
	if len(p.Databases) == 0 {
		b.note("nothing is rehearsed: no migration of the plan is one by scripts")
		return
	}
	for _, r := range p.Databases {
		fact := b.in.Facts.Scratch[r.Component]
		why := fact.Problem
		if why == "" {
			why = b.noScratchRoom(fact)
		}
		if why != "" {
			b.refuse("the migrations of %s cannot be rehearsed on a copy: %s; leave out rehearse: data, or --rehearse", r.Component, why)
		}
	}
	s := Step{ID: b.free("rehearse"), Verb: "rehearse", Phase: "stage", Class: Reversible, Node: b.in.Facts.Node, Deadline: deadline("rehearse"),
		Title: fmt.Sprintf("rehearse the migrations of %s on a copy of the data", p.components())}
	for _, key := range []string{s.Verb, s.ID} {
		if limit, ok := b.in.Site.Limits[key]; ok {
			s.Deadline = limit
		}
	}
	s.Back = backTitle(s, p)
	at := slices.IndexFunc(b.drafts, func(d *draft) bool { return d.Verb == "precopy" })
	if at < 0 {
		at = slices.IndexFunc(b.drafts, func(d *draft) bool { return d.Phase != "stage" })
	}
	if at < len(b.drafts) {
		s.After, b.drafts[at].After = b.drafts[at].After, []string{s.ID}
	}
	b.drafts = slices.Insert(b.drafts, at, &draft{Step: s, params: p})
}

func (b *builder) rehearsed(p *RehearseParams, d *draft, m *MigrateParams) {
	raw, err := marshal([]*draft{{Step: d.Step, params: m}})
	if !b.check(err) {
		return
	}
	i := slices.IndexFunc(p.Databases, func(r Rehearsed) bool { return r.Component == m.DB.Component })
	if i < 0 {
		i = len(p.Databases)
		p.Databases = append(p.Databases, Rehearsed{Database: *m.DB})
	}
	p.Databases[i].Steps = append(p.Databases[i].Steps, raw...)
}

func (p *RehearseParams) components() string {
	var out []string
	for _, r := range p.Databases {
		out = append(out, r.Component)
	}
	return strings.Join(out, ", ")
}

// rehearsal is how long a rehearsal takes: a copy, and the migrations on it.
func rehearsal(s Step, in Input) time.Duration {
	var total time.Duration
	var p RehearseParams
	if json.Unmarshal(s.Params, &p) != nil {
		return total
	}
	for _, r := range p.Databases {
		bytes := in.Facts.Databases[r.Component]
		total += per(bytes, proofRate)
		for _, m := range r.Steps {
			if took, known := in.Facts.History[m.ID]; known {
				total += took
			} else {
				total += guess(m, in)
			}
		}
	}
	return total
}
