package manifest

import (
	"time"

	"upkeep/internal/document"
)

// Release is the release document: one published version of a product.
type Release struct {
	Pos       document.Pos      `json:"-"`
	Product   string            `json:"product"`
	Version   string            `json:"version"`
	Published string            `json:"published,omitempty"` // ISO date
	Notes     string            `json:"notes,omitempty"`
	Withdrawn string            `json:"withdrawn,omitempty"` // why nobody should install it any more
	Fix       *Fix              `json:"fix,omitempty"`       // what it is a fix of
	Requires  Requires          `json:"requires,omitzero"`
	Routes    []Route           `json:"routes,omitempty"`
	Blocked   []Block           `json:"blocked,omitempty"`
	Facts     map[string]Probe  `json:"facts,omitempty"` // besides those of the product
	Checks    []Check           `json:"checks,omitempty"`
	Payloads  map[string]string `json:"payloads,omitempty"` // component to file of the bundle
	Versions  map[string]string `json:"versions,omitempty"` // component to the version that is read back after
	Procedure Procedure         `json:"procedure,omitzero"`
	Places    Places            `json:"-"` // of payloads and versions
}

// Requires is what a release needs of whoever carries it out.
type Requires struct {
	Pos    document.Pos `json:"-"`
	Upkeep string       `json:"upkeep"` // the lowest version
}

// Route is a supported source of the release.
type Route struct {
	Pos       document.Pos      `json:"-"`
	From      string            `json:"from"` // a range
	Via       string            `json:"via,omitempty"`
	Settings  map[string]string `json:"settings,omitempty"` // to a value, or to Keep
	Fixes     *Fixes            `json:"fixes,omitempty"`
	Reference string            `json:"reference,omitempty"`
}

// Keep is what a route says of a setting that is to read after the upgrade as
// it did before.
const Keep = "keep"

// Fix says that a release is a fix of another one, and whose fixes it carries:
// all of these families up to itself.
type Fix struct {
	Pos      document.Pos `json:"-"`
	Of       string       `json:"of"`
	Families []string     `json:"families"`
}

// Fixes says which fixes a source must carry first. Of the required family it
// must carry the latest; of the others the operator chooses.
type Fixes struct {
	Pos      document.Pos `json:"-"`
	Families []string     `json:"families"`
	Choose   []string     `json:"choose,omitempty"` // AllLatest, Pick; the first is what counts where nobody chooses
	Required string       `json:"required,omitempty"`
}

// What an operator can choose of the families of fixes: the latest of each, or
// those that she names.
const (
	AllLatest = "all-latest"
	Pick      = "pick"
)

// Block forbids the hop from some sources that a route allows.
type Block struct {
	Pos    document.Pos `json:"-"`
	From   string       `json:"from"` // a range
	Reason string       `json:"reason"`
	When   *When        `json:"when,omitempty"` // nil: always
}

// Check is a readiness condition.
type Check struct {
	Pos         document.Pos `json:"-"`
	ID          string       `json:"id"`
	Role        []string     `json:"role,omitempty"`
	Probe       Probe        `json:"probe"`
	Level       string       `json:"level,omitempty"`    // blocker (default), warning, info
	Announce    string       `json:"announce,omitempty"` // the next release's requirement
	Effect      string       `json:"effect,omitempty"`   // what is lost when it does not hold
	Moments     []string     `json:"moments,omitempty"`  // open, check, begin
	When        *When        `json:"when,omitempty"`
	Fix         []Step       `json:"fix,omitempty"`
	Waivable    bool         `json:"waivable,omitempty"`
	Acknowledge string       `json:"acknowledge,omitempty"`
	Reference   string       `json:"reference,omitempty"`
}

// Procedure is what the release adds to the default procedure, by phase.
type Procedure struct {
	Phases map[Phase]PhaseSteps `json:"phases,omitempty"`
}

// PhaseSteps are the steps that a vendor adds to one phase. None is
// "PHASE: none", which takes the default's own step of that phase away.
type PhaseSteps struct {
	Pos   document.Pos `json:"-"`
	None  bool         `json:"none,omitempty"`
	Steps []Step       `json:"steps,omitempty"`
}

// Phase is a named point of the procedure.
type Phase string

// The phases, in the order of the default procedure.
const (
	Prepare       Phase = "prepare"
	Notify        Phase = "notify"
	StartOfRun    Phase = "start-of-run"
	ReadOnly      Phase = "read-only"
	Drain         Phase = "drain"
	Record        Phase = "record"
	BeforeBackup  Phase = "before-backup"
	BackupPhase   Phase = "backup"
	AfterBackup   Phase = "after-backup"
	Maintenance   Phase = "maintenance"
	Stop          Phase = "stop"
	BeforeInstall Phase = "before-install"
	Install       Phase = "install"
	ConfigPhase   Phase = "config"
	Migrate       Phase = "migrate"
	AfterInstall  Phase = "after-install"
	Start         Phase = "start"
	ReApply       Phase = "re-apply"
	Verify        Phase = "verify"
	Barrier       Phase = "barrier"
	Reopen        Phase = "reopen"
	EndOfRun      Phase = "end-of-run"
	Rollout       Phase = "rollout"
	CleanUp       Phase = "clean-up"
	Back          Phase = "back"
)

