package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"upkeep/internal/engine"
	"upkeep/internal/lab/tap"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// Mutant is an Upkeep with one thing wrong in it. A harness that does not
// notice it proves nothing.
type Mutant struct {
	Name string
	// hook changes operations: durable calls that are left out, or not synced.
	hook func(p *process, op tap.Op, do func() error) error
	// wrap changes the engine's order, by what is handed to it.
	wrap func(p *process, w *wiring)
	// boot and engine leave something out of a start.
	// near are the operations around which crashes are tried first.
	near                                               func(op tap.Op) bool
	site                                               string // of a durable call
	lazy                                               bool   // that is made without its syncs
	noGateAtBoot, noSettle, noSweep, noModes, noReaper bool
	hasty                                              bool // what programs write is recorded before it is durable
	trusting                                           bool // what an interrupted program has written is believed after a power cut
}

// wiring is what an engine is made of.
type wiring struct {
	handlers map[string]step.Handler
	memos    engine.Memos
	journal  engine.Journal
}

// Omit leaves the call of a site out: it says that all went well.
func Omit(site, method string) Mutant {
	return Mutant{Name: "left out: " + site + " " + method, site: site, near: at(site), hook: func(_ *process, op tap.Op, do func() error) error {
		if op.Site == site {
			return nil
		}
		return do()
	}}
}

func at(site string) func(tap.Op) bool { return func(op tap.Op) bool { return op.Site == site } }

// Lazy makes the call of a site without its syncs.
func Lazy(site, method string) Mutant {
	return Mutant{Name: "unsynced: " + site + " " + method, site: site, lazy: true, near: at(site), hook: func(_ *process, op tap.Op, do func() error) error {
		if op.Site == site && op.Lazy != nil {
			return op.Lazy()
		}
		return do()
	}}
}

// Transitions are the mutants of the engine, one for each rule of its order.
func Transitions() []Mutant {
	late := func(kind run.Kind, dir run.Direction) func(*process, *wiring) {
		return func(p *process, w *wiring) {
			l := &lateEntries{Journal: w.journal, kind: kind, dir: dir}
			w.journal = l
			for verb, h := range w.handlers {
				w.handlers[verb] = &flushing{h, l, dir}
			}
		}
	}
	each := func(f func(verb string, h step.Handler) step.Handler) func(*process, *wiring) {
		return func(_ *process, w *wiring) {
			for verb, h := range w.handlers {
				w.handlers[verb] = f(verb, h)
			}
		}
	}
	return []Mutant{
		{Name: "the effect before its Intent", wrap: late(run.Intent, run.Do)},
		{Name: "the undo before its Intent", wrap: late(run.Intent, run.Undo)},
		{Name: "the Decision after the first undo", wrap: late(run.Decision, run.Undo)},
		{Name: "the barrier after the reopening", wrap: late(run.BarrierCrossed, run.Do)},
		{Name: "the memo after the Intent", wrap: func(p *process, w *wiring) {
			m := &lateMemos{Memos: w.memos}
			w.memos, w.journal = m, &memoAfter{w.journal, m}
		}},
		{Name: "a memo that is not the first one", wrap: func(_ *process, w *wiring) { w.memos = &forgetful{w.memos, w.handlers} }},
		{Name: "not observed after the effect", wrap: each(func(_ string, h step.Handler) step.Handler { return blind{Handler: h} })},
		{Name: "an interrupted step taken for done", wrap: each(func(_ string, h step.Handler) step.Handler { return &hopeful{Handler: h, taken: step.New} })},
		{Name: "an interrupted step taken for not begun", wrap: each(func(_ string, h step.Handler) step.Handler { return &hopeful{Handler: h, taken: step.Old} })},
		{Name: "nothing verified", wrap: each(func(verb string, h step.Handler) step.Handler {
			if verb == "verify" {
				return accepting{h}
			}
			return h
		})},
		{Name: "the gate left out", hook: func(p *process, op tap.Op, do func() error) error {
			if op.Kind == "gate" && op.Name == "up" {
				p.w.gateLies = true
				return nil
			}
			return do()
		}},
		{Name: "the gate not put up at boot", near: kind("service"), noGateAtBoot: true, noModes: true},
		{Name: "the inhibit left out", hook: func(_ *process, op tap.Op, do func() error) error {
			if op.Name == "WriteFile" && strings.HasSuffix(op.Path, ".inhibit") {
				return nil
			}
			return do()
		}},
		{Name: "unsynced effects recorded after a crash", noSettle: true, near: func(op tap.Op) bool { return strings.HasPrefix(op.Name, "Sync") }},
		{Name: "what an interrupted program has written is believed after a power cut", trusting: true, near: kind("program")},
		{Name: "what programs write is recorded before it is durable", hasty: true, near: kind("program")},
		{Name: "programs of a dead engine left to run", noReaper: true, near: kind("program")},
		{Name: "what interrupted writes left is not swept", noSweep: true},
	}
}

