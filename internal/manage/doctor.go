package manage

import (
	"context"
	"fmt"
	"strings"

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
}

// Remedy is one thing that helps: arguments of this program, a command of the
// computer's, or a sentence.
type Remedy struct {
	Upkeep  []string `json:"upkeep,omitempty"`
	Command []string `json:"command,omitempty"`
	As      string   `json:"as,omitempty"` // the account of the command
	Text    string   `json:"text,omitempty"`
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
	product  *manifest.Product // of the installed release; nil where it is not known
	facts    plan.Facts
	resolver *plan.Resolver // there when the product is
}

// Doctor looks for what makes an installation stuck, and says what helps. It
// reads only, and does without whatever cannot be read: one look that fails is a
// symptom, and hides no other. Without from the product is that of the release
// that Upkeep has installed or adopted.
func (in *Installation) Doctor(ctx context.Context, from string) (Diagnosis, error) {
	d := Diagnosis{Installation: in.Doc.ID, Product: in.Doc.Product, Fine: []string{}, Symptoms: []Symptom{}}
	c := &consultation{Installation: in}
	var err error
	if c.status, err = in.Status(ctx); err != nil {
		d.Symptoms = append(d.Symptoms, Symptom{ID: "state", Text: "Upkeep's own state cannot be read", Error: err.Error(),
			Try: []Remedy{{Text: "mend what the error names; the state folder is " + in.State}}})
	}
	if r := c.status.Open; r != nil && r.Engine != 0 {
		d.UnderWay = fmt.Sprintf("run %s (started by %s, process %d)", r.ID, r.StartedBy(), r.Engine)
		return d, ctx.Err()
	}
	known := c.know(ctx, from)
	for _, l := range looks() {
		if l.product && known != nil || l.quiet && c.status.Open != nil {
			continue
		}
		found, err := l.at(ctx, c)
		if ctx.Err() != nil {
			return d, context.Cause(ctx)
		}
		if err != nil {
			found = append(found, Symptom{ID: l.id, Text: "could not find out whether " + l.fine, Error: err.Error()})
		}
		if len(found) == 0 {
			d.Fine = append(d.Fine, l.fine)
		}
		d.Symptoms = append(d.Symptoms, found...)
	}
	if known != nil {
		d.Symptoms = append(d.Symptoms, Symptom{ID: "product", Text: "the product is not known, so its services and symptoms were not looked at", Error: known.Error(),
			Try: []Remedy{{Upkeep: []string{"doctor", "--from", "RELEASE"}}}})
	}
	return d, nil
}

// know finds the product's document, and what resolves its references.
func (c *consultation) know(ctx context.Context, from string) error {
	p, err := c.Installation.product(ctx, from)
	if err != nil {
		return err
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

func looks() []look {
	return []look{
		{"run", "no run is open", false, false, lookRun},
		{"restore", "no restore was interrupted", false, false, lookRestore},
		{"access", "no access mode is on", false, true, lookAccess},
		{"changed", "the versions are as they were recorded", false, true, lookChanged},
		{"loop", "no upgrade comes again and again", false, true, lookLoop},
		{"room", "there is room on every volume", false, false, lookRoom},
		{"packages", "all packages of the product are installed whole", true, true, lookPackages},
		{"services", "all services run", true, true, lookServices},
		{"remedies", "none of the vendor's symptoms is there", true, true, lookRemedies},
	}
}

// steps are a vendor's fixes, as a person carries them out.
func (c *consultation) steps(fix []manifest.Step) []Remedy {
	var out []Remedy
	for _, s := range fix {
		r := Remedy{Text: c.text(s.Title), As: c.text(s.As)}
		switch {
		case s.Tell != "":
			r.Text = c.text(s.Tell)
		case len(s.Run) > 0:
			r.Command = c.texts(s.Run)
		case s.Verb == "run":
			r.Command = c.texts(s.Args)
		case s.Verb == "access":
			r.Upkeep = []string{"mode", "normal"}
		case r.Text == "":
			r.Text = strings.Join(append([]string{s.Verb}, c.texts(s.Args)...), " ")
		}
		if r.Command == nil {
			r.As = ""
		}
		out = append(out, r)
	}
	return out
}

// text fills references in, and leaves a text as it is where one is secret or
// not known: it is only shown.
func (c *consultation) text(s string) string {
	if out, err := c.resolver.Scope.Expand(s); err == nil {
		return out
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
