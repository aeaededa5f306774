package probe

import (
	"context"
	"net"
	"net/http"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

// Value is what a probe read.
type Value struct {
	// Text is the value, without white space around it.
	Text string `json:"text,omitempty"`
	// Present is false when there is nothing: no file, no row, no match, an
	// empty text, a program that failed, an answer of another status.
	Present bool `json:"present"`
	// Evidence is one line for a person: what was read where. No secrets.
	Evidence string `json:"evidence,omitempty"`
}

// Verdict is a value against what is wanted.
type Verdict struct {
	OK       bool   `json:"ok"`
	Got      string `json:"got"`  // the value, or "none"; cut where it is long
	Want     string `json:"want"` // what is wanted, as in ">= 8.1"
	Evidence string `json:"evidence,omitempty"`
}

// Opener opens a product's database for reading. opID names the session.
type Opener func(ctx context.Context, db plan.Database, opID string) (database.Database, error)

// Services tells whether a product's service runs.
type Services interface {
	// Running reports the state now, with a line of evidence (its pid and since
	// when, or what is missing). It starts nothing.
	Running(ctx context.Context, s plan.Service) (running bool, evidence string, err error)
}

// Commands runs a program without a shell; *scope.Runner does.
type Commands interface {
	Run(ctx context.Context, c scope.Command) (scope.Result, error)
}

// Files is what is read of files; durable.FS does.
type Files interface {
	Open(path string) (durable.ReadFile, error)
	Stat(path string) (durable.Info, error)
	ReadDir(path string) ([]durable.DirEntry, error)
	Free(path string) (durable.VolumeInfo, error)
}

// LeftOver gives the access modes that are on though no run is open. It starts
// nothing, and the probes that it asks are not themselves of this source.
type LeftOver func(ctx context.Context) ([]string, error)

// LastRun gives when the last run of the installation began that has ended;
// false when there was none.
type LastRun func(ctx context.Context) (time.Time, bool, error)

// LastFailure gives the step that failed in the last run of the installation that
// has ended, with a line of evidence; empty when none did, or there was no run.
type LastFailure func(ctx context.Context) (step, evidence string, err error)

// Feed gives which version of the product is published and which is detected. It
// may ask the network.
type Feed func(ctx context.Context) (FeedReading, error)

// FeedReading is what a feed, and who looks at it, know. What is not known is empty.
type FeedReading struct {
	Published, Detected     string
	PublishedAt, DetectedAt time.Time
	// Late is how long the published version could have been detected and was not;
	// 0 where it is.
	Late time.Duration
}

// Drift compares a database of the product with the standard of a release, the
// installed one; empty: it is not known which that is.
type Drift func(ctx context.Context, db plan.Database, release string) (drift.Comparison, error)

// Dial opens a connection; net.Dialer's DialContext does. The gate's passes it.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Secrets resolves a reference. The text goes nowhere but into the request.
type Secrets func(ctx context.Context, ref plan.SecretRef) (string, error)

// Deps is what an Evaluator stands on. What is nil and has no default makes
// the probes that need it fail with ErrUnreadable.
type Deps struct {
	Files     Files             // default: the real ones
	Database  Opener            // for sql
	Transport http.RoundTripper // for http; carries the gate's mark. Default: none of its own mark, no proxy
	Dial      Dial              // for port; likewise
	Services  Services          // for service
	Commands  Commands          // for command
	LeftOver  LeftOver          // for access
	LastRun   LastRun           // for log with since: last-run
	Failure   LastFailure       // for last-run
	Timers    Timers            // for timer
	Registry  Registry          // for registry. Default: that of Windows, where this is Windows
	Drift     Drift             // for drift
	Feed      Feed              // for feed
	Secrets   Secrets           // for passwords
	Now       func() time.Time  // for age. Default: time.Now
	Timeout   time.Duration     // of a probe that says none. Default: DefaultTimeout
}

// DefaultTimeout is the time a probe has when neither it nor Deps says one.
const DefaultTimeout = 10 * time.Second

// maxTimeout bounds what a probe may ask for: what takes longer is a step.
const maxTimeout = 10 * time.Minute

// Evaluator evaluates probes. It is safe for concurrent use.
type Evaluator struct {
	deps    Deps
	op      *operation
	sitting *sitting // nil: none
	sources map[string]source
}

// New returns an evaluator that knows every source of docs/reference/probes.md.
func New(d Deps) *Evaluator {
	if d.Files == nil {
		d.Files = durable.OS()
	}
	if d.Transport == nil {
		d.Transport = &http.Transport{Proxy: nil, DisableKeepAlives: true}
	}
	if d.Dial == nil {
		d.Dial = (&net.Dialer{}).DialContext
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Registry == nil {
		d.Registry = registry()
	}
	if d.Timeout <= 0 {
		d.Timeout = DefaultTimeout
	}
	return &Evaluator{deps: d, op: newOperation(""), sources: table()}
}

// For returns the same evaluator acting for an operation (run/step/direction):
// database sessions and the scopes of commands carry its id, so that recovery
// finds and ends them with those of the step itself. Its command probes run
// one after the other.
func (e *Evaluator) For(opID string) *Evaluator {
	other := *e
	other.op = newOperation(opID)
	return &other
}
