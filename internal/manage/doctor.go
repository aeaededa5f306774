package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// Symptom is something that is not as it should be.
type Symptom struct {
	ID       string   `json:"id"`
	Text     string   `json:"text"`
	Evidence string   `json:"evidence,omitempty"` // what was read
	Error    string   `json:"error,omitempty"`    // it could not be looked for
	Try      []Remedy `json:"try,omitempty"`      // what helps, in this order
	Else     string   `json:"else,omitempty"`     // whom to turn to where nothing of it helps

	look string // what has found it
}

// Remedy is one thing that helps: arguments of this program, something done
// with a service, a command of the computer's, a while to wait, or a sentence
// for a person. A service's command is what a person would type for it.
type Remedy struct {
	Upkeep  []string      `json:"upkeep,omitempty"`
	Service string        `json:"service,omitempty"`
	Do      string        `json:"do,omitempty"` // start, stop, restart; enabled, disabled, masked: when it starts
	Command []string      `json:"command,omitempty"`
	As      string        `json:"as,omitempty"`   // the account of the command
	Wait    time.Duration `json:"wait,omitempty"` // nanoseconds
	Text    string        `json:"text,omitempty"`
	Shows   bool          `json:"shows,omitempty"`  // it only shows something
	Choice  bool          `json:"choice,omitempty"` // only a person can say whether that is wanted
	Retry   int           `json:"retry,omitempty"`  // how often it is done again while the symptom stays
	Every   time.Duration `json:"every,omitempty"`  // the pause before, nanoseconds
	Within  time.Duration `json:"within,omitempty"` // the command's time limit, nanoseconds; 0: ten minutes
	During  []Remedy      `json:"during,omitempty"` // what is done, one after the other, while services are stopped
	Stops   []string      `json:"stops,omitempty"`  // these: they run, and are started again after
	Idle    []string      `json:"idle,omitempty"`   // they would be, but do not run, and stay so

	open error // why it cannot be carried out: a reference in it that has no value
}

// Diagnosis is what a look at an installation that seems stuck has found.
type Diagnosis struct {
	Installation string    `json:"installation"`
	Product      string    `json:"product"`
	UnderWay     string    `json:"underWay,omitempty"` // the run that is being carried on: much is not as it should be, on purpose
	Fine         []string  `json:"fine"`               // what was looked for and not found
	Symptoms     []Symptom `json:"symptoms"`
}

// look is one thing that the doctor looks for. Name says what is found fine.
type look struct {
	id, fine string
	product  bool // it needs the product's document
	quiet    bool // while a run is open it means nothing: the run may have made it so
	at       func(ctx context.Context, c *consultation) ([]Symptom, error)
}

// consultation is what the looks share.
type consultation struct {
	*Installation
	status   Status
	from     string            // the bundle that describes the product, where one was named
	product  *manifest.Product // of the installed release; nil where it is not known
	facts    plan.Facts
	resolver *plan.Resolver // there when the product is
	unseen   error          // why it could not be seen what is published
	words    *plan.Resolver // of the release whose fixes these are, where that is another one than is installed
}

// release resolves the references of fixes. Services are as they are installed.
func (c *consultation) release() *plan.Resolver { return cmp.Or(c.words, c.resolver) }

// Visit is a look at an installation by somebody who may mend what it finds.
type Visit struct {
	Diagnosis
	c     *consultation
	looks []look
}

// Doctor is the diagnosis alone.
func (in *Installation) Doctor(ctx context.Context, from string) (Diagnosis, error) {
	v, err := in.Visit(ctx, from)
	if err != nil {
		return Diagnosis{}, err
	}
	return v.Diagnosis, nil
}

// Visit looks for what makes an installation stuck, and says what helps. It
// reads only, and does without whatever cannot be read: one look that fails is a
// symptom, and hides no other. Without from the product is that of the release
// that Upkeep has installed or adopted.
func (in *Installation) Visit(ctx context.Context, from string) (*Visit, error) {
	d := Diagnosis{Installation: in.Doc.ID, Product: in.Doc.Product, Fine: []string{}, Symptoms: []Symptom{}}
	c := &consultation{Installation: in, from: from}
	v := &Visit{d, c, looks()}
	var err error
	if c.status, err = in.Status(ctx); err != nil {
		v.Symptoms = append(v.Symptoms, Symptom{ID: "state", Text: "Upkeep's own state cannot be read", Error: err.Error(),
			Try: []Remedy{{Text: "mend what the error names; the state folder is " + in.State}}})
	}
	if r := c.status.Open; r != nil && r.Engine != 0 {
		v.UnderWay = fmt.Sprintf("run %s (started by %s, process %d)", r.ID, r.StartedBy(), r.Engine)
		return v, ctx.Err()
	}
	known := c.know(ctx, from)
	for _, l := range v.looks {
		if l.product && known != nil || l.quiet && c.status.Open != nil {
			continue
		}
		found := l.see(ctx, c)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(found) == 0 {
			v.Fine = append(v.Fine, l.fine)
		}
		v.Symptoms = append(v.Symptoms, found...)
	}
	if known != nil {
		v.Symptoms = append(v.Symptoms, Symptom{ID: "product", Text: "the product is not known, so its services and symptoms were not looked at", Error: known.Error(),
			Try: []Remedy{{Upkeep: []string{"doctor", "--from", "RELEASE"}, Shows: true}}})
	}
	return v, nil
}

