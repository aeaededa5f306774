package ask

import "time"

// Overview is what is installed on a computer.
type Overview struct {
	At            time.Time      `json:"at"`
	Host          string         `json:"host"`
	Upkeep        string         `json:"upkeep"` // version
	Installations []Installation `json:"installations"`
}

// Currency says where an installation is against what is published.
type Currency string

// Unknown: there is no feed, or nobody has looked with success yet.
const (
	UpToDate        Currency = "up-to-date"
	Behind          Currency = "behind"
	CurrencyUnknown Currency = "unknown"
)

// Installation is one installed product.
type Installation struct {
	ID        string     `json:"id"`
	Product   string     `json:"product"`
	Document  string     `json:"document"`
	Entry     string     `json:"entry,omitempty"` // the product's own address, http or https
	Error     string     `json:"error,omitempty"` // it cannot be read; the rest is empty then
	Units     []Unit     `json:"units"`
	Currency  Currency   `json:"currency"`
	Published Published  `json:"published"`
	Open      *Open      `json:"open,omitempty"`
	Last      *RunRow    `json:"last,omitempty"`
	Points    PointsAge  `json:"points"`
	Notices   []Notice   `json:"notices"`             // what somebody should see to
	Scheduled *Scheduled `json:"scheduled,omitempty"` // the upgrade that begins by itself
}

// Unit is an installed component or instance.
type Unit struct {
	ID       string `json:"id"`
	Version  string `json:"version"`
	At       string `json:"at,omitempty"`       // where it lies
	Recorded string `json:"recorded,omitempty"` // where somebody else than Upkeep has changed the version
}

// Published is what was seen of the product's releases last.
type Published struct {
	Version  string    `json:"version,omitempty"`
	At       time.Time `json:"at,omitzero"`     // when, where that is told
	Looked   time.Time `json:"looked,omitzero"` // with success
	Signed   bool      `json:"signed"`
	Detected string    `json:"detected,omitempty"` // by the product's own service
	Fetched  bool      `json:"fetched"`            // ahead
	Problem  string    `json:"problem,omitempty"`
}

// PointsAge is what is known of the restore points without reading them.
type PointsAge struct {
	Count  int       `json:"count"`
	Proven time.Time `json:"proven,omitzero"` // of the one that was proven last: when
	Error  string    `json:"error,omitempty"`
}

// Going says who carries an open run on.
type Going string

// Interrupted: nobody, though nobody has to decide anything.
const (
	UnderWay    Going = "under-way"
	AsksPerson  Going = "asks-person" // a step is a task for a person
	WaitsChoice Going = "waits"       // somebody must decide
	Interrupted Going = "interrupted"
)

// Open is a run that is not over.
type Open struct {
	Run   string `json:"run"`
	By    string `json:"by"`
	To    string `json:"to"`
	Going Going  `json:"going"`
	Step  string `json:"step,omitempty"`
	Title string `json:"title,omitempty"`
}

// NoticeKind is one of the things that somebody should see to.
type NoticeKind string

// The kinds of notices.
const (
	NoticeChanged   NoticeKind = "changed"   // Text: units whose version somebody else has changed
	NoticeRestoring NoticeKind = "restoring" // a restore was interrupted
	NoticeTimer     NoticeKind = "timer"     // no restore point by the timer since At
	NoticeStopped   NoticeKind = "stopped"   // the doctor has left services stopped
	NoticeMode      NoticeKind = "mode"      // an access mode is on without a run
	NoticeHold      NoticeKind = "hold"      // a hold that outlives its run
	NoticeHoldDue   NoticeKind = "hold-due"
	NoticeFeed      NoticeKind = "feed"   // no look with success since At
	NoticeLate      NoticeKind = "late"   // the product itself does not see what is published
	NoticeBoot      NoticeKind = "boot"   // a run does not go on by itself after a reboot
	NoticeMissed    NoticeKind = "missed" // a scheduled upgrade was not started
	NoticeUntold    NoticeKind = "untold" // a notification did not come through
)

// NoticeKinds lists them, for who needs a text for each.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeChanged, NoticeRestoring, NoticeTimer, NoticeStopped, NoticeMode, NoticeHold, NoticeHoldDue, NoticeFeed, NoticeLate, NoticeBoot, NoticeMissed, NoticeUntold}
}

