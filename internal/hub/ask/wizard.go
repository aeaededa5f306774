package ask

import (
	"context"
	"time"
)

// Guiding leads from a wish to its plan, stage by stage.
type Guiding interface {
	// Guide says what the wish still needs, and how it stands. It changes nothing.
	Guide(ctx context.Context, by string, w Wish) (Guide, error)
	// Review shows the scripts that are to be looked at, with the lines of one.
	Review(ctx context.Context, by string, q ScriptQuery) (Review, error)
	// Judge decides what becomes of a script.
	Judge(ctx context.Context, by string, v Verdict) (Review, error)
	// Say keeps what a person answers, or that a task before the run is done.
	Say(ctx context.Context, by string, s Saying) (struct{}, error)
	// Fixes are what mends a finding, in its order; Mend carries one out.
	Fixes(ctx context.Context, by string, q FixQuery) (Fixes, error)
	Mend(ctx context.Context, by string, m Mending) (Mended, error)
	// Fetch has the releases of the wish fetched; Fetching says how far that is.
	Fetch(ctx context.Context, by string, w Wish) (Fetching, error)
	Fetching(ctx context.Context, by string, q Of) (Fetching, error)
}

// Guided is Guiding as somebody with a session sees it.
type Guided interface {
	Guide(ctx context.Context, w Wish) (Guide, error)
	Review(ctx context.Context, q ScriptQuery) (Review, error)
	Judge(ctx context.Context, v Verdict) (Review, error)
	Say(ctx context.Context, s Saying) (struct{}, error)
	Fixes(ctx context.Context, q FixQuery) (Fixes, error)
	Mend(ctx context.Context, m Mending) (Mended, error)
	Fetch(ctx context.Context, w Wish) (Fetching, error)
	Fetching(ctx context.Context, q Of) (Fetching, error)
}

// Stage is a stage on the way to a plan.
type Stage string

// The stages, in their order.
const (
	StageReady   Stage = "ready"
	StageSafety  Stage = "safety"  // restore point, and where a failure leads
	StageParams  Stage = "params"  // values that may change
	StageChoices Stage = "choices" // features
	StageTasks   Stage = "tasks"   // what people do, answer and look at first
	StageReview  Stage = "review"  // scripts for a customised database
	StagePlan    Stage = "plan"
)

// Stages lists them.
func Stages() []Stage {
	return []Stage{StageReady, StageSafety, StageParams, StageChoices, StageTasks, StageReview, StagePlan}
}

// StageState is a stage that a wish needs. Open: it is not settled yet.
type StageState struct {
	Stage Stage `json:"stage"`
	Open  bool  `json:"open,omitempty"`
}

// Guide is how a wish stands.
type Guide struct {
	Readiness
	First     bool         `json:"first,omitempty"` // nothing is installed: it would be a first install
	Stages    []StageState `json:"stages"`
	Safety    Safety       `json:"safety"`
	Params    []Param      `json:"params"`
	Groups    []Group      `json:"groups"`
	Refused   []string     `json:"refused,omitempty"` // why what is chosen cannot be had
	Tasks     []Asked      `json:"tasks"`
	Scripts   int          `json:"scripts,omitempty"`   // to be reviewed
	Undecided int          `json:"undecided,omitempty"` // of these
	Missing   int64        `json:"missing,omitempty"`   // bytes that are to be fetched
	Needs     bool         `json:"needs,omitempty"`     // they come first: no plan can be made without
}

// Safety is what there is to choose against what goes wrong.
type Safety struct {
	Optional bool     `json:"optional,omitempty"` // the restore point may be left out, with the waiver backup
	Point    string   `json:"point,omitempty"`    // the step that makes it
	Route    []string `json:"route"`              // versions, the installed one first
	Scripts  bool     `json:"scripts,omitempty"`  // that could be rehearsed
}