// Phases lists the phases that a vendor may add steps to or a hook may name,
// in order. The barrier is the compiler's own.
func Phases() []Phase {
	return []Phase{Prepare, Notify, StartOfRun, ReadOnly, Drain, Record, BeforeBackup, BackupPhase, AfterBackup, Maintenance,
		Stop, BeforeInstall, Install, ConfigPhase, Migrate, AfterInstall, Start, ReApply, Verify, Reopen, EndOfRun, Rollout, CleanUp, Back}
}

// HookNames maps the names that hook files use for phases (in upper case, as
// in PREINSTALL_shop.sh) to the phases. Every phase also goes by its own name.
func HookNames() map[string]Phase {
	return map[string]Phase{"STARTUPDATE": StartOfRun, "PREBACKUP": BeforeBackup, "POSTBACKUP": AfterBackup,
		"PREINSTALL": BeforeInstall, "POSTINSTALL": AfterInstall, "ENDUPDATE": EndOfRun}
}

// Probe reads one value. Exactly one source is set.
type Probe struct {
	Pos    document.Pos      `json:"-"`
	Source string            `json:"source"`         // file, command, http, sql, exists, writable, free, port, service, ask, …
	Args   []string          `json:"args,omitempty"` // one for most sources, the whole argument list for command
	In     string            `json:"in,omitempty"`   // for sql: the component of kind database
	Select string            `json:"select,omitempty"`
	Expect Expect            `json:"expect,omitzero"`
	As     string            `json:"as,omitempty"`
	Role   []string          `json:"role,omitempty"`
	From   *Probe            `json:"from,omitempty"`   // inventory: what reads its list
	Params map[string]string `json:"params,omitempty"` // source's further keys: method, body, status, user, password (a parameter), name, …
}

// Expect is what a probe's value must be: a literal, a range ("≥ 8.1"), a
// word (present, running, none), or one of a list.
type Expect struct {
	AnyOf []string `json:"any-of,omitempty"`
}

// Step is one verb in a document. Method is set when another verb is carried
// out by a command (run) or a person (tell).
type Step struct {
	Pos        document.Pos      `json:"-"`
	Verb       string            `json:"verb"`
	Args       []string          `json:"args,omitempty"`  // the verb's argument when it is a text or a list
	Map        map[string]string `json:"map,omitempty"`   // the verb's argument when it is a map, e.g. hold: {service: monit}
	Probe      *Probe            `json:"probe,omitempty"` // the verb's argument when it is a probe: drain
	Run        []string          `json:"run,omitempty"`
	Tell       string            `json:"tell,omitempty"`
	Scripts    string            `json:"scripts,omitempty"` // migrate: a folder of SQL scripts of the bundle
	Client     string            `json:"client,omitempty"`  // migrate: native: the server's own client carries the scripts out
	Soak       time.Duration     `json:"soak,omitempty"`    // migrate, after the barrier: how long after the run they wait
	ID         string            `json:"id,omitempty"`
	Of         []string          `json:"of,omitempty"` // components that it is about; empty: the whole product
	Role       []string          `json:"role,omitempty"`
	As         string            `json:"as,omitempty"`
	When       *When             `json:"when,omitempty"`
	Verify     []Probe           `json:"verify,omitempty"`
	Undo       *Undo             `json:"undo,omitempty"`
	Once       string            `json:"once,omitempty"`
	Repeatable bool              `json:"repeatable,omitempty"`
	Within     time.Duration     `json:"within,omitempty"`
	Retry      *Retry            `json:"retry,omitempty"`
	RetryFrom  string            `json:"retry-from,omitempty"`
	Optional   bool              `json:"optional,omitempty"`
	OnFailure  string            `json:"on-failure,omitempty"`
	After      string            `json:"after,omitempty"`   // in back: the step whose undo it follows
	To         string            `json:"to,omitempty"`      // hold
	Until      string            `json:"until,omitempty"`   // hold: a phase, never, rollout-done; or as Lasting says
	Lasting    *Lasting          `json:"lasting,omitempty"` // hold: its end, where that comes after the run
	During     []Step            `json:"during,omitempty"`  // access, hold: the span
	Or         *Step             `json:"or,omitempty"`      // drain
	Outage     time.Duration     `json:"outage,omitempty"`  // notify
	Outputs    []string          `json:"outputs,omitempty"` // files that change by nature
	Reference  string            `json:"reference,omitempty"`
	Title      string            `json:"title,omitempty"`
}

// Lasting is when a hold ends that outlives its run. Exactly one field is set.
type Lasting struct {
	For   time.Duration `json:"for,omitempty"` // after the run has ended
	On    string        `json:"on,omitempty"`  // the last day, ISO
	Probe *Probe        `json:"probe,omitempty"`
}

// Undo says what takes a step back: an action, the restore point, or nothing.
type Undo struct {
	How  string `json:"how"` // action, restore, none
	Step *Step  `json:"step,omitempty"`
}

// Retry bounds repeated tries.
type Retry struct {
	Times int           `json:"times"`
	Every time.Duration `json:"every"`
}

// When is a condition. Exactly one field is set.
type When struct {
	Pos     document.Pos `json:"-"`
	Param   string       `json:"param,omitempty"`
	Fact    string       `json:"fact,omitempty"`
	Crosses string       `json:"crosses,omitempty"`
	Trigger string       `json:"trigger,omitempty"`
	Mode    string       `json:"mode,omitempty"` // install, upgrade
	Present string       `json:"present,omitempty"`
	Is      string       `json:"is,omitempty"` // compares param or fact with a value instead of truth
	All     []When       `json:"all,omitempty"`
	Any     []When       `json:"any,omitempty"`
	Not     *When        `json:"not,omitempty"`
}