// Notice is something that somebody should see to.
type Notice struct {
	Kind NoticeKind `json:"kind"`
	Text string     `json:"text,omitempty"` // of the engine's: names, a reason
	At   time.Time  `json:"at,omitzero"`
}

// Result is how a run ended; empty: it is open.
type Result string

// The results.
const (
	ResultNew       Result = "new"
	ResultOld       Result = "old"
	ResultMilestone Result = "milestone"
)

// RunRow is one line of the history.
type RunRow struct {
	ID      string        `json:"id"`
	From    string        `json:"from"` // empty: a first install
	To      string        `json:"to"`
	By      string        `json:"by"`
	Opened  time.Time     `json:"opened"`
	Closed  time.Time     `json:"closed,omitzero"`
	Result  Result        `json:"result,omitempty"`
	Version string        `json:"version,omitempty"` // at the end
	Outage  time.Duration `json:"outage"`            // nanoseconds
	Work    int           `json:"work,omitempty"`    // steps that remain for a person
}

// Runs is a part of the history, latest first.
type Runs struct {
	Product string   `json:"product"`
	Rows    []RunRow `json:"rows"`
	More    bool     `json:"more"`
}

// Status is where a step is.
type Status string

// The statuses of a step.
const (
	Pending   Status = "pending"
	Doing     Status = "doing"
	Done      Status = "done"
	Failed    Status = "failed"
	Tolerated Status = "tolerated" // failed or skipped; the run goes on
	Unclear   Status = "unclear"
	Undoing   Status = "undoing"
	Undone    Status = "undone"
)

// Statuses lists them.
func Statuses() []Status {
	return []Status{Pending, Doing, Done, Failed, Tolerated, Unclear, Undoing, Undone}
}

// Part is a stretch of a plan by what users see.
type Part string

// The parts. First installs have only PartWhole.
const (
	PartBefore Part = "before"
	PartOutage Part = "outage"
	PartAfter  Part = "after"
	PartWhole  Part = "whole"
)

// Parts lists them.
func Parts() []Part { return []Part{PartBefore, PartOutage, PartAfter, PartWhole} }

// Step is a step of a plan or a run.
type Step struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	As       string        `json:"as,omitempty"`
	Part     Part          `json:"part"`
	Control  string        `json:"control,omitempty"` // barrier, milestone
	Forecast time.Duration `json:"forecast,omitempty"`
	Status   Status        `json:"status,omitempty"`
	Began    time.Time     `json:"began,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"`
	Took     time.Duration `json:"took,omitempty"`
	Error    string        `json:"error,omitempty"`
	Now      string        `json:"now,omitempty"` // what can be done
	Evidence string        `json:"evidence,omitempty"`
}

// Run is one run with its steps.
type Run struct {
	RunRow
	Product string        `json:"product"`
	Digest  string        `json:"digest"`
	Going   Going         `json:"going,omitempty"` // empty: it is over
	Back    bool          `json:"back,omitempty"`  // it is going back, or went
	Barrier bool          `json:"barrier,omitempty"`
	Out     bool          `json:"out,omitempty"` // users are kept out now
	Took    time.Duration `json:"took"`          // so far
	Steps   []Step        `json:"steps"`
	Why     *Why          `json:"why,omitempty"`
	Waiting *Waiting      `json:"waiting,omitempty"`
	Task    *Task         `json:"task,omitempty"` // what a person is asked to do
	// Cancel: it can be cancelled, and everything goes back.
	Cancel  bool     `json:"cancel,omitempty"`
	Support string   `json:"support,omitempty"`
	Points  []string `json:"points,omitempty"` // restore points that it made
	Bar     Bar      `json:"bar"`
	// Foreseen is the outage that was forecast.
	Foreseen time.Duration `json:"foreseen,omitempty"`
}

// Task is what a run asks a person for.
type Task struct {
	Step  string `json:"step"`
	Text  string `json:"text"`
	Lacks string `json:"lacks,omitempty"` // what must prove it reads otherwise
	Said  string `json:"said,omitempty"`  // who has said that it is done; the run looks whether it is
}

// Bar is how far a run is.
type Bar struct {
	N        int           `json:"n"`
	Of       int           `json:"of"`
	Fraction float64       `json:"fraction"`
	Left     time.Duration `json:"left,omitempty"`
	LeftOK   bool          `json:"leftKnown,omitempty"`
	Title    string        `json:"title,omitempty"`
	Line     string        `json:"line,omitempty"` // what the step has said last
}

