package local

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/drift"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Points implements ask.Engine.
func (e *Engine) Points(ctx context.Context, q ask.Of) (ask.Points, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Points{}, err
	}
	list, err := in.ListPoints(ctx)
	if err != nil {
		return ask.Points{}, told(err)
	}
	out := ask.Points{Product: in.Doc.Product, Place: in.Place(), Points: []ask.Point{}}
	for _, l := range slices.Backward(list) {
		p := ask.Point{ID: l.ID, Version: l.About.Version, Made: l.Made, Size: l.Size, Parts: []string{}, Note: l.About.Note, Encrypted: len(l.Encrypted) > 0, Needed: l.Needed, Error: l.Error}
		for _, part := range l.Parts {
			p.Parts = append(p.Parts, part.Name)
		}
		if l.Error == "" {
			p.Proven, p.ProvenBy = proven(l)
		}
		out.Points = append(out.Points, p)
	}
	return out, nil
}

// proven says when a restore point was proven last, and by what.
func proven(l manage.Listed) (time.Time, ask.ProvenBy) {
	switch {
	case l.Proof != nil && l.Proof.By == manage.Restored:
		return l.Proof.At, ask.Restored
	case l.Proof != nil:
		return l.Proof.At, ask.Verified
	case l.Restored():
		return l.Made, ask.MadeRestored
	}
	return l.Made, ask.MadeRead
}

// Drift implements ask.Engine.
func (e *Engine) Drift(ctx context.Context, q ask.Of) (ask.Drift, error) {
	in, err := e.quiet(ctx, q.Installation)
	if err != nil {
		return ask.Drift{}, err
	}
	d, err := in.Drift(ctx, "", "")
	if err != nil {
		return ask.Drift{}, told(err)
	}
	out := ask.Drift{Product: d.Product, Version: d.Version, At: d.At, Versions: d.Versions, Parts: []ask.DriftPart{}}
	for _, t := range d.Trees {
		p := ask.DriftPart{Unit: t.Unit, At: t.At, Unknown: t.Unknown, Items: []ask.DriftItem{}}
		for _, f := range t.Files {
			p.Items = append(p.Items, ask.DriftItem{Name: f.Path, What: f.What, Diff: f.Diff})
		}
		out.Parts = append(out.Parts, p)
	}
	for _, db := range d.Databases {
		p := ask.DriftPart{Unit: db.Unit, Database: true, Standard: db.Standard, Unknown: db.Unknown, Items: []ask.DriftItem{}}
		for _, x := range db.Differences {
			p.Items = append(p.Items, ask.DriftItem{Name: strings.TrimSpace(x.Kind + " " + x.Name), What: string(x.How), Diff: diff(x.Want, x.Have)})
		}
		out.Parts = append(out.Parts, p)
	}
	return out, nil
}

// diff writes what differs line by line.
func diff(want, have string) string {
	var b strings.Builder
	for _, l := range drift.Lines(want, have) {
		fmt.Fprintf(&b, "%c %s\n", l.Op, l.Text)
	}
	return b.String()
}

// Doctor implements ask.Engine.
func (e *Engine) Doctor(ctx context.Context, q ask.Of) (ask.Diagnosis, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Diagnosis{}, err
	}
	d, err := in.Doctor(ctx, e.Releases)
	if err != nil {
		return ask.Diagnosis{}, told(err)
	}
	out := ask.Diagnosis{Product: d.Product, UnderWay: d.UnderWay, Fine: d.Fine, Symptoms: []ask.Symptom{}}
	for _, s := range d.Symptoms {
		x := ask.Symptom{ID: s.ID, Text: s.Text, Evidence: s.Evidence, Error: s.Error, Else: s.Else, Try: []ask.Remedy{}}
		for _, r := range s.Try {
			if m := remedy(r); m.Text != "" {
				m.Carries = m.Carries && s.Error == "" && out.UnderWay == ""
				x.Try = append(x.Try, m)
			}
		}
		out.Symptoms = append(out.Symptoms, x)
	}
	return out, nil
}

// remedy is what helps, as a person would type or do it.
func remedy(r manage.Remedy) ask.Remedy {
	out := ask.Remedy{As: r.As, Stops: r.Stops, Wait: r.Wait, Retry: r.Retry, Every: r.Every, Choice: r.Choice, Carries: r.Unasked(), Does: does(r)}
	if out.Carries {
		out.Sum = r.Sum()
	}
	var parts []string
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	if len(out.Does) > 0 && len(r.During) == 0 {
		parts = append(parts, out.Does[0])
	}
	if out.Text = strings.Join(parts, ": "); out.Text == "" {
		out.Text = strings.Join(out.Does, ", then ")
	}
	if r.Wait > 0 {
		out.Does = nil // Wait says it
	}
	return out
}

// does are the commands of a remedy, one after the other.
func does(r manage.Remedy) []string {
	switch {
	case len(r.During) > 0:
		var out []string
		for _, inner := range r.During {
			out = append(out, does(inner)...)
		}
		return out
	case len(r.Upkeep) > 0:
		return []string{"upkeep " + strings.Join(r.Upkeep, " ")}
	case len(r.Command) > 0:
		return []string{strings.Join(r.Command, " ")}
	case r.Service != "":
		return []string{r.Do + " " + r.Service}
	case r.Wait > 0:
		return []string{"wait " + r.Wait.String()}
	}
	return nil
}

// quiet opens an installation that must have no open run.
func (e *Engine) quiet(ctx context.Context, id string) (*manage.Installation, error) {
	in, err := e.open(ctx, id)
	if err != nil {
		return nil, err
	}
	r, err := in.OpenRun(ctx)
	switch {
	case err != nil:
		return nil, told(err)
	case r == nil:
		return in, nil
	case r.Engine != 0:
		return nil, told(&manage.BusyError{Run: r.ID, PID: r.Engine, By: r.StartedBy()})
	}
	return nil, &ask.Error{Kind: ask.Busy, Text: fmt.Sprintf("run %s, started by %s, is open: there is one run at a time", r.ID, r.StartedBy())}
}
