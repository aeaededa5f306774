package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// Word is what a person said before a run: an answer, or that a task is done.
type Word struct {
	Value string `json:"value,omitempty"` // of an answer
	By    string `json:"by"`
	Note  string `json:"note,omitempty"`
	At    string `json:"at"` // RFC 3339, UTC
}

// AskedKind says what people are asked for before a run.
type AskedKind string

// What people are asked for before a run.
const (
	AskedTask    AskedKind = "task"    // to do something
	AskedAnswer  AskedKind = "answer"  // a value that no program can read
	AskedFinding AskedKind = "finding" // to look at something that a check has found
)

// Asked is one thing that a person does, answers or looks at before a run
// opens, with her word for it.
type Asked struct {
	Kind AskedKind `json:"kind"`
	ID   string    `json:"id"`
	Key  string    `json:"key"` // under which the word is kept: it is for these very words of the vendor
	Task
	Want  []string `json:"want,omitempty"` // of an answer: what lets the run go on
	Word  *Word    `json:"word,omitempty"` // nil: nobody has said anything
	Lacks string   `json:"lacks,omitempty"`
}

// Open says that the run cannot open yet for it.
func (a Asked) Open() bool { return a.Word == nil || a.Lacks != "" }

// Open lists what people still have to do before the plan can be carried out.
func (p *Plan) Open() []Asked {
	return slices.DeleteFunc(slices.Clone(p.People), func(a Asked) bool { return !a.Open() })
}

// AnswerKey, TaskKey and FindingKey are the keys of words: a vendor who words
// it otherwise asks anew.
func AnswerKey(question string) string { return "answer " + question }

// TaskKey is the key of a task before the run.
func TaskKey(text string) string { return "task " + text }

// FindingKey is the key of one finding of a check.
func FindingKey(check, text string) string { return "finding " + check + ": " + text }

// answered binds what a person answered to a probe that asks.
func (r *Resolver) answered(p manifest.Probe, out *Probe) {
	w, ok := r.said[AnswerKey(p.Args[0])]
	if !ok {
		return
	}
	if out.Params == nil {
		out.Params = map[string]string{}
	}
	out.Params["answer"], out.Params["by"], out.Params["at"] = w.Value, w.By, w.At
}

// word gives what was said under a key; nil when nothing was.
func (b *builder) word(key string) *Word {
	if w, ok := b.in.Facts.Said[key]; ok {
		return &w
	}
	return nil
}

func (b *builder) ask(a Asked) {
	a.Word = b.word(a.Key)
	for _, other := range b.plan.People {
		if other.Key == a.Key {
			return
		}
	}
	for n := 2; slices.ContainsFunc(b.plan.People, func(o Asked) bool { return o.ID == a.ID }); n++ {
		a.ID = fmt.Sprintf("%s-%d", strings.TrimSuffix(a.ID, fmt.Sprintf("-%d", n-1)), n)
	}
	b.plan.People = append(b.plan.People, a)
}

// question lists a value that only a person can tell. It says whether she has.
func (b *builder) question(id string, p manifest.Probe, reference string) bool {
	if p.Source != "ask" || len(p.Args) == 0 {
		return true
	}
	text, err := b.res.Scope.Expand(p.Args[0])
	if !b.check(err) {
		return true
	}
	want, err := b.res.Scope.ExpandAll(p.Expect.AnyOf)
	if !b.check(err) {
		return true
	}
	b.ask(Asked{Kind: AskedAnswer, ID: id, Key: AnswerKey(p.Args[0]), Task: Task{Text: text, Reference: reference}, Want: want})
	return b.word(AnswerKey(p.Args[0])) != nil
}

// prepare takes up what people do before the run opens, of every release on
// the way; it gives what proves it, which is looked at again first thing in
// the run.
func (b *builder) prepare() {
	var said []string
	for i, h := range b.in.Hops {
		b.use(h.Product)
		for _, s := range h.Release.Procedure.Phases[manifest.Prepare].Steps {
			words, err := json.Marshal(s) // without its place in the document
			if s.Verb != "tell" || err != nil || slices.Contains(said, string(words)) || !b.applies(s.When, h) {
				continue
			}
			said = append(said, string(words))
			b.prepareTask(s, i)
		}
	}
	b.use(b.in.Installed)
}

func (b *builder) prepareTask(s manifest.Step, hop int) {
	t := b.task(s)
	if t == nil {
		return
	}
	id := s.ID
	if id == "" {
		id = "prepare"
	}
	key := TaskKey(s.Tell)
	b.ask(Asked{Kind: AskedTask, ID: id, Key: key, Task: *t, Lacks: b.in.Facts.Proofs[key]})
	for _, p := range t.Proof {
		b.proofs = append(b.proofs, CheckItem{ID: id, Probe: p, Effect: "it was to be done before the run: " + t.Text})
	}
	switch {
	case s.Undo == nil:
		b.refuse("step tell at %s is done before the run and does not say what takes it back: add undo: {tell: …} or undo: none", s.Pos)
	case s.Undo.How == "none":
		b.note("cannot be put back: %s (done before the run)", t.Text)
	case s.Undo.Step != nil && s.Undo.Step.Verb == "tell":
		if back := b.task(*s.Undo.Step); back != nil {
			b.corrections = append(b.corrections, Step{ID: "undo." + id, Verb: "tell", Phase: string(manifest.Prepare), Class: Reversible, Undo: "action",
				Title: "on the way back, a person: " + back.Text, TaskBack: back})
		}
	default:
		b.notYet(s, "an undo by anything but a person of what was done before the run")
	}
}

// prepared adds what the releases do by themselves at the very beginning, and
// what takes back by hand what was done by hand.
func (b *builder) prepared() {
	for _, st := range b.corrections {
		b.add(st, &TellParams{})
	}
	b.opening(manifest.Prepare)
}

// findings lists what a check has found and wants looked at, one by one.
func (b *builder) findings(c manifest.Check, r CheckResult) {
	for i, text := range r.Findings {
		b.ask(Asked{Kind: AskedFinding, ID: fmt.Sprintf("%s.%d", c.ID, i+1), Key: FindingKey(c.ID, text),
			Task: Task{Text: text, Reference: c.Reference}})
	}
}
