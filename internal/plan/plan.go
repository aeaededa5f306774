// Package plan is the model of an upgrade: it compiles an installation, its
// releases and the facts of the machine into the exact ordered steps, and
// refuses what could break a promise. It is pure: no I/O, no clock, no
// goroutine; the same input gives the same bytes. It imports only the
// standard library and the packages of the model.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is an immutable value: what a run will do, all of it.
type Plan struct {
	Format       int               `json:"format"` // 1
	Digest       string            `json:"digest"` // SHA-256 over the plan without it, hexadecimal
	Installation string            `json:"installation"`
	Product      string            `json:"product"`
	Trigger      string            `json:"trigger"`
	From         string            `json:"from"`
	To           string            `json:"to"`
	Vouch        *Vouch            `json:"vouch,omitempty"` // nil: nobody could
	Hops         []Hop             `json:"hops"`
	Instances    []Instance        `json:"instances"`
	Units        []string          `json:"units,omitempty"` // that are upgraded; empty: all of the product
	Nodes        []string          `json:"nodes"`
	Account      string            `json:"account,omitempty"` // whose process carries the plan out
	Params       map[string]string `json:"params,omitempty"`  // without secrets
	Choices      []string          `json:"choices,omitempty"` // features, by path
	Added        []string          `json:"added,omitempty"`   // of these, what is not installed yet
	Already      []string          `json:"already,omitempty"` // once-only steps that a first install takes for done
	Waivers      map[string]string `json:"waivers,omitempty"` // check to "by: why"
	Hooks        []HookFile        `json:"hooks,omitempty"`
	People       []Asked           `json:"people,omitempty"`  // what people do, answer and look at before the run opens
	Reviews      []Reviewed        `json:"reviews,omitempty"` // scripts that the site has reviewed, since its database is customised
	Steps        []Step            `json:"steps"`
	Milestones   []Milestone       `json:"milestones"`
	Barrier      string            `json:"barrier"`           // id of the step of verb barrier
	Closed       string            `json:"closed"`            // how users are kept out while the new version is verified: gate, mode, stopped; new: it has none yet
	OnFailure    string            `json:"onFailure"`         // origin, stay
	Entry        string            `json:"entry,omitempty"`   // the product's own address, http or https
	Support      string            `json:"support,omitempty"` // whom to turn to when nothing else helps, as the vendor says
	Notes        []string          `json:"notes,omitempty"`   // what the administrator must know: what is assumed, what cannot be put back, …
}

// ID is the short name of the plan: the first twelve digits of its digest.
func (p *Plan) ID() string {
	if len(p.Digest) < 12 {
		return p.Digest
	}
	return p.Digest[:12]
}

// Subject says what the plan upgrades: the product, or the part of it.
func (p *Plan) Subject() string {
	switch n := len(p.Units); {
	case n == 0:
		return p.Product
	case n > 3:
		return fmt.Sprintf("%s: %d of its %d parts", p.Product, n, len(p.Instances))
	}
	return p.Product + ": " + strings.Join(p.Units, ", ")
}

// Vouch is who stands for the releases of a plan.
type Vouch struct {
	Feed     string `json:"feed,omitempty"`     // that names each of them, as people call it
	Root     string `json:"root,omitempty"`     // SHA-256 of its pinned root
	Unsigned string `json:"unsigned,omitempty"` // nobody does: "by: why" it is done all the same
	// Signers are, hop by hop, whose signature lets the release be pushed by the
	// plan's trigger, and is accepted by the site.
	Signers []Signer `json:"signers,omitempty"`
}

// Signer is a key that the site trusts for pushes.
type Signer struct {
	Name string `json:"name,omitempty"` // of its file, for people
	Key  string `json:"key"`            // ID
}

// String names the key for people.
func (s Signer) String() string {
	if s.Name == "" {
		return fmt.Sprintf("%.12s", s.Key)
	}
	return fmt.Sprintf("%s (%.12s)", s.Name, s.Key)
}

// Vouched says who stands for the releases of the plan.
func (p *Plan) Vouched() string {
	if p.Vouch == nil && p.Trigger != "" && p.Trigger != TriggerCommand && p.Trigger != TriggerBack {
		return "nobody has signed this push (" + p.Trigger + ")"
	}
	return p.Vouch.String()
}

// String says who stands for the releases, in a sentence.
func (v *Vouch) String() string {
	switch {
	case v == nil:
		return "nobody has signed this bundle"
	case len(v.Signers) > 0:
		return "this push is signed by the key " + v.Keys() + ", which this installation trusts for it"
	case v.Unsigned != "":
		return "nobody vouches for this bundle; it is installed all the same (" + v.Unsigned + ")"
	}
	return fmt.Sprintf("signed by the feed %s (root %.12s)", v.Feed, v.Root)
}