func kind(k string) func(tap.Op) bool { return func(op tap.Op) bool { return op.Kind == k } }

// lateEntries keeps entries of one kind back until the effect is there.
type lateEntries struct {
	engine.Journal
	kind run.Kind
	dir  run.Direction
	held func() error
}

func (l *lateEntries) Append(ctx context.Context, after int64, e run.Entry, body any) (run.Entry, error) {
	if e.Kind == l.kind && (e.Kind != run.Intent || e.Dir == l.dir) && l.held == nil {
		l.held = func() error {
			_, err := l.Journal.Append(ctx, after, e, body)
			return err
		}
		return foretold(after, e, body)
	}
	if e.Kind == run.Intent || l.held != nil && e.Kind != run.Intent {
		if e.Kind == run.Intent && l.held != nil { // it comes after the effect of this one
			before := l.held
			l.held = func() error {
				if err := before(); err != nil {
					return err
				}
				_, err := l.Journal.Append(ctx, after, e, body)
				return err
			}
			return foretold(after, e, body)
		}
		if err := l.flush(); err != nil {
			return run.Entry{}, err
		}
	}
	return l.Journal.Append(ctx, after, e, body)
}

func (l *lateEntries) flush() error {
	if l.held == nil {
		return nil
	}
	f := l.held
	l.held = nil
	return f()
}

// foretold is the entry as it will be.
func foretold(after int64, e run.Entry, body any) (run.Entry, error) {
	raw, err := json.Marshal(body)
	e.Seq, e.Body = after+1, raw
	return e, err
}

// flushing writes what was kept back when the effect is there.
type flushing struct {
	step.Handler
	late *lateEntries
	dir  run.Direction
}

func (f *flushing) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	err := f.Handler.Do(ctx, env, s, m)
	if ferr := f.late.flush(); ferr != nil {
		return ferr
	}
	return err
}

func (f *flushing) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	err := f.Handler.Undo(ctx, env, s, m)
	if ferr := f.late.flush(); ferr != nil {
		return ferr
	}
	return err
}

// lateMemos keeps memos back until the Intent is written.
type lateMemos struct {
	engine.Memos
	held map[string]step.Memo
}

func (l *lateMemos) Write(name string, m step.Memo) (string, error) {
	if l.held == nil {
		l.held = map[string]step.Memo{}
	}
	l.held[name] = m
	sum := sha256.Sum256(m)
	return hex.EncodeToString(sum[:]), nil
}

func (l *lateMemos) Read(name, hash string) (step.Memo, error) {
	if m, ok := l.held[name]; ok {
		return m, nil
	}
	return l.Memos.Read(name, hash)
}

type memoAfter struct {
	engine.Journal
	memos *lateMemos
}

func (j *memoAfter) Append(ctx context.Context, after int64, e run.Entry, body any) (run.Entry, error) {
	out, err := j.Journal.Append(ctx, after, e, body)
	if m, ok := j.memos.held[e.Step]; ok && err == nil && e.Kind == run.Intent {
		delete(j.memos.held, e.Step)
		_, err = j.memos.Memos.Write(e.Step, m)
	}
	return out, err
}

// forgetful gives, for a memo of an earlier process, what would be prepared
// now.
type forgetful struct {
	engine.Memos
	handlers map[string]step.Handler
}

func (f *forgetful) Read(name, hash string) (step.Memo, error) {
	m, err := f.Memos.Read(name, hash)
	if err != nil || !strings.HasPrefix(name, "hold.") && name != "maintenance" {
		return m, err
	}
	return step.Memo(strings.NewReplacer(`"fast"`, `"slow"`, `"on":false`, `"on":true`, `"running":true`, `"running":false`).Replace(string(m))), nil
}

// blind says that the effect is there without looking.
type blind struct{ step.Handler }

func (b blind) Observe(_ context.Context, env step.Env, _ plan.Step, _ step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "surely"}, nil
	}
	return step.Observation{State: step.New, Evidence: "surely"}, nil
}

// hopeful does not look at a step that was interrupted.
type hopeful struct {
	step.Handler
	taken step.State
	did   bool
}

func (h *hopeful) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	h.did = true
	return h.Handler.Do(ctx, env, s, m)
}

func (h *hopeful) Undo(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	h.did = true
	return h.Handler.Undo(ctx, env, s, m)
}

func (h *hopeful) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	if h.did {
		h.did = false
		return h.Handler.Observe(ctx, env, s, m)
	}
	return step.Observation{State: h.taken, Evidence: "surely"}, nil
}

// accepting finds everything good.
type accepting struct{ step.Handler }

func (accepting) Do(context.Context, step.Env, plan.Step, step.Memo) error { return nil }
