package plan

import (
	"encoding/json"
	"slices"

	"upkeep/internal/manifest"
)

// BackParams are the parameters of a step that runs only on the way back: the
// verb whose way forward is carried out then, and its parameters.
type BackParams struct {
	Verb   string          `json:"verb"`
	Params json.RawMessage `json:"params"`
	// Only names the steps of which one must have been begun, or the way back
	// has nothing to do here.
	Only []string `json:"only"`
}

// backSteps adds what releases and site do on the way back only. Such a step
// lies before the one whose undo it follows; where none is named, before the
// restore point is restored from, so that it is done when the data is back and
// the services are not yet started.
func (b *builder) backSteps() {
	var said []string
	for i, h := range b.in.Hops {
		b.use(h.Product)
		b.n, b.prefix = i+1, "back."
		if i == 0 {
			b.insert(b.collect(func() { b.hooks(manifest.Back) }), "")
		}
		for _, s := range h.Release.Procedure.Phases[manifest.Back].Steps {
			words, err := json.Marshal(s) // without its place in the document
			if err != nil || slices.Contains(said, string(words)) {
				b.check(err)
				continue
			}
			said = append(said, string(words))
			if s.Undo == nil {
				s.Undo = &manifest.Undo{How: "none"} // it is a way back itself
			}
			if list := b.collect(func() { b.vendorStep(manifest.Back, s, h) }); !b.insert(list, s.After) {
				b.refuse("step %s at %s: after: %s is no step or phase of this upgrade", s.Verb, s.Pos, s.After)
			}
		}
	}
	b.n, b.prefix = 0, ""
	b.use(b.in.Installed)
}

// collect gives the steps that add puts somewhere, turned round.
func (b *builder) collect(add func()) []*draft {
	var list []*draft
	into := b.into
	b.into = &list
	add()
	b.into = into
	for _, d := range list {
		d.After, d.Writes, d.Undo, d.OnlyTo, d.Tolerated = nil, false, "action", 0, false
		title := d.Title
		d.Title = "on the way back: " + title
		switch {
		case d.Verb == "tell":
			d.TaskBack, d.Task, d.params = d.Task, nil, &TellParams{}
		case d.Verb == "run" || d.Verb == "hooks":
			raw, err := json.Marshal(d.params)
			b.check(err)
			d.params, d.Verb = &BackParams{Verb: d.Verb, Params: raw}, "back"
		default:
			b.refuse("%s runs on the way back only where a command, a hook or a person does it", d.ID)
		}
		d.Back = title
	}
	return list
}

// insert puts steps before the one whose undo they follow, and says whether
// there is one.
func (b *builder) insert(list []*draft, after string) bool {
	if len(list) == 0 {
		return true
	}
	at := slices.IndexFunc(b.drafts, func(d *draft) bool { return after == "" && d.restoring() })
	if after != "" {
		at = b.find(after)
	}
	if at < 0 && after == "" { // nothing is restored: behind the last of what keeps users out
		at = slices.IndexFunc(b.drafts, func(d *draft) bool { return d.Hop > 0 && d.Phase != "stage" })
	}
	if at < 0 {
		return false
	}
	next := b.drafts[at]
	only := []string{next.ID}
	if after == "" {
		only = nil
		for _, d := range b.drafts[at:] {
			if d.Writes || d.Verb == "install" {
				only = append(only, d.ID)
			}
		}
	}
	before := next.After
	for _, d := range list {
		switch p := d.params.(type) {
		case *TellParams:
			p.Only = only
		case *BackParams:
			p.Only = only
		}
		d.After, before = before, []string{d.ID}
	}
	next.After = before
	b.drafts = slices.Insert(b.drafts, at, list...)
	return true
}

// restoring says that taking the step back restores data.
func (d *draft) restoring() bool {
	return d.Verb == "backup" || d.Verb == "restore" || d.Restores
}