// Param is a value of the product. Fixed: an upgrade only shows it.
type Param struct {
	ID      string `json:"id"`
	Title   string `json:"title,omitempty"`
	Type    string `json:"type"` // string, path, bool, int, secret
	Now     string `json:"now"`
	Value   string `json:"value,omitempty"` // that is wanted instead
	Changed bool   `json:"changed,omitempty"`
	Fixed   bool   `json:"fixed,omitempty"`
	Problem string `json:"problem,omitempty"` // why it cannot be had
}

// Group is a group of features. One: of its alternatives, one.
type Group struct {
	Title    string    `json:"title"`
	One      bool      `json:"one,omitempty"`
	Features []Feature `json:"features"`
}

// Feature can be chosen. Below says how deep it stands under others; Sub that it
// is none of its group's alternatives.
type Feature struct {
	Path   string `json:"path"`
	Title  string `json:"title,omitempty"`
	Source string `json:"source,omitempty"` // folder that it was found in
	Below  int    `json:"below,omitempty"`
	Alone  bool   `json:"alone,omitempty"` // an alternative of its group
	Chosen bool   `json:"chosen,omitempty"`
	Asked  bool   `json:"asked,omitempty"` // the wish names it
	Locked bool   `json:"locked,omitempty"`
	Why    string `json:"why,omitempty"` // it is chosen, or cannot be
}

// AskedKind says what people are asked for before a run.
type AskedKind string

// The kinds.
const (
	AskedTask    AskedKind = "task"
	AskedAnswer  AskedKind = "answer"
	AskedFinding AskedKind = "finding"
)

// AskedKinds lists them.
func AskedKinds() []AskedKind { return []AskedKind{AskedTask, AskedAnswer, AskedFinding} }