// see looks; that it could not is a symptom, too.
func (l look) see(ctx context.Context, c *consultation) []Symptom {
	found, err := l.at(ctx, c)
	if err != nil {
		found = append(found, Symptom{ID: l.id, Text: "could not find out whether " + l.fine, Error: err.Error()})
	}
	for i := range found {
		found[i].look = l.id
	}
	return found
}

// Again looks for a symptom once more; false when it is gone.
func (v *Visit) Again(ctx context.Context, s Symptom) (Symptom, bool, error) {
	var err error
	was := v.c.status.Record
	if v.c.status, err = v.c.Installation.Status(ctx); err != nil {
		return s, true, err
	}
	for _, l := range v.looks {
		if l.id != s.look {
			continue
		}
		if l.product {
			v.c.renew(ctx, was)
		}
		for _, is := range l.see(ctx, v.c) {
			// a look that fails does not show that the symptom is gone
			if is.ID == s.ID || is.ID == l.id && is.Error != "" {
				return is, true, ctx.Err()
			}
		}
	}
	return s, false, ctx.Err()
}

// know finds the product's document, and what resolves its references.
func (c *consultation) know(ctx context.Context, from string) error {
	p, err := c.Installation.product(ctx, from)
	if err != nil {
		return err
	}
	if c.looksFor(p) {
		c.unseen = c.lookOnce(ctx, p) // before the facts, which tell of it
	}
	s := c.surveyor()
	// What cannot be read of it, the look that needs it says.
	c.facts, _ = s.Basics(ctx, p, c.Doc)
	if c.resolver, err = s.Resolver(p, c.Doc, c.facts); err != nil {
		return err
	}
	c.product = p
	return nil
}

// renew reads the facts again, which what was done may have changed, and the
// product's document where another release is installed by now. What cannot be
// read leaves what was known.
func (c *consultation) renew(ctx context.Context, was []journal.Installed) {
	fresh := *c
	if !slices.Equal(was, c.status.Record) {
		if fresh.know(ctx, c.from) == nil {
			*c = fresh
		}
		return
	}
	s := c.surveyor()
	fresh.facts, _ = s.Basics(ctx, c.product, c.Doc)
	if r, err := s.Resolver(c.product, c.Doc, fresh.facts); err == nil {
		fresh.resolver = r
		*c = fresh
	}
}

func looks() []look {
	return []look{
		{"run", "no run is open", false, false, lookRun},
		{"restore", "no restore was interrupted", false, false, lookRestore},
		{"timer", "the timer's restore points are made", false, false, lookTimer},
		{"feed", "nothing keeps published releases from being seen", false, false, lookFeed},
		{"seen", "no published version goes unseen", true, false, lookSeen},
		{"lock", "no other upkeep command is at work", false, true, lookLock},
		{"access", "no access mode is on", false, true, lookAccess},
		{"holds", "no hold is past its end", false, true, lookHolds},
		{"changed", "the versions are as they were recorded", false, true, lookChanged},
		{"loop", "no upgrade comes again and again", false, true, lookLoop},
		{"room", "there is room on every volume", false, false, lookRoom},
		{"packages", "all packages of the product are installed whole", true, true, lookPackages},
		{"stopped", "the doctor has left nothing stopped", true, true, lookStopped},
		{"services", "all services run", true, true, lookServices},
		{"users", "nobody else is seen at work in the product's folders", true, true, lookUsers},
		{"hub", "the page runs, where it is set up", false, false, lookHub},
		{"remedies", "none of the vendor's symptoms is there", true, true, lookRemedies},
	}
}

// text fills references in, and leaves a text as it is where one is secret or
// not known: it is only shown.
func (c *consultation) text(s string) string {
	if out, err := c.release().Scope.Expand(s); err == nil {
		return out
	}
	return s
}

// said fills in what is known of a text: a fact that has no value is none, and one
// that could not be read is unknown.
func (c *consultation) said(s string) string {
	refs, ok := manifest.Refs(s)
	if !ok {
		return s
	}
	for _, ref := range refs {
		value, err := c.release().Scope.Expand("${" + ref + "}")
		switch {
		case err != nil:
			value = "unknown"
		case value == "":
			value = "none"
		}
		s = strings.ReplaceAll(s, "${"+ref+"}", value)
	}
	return s
}

func (c *consultation) texts(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = c.text(s)
	}
	return out
}