// Why says why a run went back.
type Why struct {
	By    string `json:"by,omitempty"` // a person who cancelled it; empty: a failure
	Step  string `json:"step,omitempty"`
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
	Now   string `json:"now,omitempty"`
}

// Choice is what can be decided.
type Choice string

// The choices.
const (
	ChooseRetry  Choice = "retry"
	ChooseSkip   Choice = "skip"
	ChooseAccept Choice = "accept"
	ChooseBack   Choice = "back"
)

// Choices lists them.
func Choices() []Choice { return []Choice{ChooseRetry, ChooseSkip, ChooseAccept, ChooseBack} }

// Waiting is what a person must decide.
type Waiting struct {
	Step     string   `json:"step"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Evidence string   `json:"evidence,omitempty"`
	Choices  []Choice `json:"choices"`
}

// Log is a part of a log.
type Log struct {
	Lines []string `json:"lines"` // without control characters
	From  int64    `json:"from"`
	Next  int64    `json:"next"` // where the next part begins
	Size  int64    `json:"size"`
}

// Beat is what a watcher is told: whatever has changed since the last one.
type Beat struct {
	Run   *Run     `json:"run,omitempty"` // steps began or ended; the first beat has it always
	Bar   *Bar     `json:"bar,omitempty"`
	Lines []string `json:"lines,omitempty"` // of the log
	Log   int64    `json:"log"`             // the place behind them: give it to go on there
	Over  bool     `json:"over,omitempty"`  // nothing more will come
}

// Point is a restore point.
type Point struct {
	ID        string    `json:"id"`
	Version   string    `json:"version"`
	Made      time.Time `json:"made"`
	Size      int64     `json:"size"`
	Parts     []string  `json:"parts"`
	Note      string    `json:"note,omitempty"`
	Encrypted bool      `json:"encrypted"`
	Needed    bool      `json:"needed"` // the way back goes by it
	Proven    time.Time `json:"proven,omitzero"`
	ProvenBy  ProvenBy  `json:"provenBy,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// ProvenBy says by what a restore point was proven last.
type ProvenBy string

// When it was made everything was read back and compared, and some have their data
// restored into scratch databases; later it can be verified, or be restored.
const (
	MadeRead     ProvenBy = "made-read"
	MadeRestored ProvenBy = "made-restored"
	Verified     ProvenBy = "verified"
	Restored     ProvenBy = "restored"
)

// Provens lists them.
func Provens() []ProvenBy { return []ProvenBy{MadeRead, MadeRestored, Verified, Restored} }

// Points are the restore points of an installation, newest first.
type Points struct {
	Product string  `json:"product"`
	Place   string  `json:"place"`
	Points  []Point `json:"points"`
}

// Drift is what differs from the vendor's standard.
type Drift struct {
	Product  string      `json:"product"`
	Version  string      `json:"version"`
	At       time.Time   `json:"at"`
	Versions []string    `json:"versions"` // changed outside of Upkeep, in sentences
	Parts    []DriftPart `json:"parts"`
}

// DriftPart is one tree or database.
type DriftPart struct {
	Unit     string      `json:"unit"`
	Database bool        `json:"database"`
	At       string      `json:"at,omitempty"`
	Standard string      `json:"standard,omitempty"`
	Unknown  string      `json:"unknown,omitempty"`
	Items    []DriftItem `json:"items"`
}

// DriftItem is one file or object.
type DriftItem struct {
	Name string `json:"name"`
	What string `json:"what"`
	Diff string `json:"diff,omitempty"` // lines with -, + and blanks; without secrets
}

// Diagnosis is what the doctor has found.
type Diagnosis struct {
	Product  string    `json:"product"`
	UnderWay string    `json:"underWay,omitempty"`
	Fine     []string  `json:"fine"`
	Symptoms []Symptom `json:"symptoms"`
}

// Symptom is something that is not as it should be.
type Symptom struct {
	ID       string   `json:"id"`
	Text     string   `json:"text"`
	Evidence string   `json:"evidence,omitempty"`
	Error    string   `json:"error,omitempty"` // it could not be looked for
	Try      []Remedy `json:"try,omitempty"`   // in this order
	Else     string   `json:"else,omitempty"`
}

// Remedy is one thing that helps.
type Remedy struct {
	Text    string        `json:"text"`              // a sentence, or a command
	Does    []string      `json:"does,omitempty"`    // commands, one after the other
	As      string        `json:"as,omitempty"`      // their account
	Stops   []string      `json:"stops,omitempty"`   // services that are stopped meanwhile, and started again after
	Wait    time.Duration `json:"wait,omitempty"`    // it is only waited
	Retry   int           `json:"retry,omitempty"`   // how often it is done again
	Every   time.Duration `json:"every,omitempty"`   // the pause before
	Choice  bool          `json:"choice,omitempty"`  // only a person can say whether that is wanted
	Carries bool          `json:"carries,omitempty"` // it can be had from here
	Sum     string        `json:"sum,omitempty"`     // a yes names it
}

// Readiness is what stands between an installation and a release.
type Readiness struct {
	Product   string    `json:"product"`
	Installed string    `json:"installed"`
	To        string    `json:"to"`
	UpToDate  bool      `json:"upToDate"`
	Blocked   bool      `json:"blocked"`
	Findings  []Finding `json:"findings"`
}

// Finding is one result of a readiness check.
type Finding struct {
	ID       string `json:"id"`
	Level    string `json:"level"` // blocker, warning, info
	OK       bool   `json:"ok"`
	Text     string `json:"text,omitempty"`
	Effect   string `json:"effect,omitempty"`
	Fix      string `json:"fix,omitempty"`
	Waived   string `json:"waived,omitempty"`
	Waivable bool   `json:"waivable,omitempty"`

	Reference string `json:"reference,omitempty"` // where the vendor says more
	Release   string `json:"release,omitempty"`   // that wants it
	New       bool   `json:"new,omitempty"`       // the installed release did not want it
	Fixable   bool   `json:"fixable,omitempty"`   // Upkeep can carry the fix out
	Settled   Stage  `json:"settled,omitempty"`   // the stage that settles it; empty: readiness itself
}

// Plan is what an upgrade would do.
type Plan struct {
	Product   string        `json:"product"`
	UpToDate  bool          `json:"upToDate"`
	Installed string        `json:"installed"`
	To        string        `json:"to"`
	Digest    string        `json:"digest"`
	Vouched   string        `json:"vouched"`
	Unsigned  bool          `json:"unsigned"`
	Fetch     int64         `json:"fetch,omitempty"` // bytes that come first
	Route     []string      `json:"route"`
	Changes   []Change      `json:"changes"`
	Steps     []Step        `json:"steps"`
	Outage    time.Duration `json:"outage"`
	Total     time.Duration `json:"total"`
	First     bool          `json:"first,omitempty"`  // a first install
	Closed    string        `json:"closed"`           // how users are kept out: gate, mode, stopped
	Waived    bool          `json:"waived,omitempty"` // there will be no restore point
	Alone     bool          `json:"alone,omitempty"`  // an interrupted run goes on by itself
	Room      []Room        `json:"room"`
	Goes      []string      `json:"goes,omitempty"` // restore points that go at the end
	Notes     []string      `json:"notes"`
	People    []string      `json:"people,omitempty"` // what people must do first
	NoReturn  []string      `json:"noReturn"`         // steps that nothing takes back
	Begin     Begin         `json:"begin"`            // when it may begin

	Stages   []StageState `json:"stages"`             // that led here
	Settings []string     `json:"settings,omitempty"` // what the installation document is changed to, in words
	Values   []Param      `json:"values,omitempty"`   // the parameters of the product, without secrets
	Added    []string     `json:"added,omitempty"`    // features that come new
	Stays    []string     `json:"stays,omitempty"`    // that are there
	Scripts  []Script     `json:"scripts,omitempty"`  // that were reviewed
	Word     []Asked      `json:"word,omitempty"`     // what people have said before
	Accepted []string     `json:"accepted,omitempty"` // checks that are waived, by whom and why
	Edited   []Edited     `json:"edited,omitempty"`   // files of the site that are merged or kept
	Rights   []Right      `json:"rights,omitempty"`
}

// Change is what becomes of a unit.
type Change struct {
	Unit string `json:"unit"`
	From string `json:"from"`
	To   string `json:"to"`
	At   string `json:"at,omitempty"`
	Gone bool   `json:"gone,omitempty"`
}

// Room is what is needed on a volume, in bytes.
type Room struct {
	Place string `json:"place"`
	Needs int64  `json:"needs"`
	Free  int64  `json:"free"`
}