// Asked is one thing that a person does, answers or looks at before a run.
type Asked struct {
	ID        string    `json:"id"`
	Kind      AskedKind `json:"kind"`
	Text      string    `json:"text"`
	Reference string    `json:"reference,omitempty"` // where the vendor says more
	Privilege string    `json:"privilege,omitempty"` // as whom it is done
	Want      []string  `json:"want,omitempty"`      // answers that let the run go on
	Lacks     string    `json:"lacks,omitempty"`
	Open      bool      `json:"open,omitempty"`
	Auto      bool      `json:"auto,omitempty"` // nobody has to say so
	By        string    `json:"by,omitempty"`   // who has said so
	At        time.Time `json:"at,omitzero"`
	Value     string    `json:"value,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// Saying is a person's word on one of them: an answer, or a note.
type Saying struct {
	Wish
	ID   string `json:"id"`
	Text string `json:"text,omitempty"`
}

// ScriptQuery names a script of the review; empty: the first that nobody has
// decided.
type ScriptQuery struct {
	Wish
	Script string `json:"script,omitempty"`
}

// Judgement is what becomes of a script.
type Judgement string

// The judgements.
const (
	Approve Judgement = "approve" // it runs as the vendor has it
	Edit    Judgement = "edit"    // the site's own runs in its place
	ByHand  Judgement = "done"    // it does not run, and counts as applied
	Forget  Judgement = "reset"   // what was decided of it
)

// Judgements lists them.
func Judgements() []Judgement { return []Judgement{Approve, Edit, ByHand, Forget} }

// Verdict decides what becomes of a script. SHA256 is of the one that was shown.
type Verdict struct {
	Wish
	Script    string    `json:"script"`
	SHA256    string    `json:"sha256"`
	Judgement Judgement `json:"judgement"`
	Note      string    `json:"note,omitempty"`
	Content   string    `json:"content,omitempty"` // of an edit
}

// Review are the scripts that meet a customised database.
type Review struct {
	Product   string     `json:"product"`
	From      string     `json:"from"`
	To        string     `json:"to"`
	Databases []Database `json:"databases"`
	Scripts   []Script   `json:"scripts"` // in the order in which they run
	Shown     *Shown     `json:"shown,omitempty"`
}

// Database is what is customised in one.
type Database struct {
	Unit     string   `json:"unit"`
	Standard string   `json:"standard,omitempty"`
	Unknown  string   `json:"unknown,omitempty"`
	Objects  []Object `json:"objects"`
}

// Object is a customised object.
type Object struct {
	Name     string `json:"name"`
	How      string `json:"how"`
	Diff     string `json:"diff,omitempty"` // lines with -, + and blanks; without secrets
	Accepted string `json:"accepted,omitempty"`
}

// Script is one of them with what was decided.
type Script struct {
	ID       string    `json:"id"` // UNIT:PATH
	Path     string    `json:"path"`
	Unit     string    `json:"unit"`
	Release  string    `json:"release"`
	SHA256   string    `json:"sha256"`
	Mentions []string  `json:"mentions,omitempty"`
	Decided  Judgement `json:"decided,omitempty"` // empty: it is open
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Note     string    `json:"note,omitempty"`
	Diff     string    `json:"diff,omitempty"`  // of an edit, against the vendor's
	Stale    string    `json:"stale,omitempty"` // why what was decided does not count any more
}

// Shown is the script that is looked at.
type Shown struct {
	N       int      `json:"n"`    // index among the scripts
	Next    bool     `json:"next"` // it can be decided now
	Lines   []Line   `json:"lines"`
	Text    string   `json:"text"`            // to be edited: the site's own, otherwise the vendor's
	Fixed   string   `json:"fixed,omitempty"` // why it cannot be edited on a page
	Touches []Object `json:"touches"`         // what it mentions
	Diff    string   `json:"diff,omitempty"`  // of what the site has in its place
}

// Line is a line of a script. Marked: it mentions a customised object.
type Line struct {
	Text   string `json:"text"`
	Marked bool   `json:"marked,omitempty"`
}

// FixQuery names a finding of a wish's readiness.
type FixQuery struct {
	Wish
	Finding string `json:"finding"`
}

// Fixes are what mends a finding. Gone: it is there no more.
type Fixes struct {
	Finding string `json:"finding"`
	Text    string `json:"text"`
	Try     []Fix  `json:"try"`
	Else    string `json:"else,omitempty"`
	Gone    bool   `json:"gone,omitempty"`
}

// Fix is one thing that helps. Carries: Upkeep can do it.
type Fix struct {
	Text    string `json:"text"`
	Carries bool   `json:"carries,omitempty"`
}

// Mending has a fix carried out that was shown in these words.
type Mending struct {
	FixQuery
	Text string `json:"text"`
}

// Mended is what came of it.
type Mended struct {
	Gone  bool     `json:"gone"` // the finding is there no more
	Said  []string `json:"said,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Fetching is how far the fetching of releases is.
type Fetching struct {
	Known bool   `json:"known"` // somebody has asked for it since the engine side began
	Going bool   `json:"going"`
	By    string `json:"by,omitempty"`
	File  string `json:"file,omitempty"`
	Done  int64  `json:"done,omitempty"` // of the file, in bytes
	Total int64  `json:"total,omitempty"`
	Error string `json:"error,omitempty"` // it has failed
	Files int    `json:"files,omitempty"` // that were brought
	Bytes int64  `json:"bytes,omitempty"`
}

// Edited is a file that the site has edited, and what comes of it.
type Edited struct {
	Path string   `json:"path"`
	Of   string   `json:"of"` // component and version
	What string   `json:"what"`
	Kept []string `json:"kept,omitempty"` // keys of the site that are in it
	Diff string   `json:"diff,omitempty"` // from the site's file; without secrets
}

// Right is what is done with the rights of an account. More: it has more than who
// runs Upkeep.
type Right struct {
	Account string   `json:"account"`
	Steps   []string `json:"steps"`
	More    bool     `json:"more,omitempty"`
}
