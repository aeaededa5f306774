package manifest

import (
	"maps"
	"slices"

	"upkeep/internal/document"
)

// place says where in a manifest a step stands.
type place struct {
	phase Phase // of the procedure; empty elsewhere
	back  bool  // an undo, or an ending of a drain: a way out, not a way on
	write bool  // writes a setting: ${value} is known
	fix   bool  // of a remedy: carried out outside of any run
	span  bool  // within the span of a hold or an access mode
}

// use says what a text is used for.
type use int

const (
	plainText   use = iota
	argument        // of a command
	wholeSecret     // may be a reference to a secret, as a whole
	hookText        // of a hook folder: ${phase} and ${component} are known
	writeText       // of a setting's write step: ${value} is known
	fileText        // of a validator: ${file} is known
)

// walker visits everything of a manifest that stands at a place: its texts,
// probes, steps and conditions. Maps are visited in the order of their keys.
type walker struct {
	text  func(at document.Pos, text string, u use)
	probe func(p Probe)
	step  func(s Step, where place)
	when  func(w When)
}

// EachProbe visits every probe of a manifest, of which either document may be nil.
func EachProbe(p *Product, r *Release, visit func(Probe)) {
	w := walker{text: func(document.Pos, string, use) {}, probe: visit, step: func(Step, place) {}, when: func(When) {}}
	if p != nil {
		w.product(p)
	}
	if r != nil {
		w.release(r)
	}
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (w walker) texts(at document.Pos, u use, texts ...string) {
	for _, t := range texts {
		if t != "" {
			w.text(at, t, u)
		}
	}
}

func (w walker) product(p *Product) {
	w.texts(p.Pos, plainText, p.Entry, p.Support)
	for _, id := range sorted(p.Params) {
		if def := p.Params[id].Default; def != nil {
			w.texts(p.Params[id].Pos, plainText, def.Value)
			w.probePtr(def.Probe)
		}
		w.probePtr(p.Params[id].Try)
	}
	for _, id := range sorted(p.Facts) {
		w.oneProbe(p.Facts[id])
	}
	for _, id := range sorted(p.Dirs) {
		w.texts(p.Places.Of("dirs."+id, p.Pos), plainText, p.Dirs[id])
	}
	for _, id := range sorted(p.Env) {
		w.texts(p.Places.Of("env."+id, p.Pos), wholeSecret, p.Env[id])
	}
	for _, id := range p.Order {
		c := p.Components[id]
		w.texts(c.Pos, wholeSecret, c.At.Path)
		w.texts(c.Pos, plainText, c.Keep...)
		if c.Config != nil {
			for _, v := range c.Config.Validate {
				w.texts(v.Pos, fileText, v.Run...)
				w.texts(v.Pos, plainText, v.As)
			}
		}
		if c.Like == "" {
			w.probePtr(c.At.Probe)
			w.probePtr(c.Version)
		}
		w.condition(c.Review)
	}
	for _, s := range p.Services {
		w.service(s)
	}
	for _, mode := range sorted(p.Access) {
		w.access(p.Access[mode])
	}
	w.parts(p)
}

func (w walker) service(s Service) {
	w.texts(s.Pos, argument, slices.Concat(s.Run, s.Start, s.Stop)...)
	w.texts(s.Pos, plainText, s.As, s.Dir, s.PID, s.Log)
	w.texts(s.Pos, plainText, s.Ports...)
	w.probePtr(s.State)
	w.probePtr(s.Ready)
}

func (w walker) access(a Access) {
	w.texts(a.Pos, plainText, a.Marker, a.Parked, a.Content, a.Reason)
	w.texts(a.Pos, plainText, a.Aliases...)
	w.probePtr(a.Refused)
	if c := a.Command; c != nil {
		w.texts(a.Pos, argument, slices.Concat(c.Enter, c.Leave)...)
		w.texts(a.Pos, plainText, c.As)
		w.probePtr(c.State)
	}
}

// parts are what stands behind the services in a product document.
func (w walker) parts(p *Product) {
	for _, id := range sorted(p.Backups) {
		b := p.Backups[id]
		w.steps(place{}, b.Make, b.Restore)
		for _, v := range b.Verify {
			w.oneProbe(v)
		}
	}
	for _, id := range sorted(p.Settings) {
		s := p.Settings[id]
		w.oneProbe(s.Read)
		w.steps(place{write: true}, &s.Write)
	}
	for _, h := range p.Hooks {
		w.texts(h.Pos, plainText, h.Dir, h.As)
		w.texts(h.Pos, hookText, h.Name)
		for _, id := range sorted(h.Env) {
			w.texts(h.Pos, hookText, h.Env[id])
		}
		if h.Undo != nil {
			w.steps(place{back: true}, h.Undo.Step)
		}
	}
	for _, r := range p.Remedies {
		w.texts(r.Pos, plainText, r.Symptom, r.Evidence)
		w.condition(r.When)
		w.oneProbe(r.Probe)
		w.all(r.Fix, place{fix: true})
	}
	if f := p.Feed; f != nil {
		w.texts(f.Pos, argument, slices.Concat(f.Command, f.Refresh)...)
		w.texts(f.Pos, plainText, f.HTTP, f.As)
		if f.Cache != nil {
			w.texts(f.Pos, plainText, f.Cache.File)
		}
	}
	w.steps(place{}, p.SelfUpgrade)
}

func (w walker) release(r *Release) {
	for _, id := range sorted(r.Facts) {
		w.oneProbe(r.Facts[id])
	}
	for _, c := range r.Checks {
		w.oneProbe(c.Probe)
		w.condition(c.When)
		w.all(c.Fix, place{fix: true})
	}
	for _, b := range r.Blocked {
		w.condition(b.When)
	}
	for _, phase := range Phases() {
		w.all(r.Procedure.Phases[phase].Steps, place{phase: phase})
	}
}

func (w walker) all(steps []Step, where place) {
	for i := range steps {
		w.steps(where, &steps[i])
	}
}

func (w walker) steps(where place, steps ...*Step) {
	for _, s := range steps {
		if s != nil {
			w.oneStep(*s, where)
		}
	}
}

func (w walker) oneStep(s Step, where place) {
	w.step(s, where)
	args, plain := argument, plainText
	if where.write {
		args, plain = writeText, writeText
	}
	if s.Verb == "run" {
		w.texts(s.Pos, args, s.Args...)
	} else {
		w.texts(s.Pos, plain, s.Args...)
	}
	w.texts(s.Pos, args, s.Run...)
	w.texts(s.Pos, plain, s.Tell, s.As, s.To)
	w.texts(s.Pos, plain, s.Outputs...)
	for _, key := range sorted(s.Map) {
		w.texts(s.Pos, plain, s.Map[key])
	}
	w.probePtr(s.Probe)
	if s.Lasting != nil {
		w.probePtr(s.Lasting.Probe)
	}
	for _, v := range s.Verify {
		w.oneProbe(v)
	}
	w.condition(s.When)
	within := where
	within.span = true
	w.all(s.During, within)
	out := where
	out.back = true
	w.steps(out, s.Or)
	if s.Undo != nil {
		w.steps(out, s.Undo.Step)
	}
}

func (w walker) probePtr(p *Probe) {
	if p != nil {
		w.oneProbe(*p)
	}
}

func (w walker) oneProbe(p Probe) {
	w.probe(p)
	u := plainText
	if p.Source == "command" {
		u = argument
	}
	w.texts(p.Pos, u, p.Args...)
	w.texts(p.Pos, plainText, p.Select, p.As)
	w.texts(p.Pos, plainText, p.Expect.AnyOf...)
	for _, key := range sorted(p.Params) {
		if key == "password" {
			w.texts(p.Pos, wholeSecret, p.Params[key])
		} else {
			w.texts(p.Pos, plainText, p.Params[key])
		}
	}
	w.probePtr(p.From)
}

func (w walker) condition(c *When) {
	if c == nil {
		return
	}
	w.when(*c)
	for i := range c.All {
		w.condition(&c.All[i])
	}
	for i := range c.Any {
		w.condition(&c.Any[i])
	}
	w.condition(c.Not)
}