// Keys names the keys that have signed what is pushed.
func (v *Vouch) Keys() string {
	var keys []string
	for _, s := range v.Signers {
		if text := s.String(); !slices.Contains(keys, text) {
			keys = append(keys, text)
		}
	}
	return strings.Join(keys, ", ")
}

// Hop is one edge of the route.
type Hop struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Bundle string `json:"bundle"`        // digest of the release's bundle
	Why    string `json:"why,omitempty"` // why the route passes here
	// Settings are what the route says of settings after this hop: a value, or keep.
	Settings map[string]string `json:"settings,omitempty"`
}

// Instance is what the plan changes of one installed copy of a component.
type Instance struct {
	Component string   `json:"component"`
	ID        string   `json:"id,omitempty"`
	Kind      string   `json:"kind"`
	At        string   `json:"at,omitempty"`
	Node      string   `json:"node"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Versions  []string `json:"versions"`        // after each hop
	Added     int      `json:"added,omitempty"` // the hop that brings it, where nothing was; 0: it was there
	Gone      bool     `json:"gone,omitempty"`  // the run takes it away
}

// HookFile is a script that the plan runs, by its sum.
type HookFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	By     string `json:"by"` // vendor, site
	Phase  string `json:"phase"`
}

// Milestone is a verified version inside the run, with what "stay there"
// would do.
type Milestone struct {
	ID      string `json:"id"` // m1, m2, …; the last is the target
	Version string `json:"version"`
	Step    string `json:"step"` // the step of verb milestone
	Landing []Step `json:"landing,omitempty"`
}

// Class says what a step means for the way back.
type Class string

// The classes of steps.
const (
	Check        Class = "check"        // changes nothing
	Reversible   Class = "reversible"   // Undo brings the old state back
	Outward      Class = "outward"      // happens at least once, cannot be taken back
	Irreversible Class = "irreversible" // only after the barrier
	Control      Class = "control"      // milestone and barrier: the engine's own
)

// The control verbs, which the engine carries out itself.
const (
	VerbMilestone = "milestone"
	VerbBarrier   = "barrier"
)

// Step is one action of a plan on one node.
type Step struct {
	ID       string          `json:"id"`
	Verb     string          `json:"verb"`
	Phase    string          `json:"phase"`
	Hop      int             `json:"hop"` // 1…; 0 for what frames the hops
	Node     string          `json:"node"`
	As       string          `json:"as,omitempty"` // account; empty: the engine's own
	After    []string        `json:"after,omitempty"`
	Class    Class           `json:"class"`
	Title    string          `json:"title"`
	Back     string          `json:"back,omitempty"` // what taking it back means
	Params   json.RawMessage `json:"params,omitempty"`
	Deadline time.Duration   `json:"deadline"`
	Writes   bool            `json:"writes,omitempty"`  // changes the product's data
	Undo     string          `json:"undo,omitempty"`    // "", action, restore, none
	Redo     bool            `json:"redo,omitempty"`    // may be done again when its effect cannot be told
	Retries  int             `json:"retries,omitempty"` // further tries after a failure
	// RetryFrom is an earlier step: when this one fails for good, the run is taken
	// back to before that step and goes forward from it again, once.
	RetryFrom string        `json:"retryFrom,omitempty"`
	Pause     time.Duration `json:"pause,omitempty"`     // between tries
	Tolerated bool          `json:"tolerated,omitempty"` // its failure is a warning
	OnlyTo    int           `json:"onlyTo,omitempty"`    // its undo matters only for a way back that ends at this milestone or a later one
	Once      string        `json:"once,omitempty"`      // marker: when it is done, never again on this installation
	Down      bool          `json:"down,omitempty"`      // the product does not serve users from here
	Up        bool          `json:"up,omitempty"`        // it serves them again from here
	Task      *Task         `json:"task,omitempty"`      // a person does it
	TaskBack  *Task         `json:"taskBack,omitempty"`  // a person takes it back
	Restores  bool          `json:"restores,omitempty"`  // taking it back has a person restore data
}

// Find returns the step of that id, in the steps or in a landing.
func (p *Plan) Find(id string) (Step, bool) {
	for _, s := range p.Steps {
		if s.ID == id {
			return s, true
		}
	}
	for _, m := range p.Milestones {
		for _, s := range m.Landing {
			if s.ID == id {
				return s, true
			}
		}
	}
	return Step{}, false
}
