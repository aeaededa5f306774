package ask

import (
	"context"
	"time"
)

// ScreensLooking is what the screens beside the wizard can see.
type ScreensLooking interface {
	// Errand tells of the work outside of a run that is under way, or was the last.
	Errand(ctx context.Context, q Of) (Errand, error)
	// Batch tells of the upgrades that were started together last.
	Batch(ctx context.Context) (Batch, error)
	Settings(ctx context.Context, q Of) (Settings, error)
	// Singles names the components that can be upgraded by themselves.
	Singles(ctx context.Context, q Of) ([]string, error)
	// Report makes a file of a run or of the drift.
	Report(ctx context.Context, q ReportQuery) (File, error)
}

// Screens is what the engine side answers beside that, for the screens.
type Screens interface {
	ScreensLooking
	// Refresh looks for releases now.
	Refresh(ctx context.Context, by string, q Of) (Refreshed, error)
	// Send has work done outside of a run. It goes on whoever goes away.
	Send(ctx context.Context, by string, e Errand) (Errand, error)
	// Outlook says what putting a restore point back would do.
	Outlook(ctx context.Context, by string, q PointQuery) (Outlook, error)
	// Return is the plan that takes the last upgrade back, TakeBack the yes to it.
	Return(ctx context.Context, by string, q Of) (Return, error)
	TakeBack(ctx context.Context, by string, y Yes) (Started, error)
	// StartAll has upgrades carried out one after the other.
	StartAll(ctx context.Context, by string, q Together) (Batch, error)
	// Support makes the file for whoever helps.
	Support(ctx context.Context, by string, q Of) (File, error)
}

// ScreensAsking is the same as somebody with a session sees it.
type ScreensAsking interface {
	ScreensLooking
	Refresh(ctx context.Context, q Of) (Refreshed, error)
	Send(ctx context.Context, e Errand) (Errand, error)
	Outlook(ctx context.Context, q PointQuery) (Outlook, error)
	Return(ctx context.Context, q Of) (Return, error)
	TakeBack(ctx context.Context, y Yes) (Started, error)
	StartAll(ctx context.Context, q Together) (Batch, error)
	Support(ctx context.Context, q Of) (File, error)
}

// ErrandKind is what an errand is for.
type ErrandKind string

// The kinds of errands.
const (
	ErrandCreate  ErrandKind = "create"  // make a restore point
	ErrandVerify  ErrandKind = "verify"  // prove one: read it whole, and compare it
	ErrandRestore ErrandKind = "restore" // put one back
	ErrandMend    ErrandKind = "mend"    // carry out what the doctor advises
)

// ErrandKinds lists them.
func ErrandKinds() []ErrandKind {
	return []ErrandKind{ErrandCreate, ErrandVerify, ErrandRestore, ErrandMend}
}

// Errand is work outside of a run. What is asked for is Kind and what belongs to
// it; the rest is told.
type Errand struct {
	Installation string     `json:"installation"`
	Kind         ErrandKind `json:"kind"` // empty: there was none yet
	Point        string     `json:"point,omitempty"`
	Only         []string   `json:"only,omitempty"`    // restore: parts of the point; empty: all
	Sum          string     `json:"sum,omitempty"`     // restore: of the outlook, mend: of the remedy that was shown
	Note         string     `json:"note,omitempty"`    // create
	Symptom      string     `json:"symptom,omitempty"` // mend

	ID      string    `json:"id,omitempty"`
	By      string    `json:"by,omitempty"`
	Began   time.Time `json:"began,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Going   bool      `json:"going,omitempty"`
	Broken  bool      `json:"broken,omitempty"` // its process died before the end
	Stage   string    `json:"stage,omitempty"`  // said last
	Done    int64     `json:"done,omitempty"`   // bytes
	Total   int64     `json:"total,omitempty"`  // of about so many; 0: it cannot be told
	Part    string    `json:"part,omitempty"`
	Lines   []string  `json:"lines,omitempty"`
	Made    string    `json:"made,omitempty"`  // create: the restore point
	Still   string    `json:"still,omitempty"` // mend: it has not helped; what is seen
	Problem string    `json:"problem,omitempty"`
}

// PointQuery names a restore point, and parts of it.
type PointQuery struct {
	Installation string   `json:"installation"`
	Point        string   `json:"point"`
	Only         []string `json:"only,omitempty"`
}

// Outlook is what a restore would do.
type Outlook struct {
	Product   string          `json:"product"`
	Point     string          `json:"point"`
	Made      time.Time       `json:"made"`
	Version   string          `json:"version"`   // of the point
	Installed string          `json:"installed"` // empty: it cannot be read
	Parts     []string        `json:"parts"`     // all of the point
	Services  []string        `json:"services"`  // that are stopped meanwhile
	Changes   []OutlookChange `json:"changes"`
	Sum       string          `json:"sum"` // a yes names it
	Refused   string          `json:"refused,omitempty"`
}

// OutlookChange is what becomes of a part.
type OutlookChange struct {
	Part     string   `json:"part"`
	Database bool     `json:"database,omitempty"`
	Path     string   `json:"path,omitempty"`
	Same     bool     `json:"same,omitempty"`
	Added    int      `json:"added,omitempty"`   // files that come back
	Changed  int      `json:"changed,omitempty"` // that are as they were
	Removed  int      `json:"removed,omitempty"` // that go
	Files    []string `json:"files,omitempty"`   // the first of them, with +, ~ or - before
	Replaced string   `json:"replaced,omitempty"`
}

// Return is the way back from an upgrade whose run is over.
type Return struct {
	Plan
	Run    string    `json:"run"`    // that is taken back
	Closed time.Time `json:"closed"` // what users did since is discarded
}

// Together are upgrades that are to be carried out one after the other.
type Together struct {
	Yeses []Yes `json:"yeses"`
	// Stop: what does not end on its new version ends the others, too.
	Stop bool `json:"stop,omitempty"`
	// Key, if there is one, makes of several askings with it one start.
	Key string `json:"key,omitempty"`
}

// Noted is what the audit log has of it: each installation with the plan that the
// yes names.
func (t Together) Noted() map[string]string {
	out := map[string]string{}
	for _, y := range t.Yeses {
		to := y.To
		if to == "" {
			to = "the latest"
		}
		out[y.Installation] = to + ", plan " + y.Digest
	}
	return out
}

// Batch is upgrades that were started together.
type Batch struct {
	By    string      `json:"by,omitempty"`
	Began time.Time   `json:"began,omitzero"`
	Ended time.Time   `json:"ended,omitzero"`
	Stop  bool        `json:"stop,omitempty"`
	Items []BatchItem `json:"items"`
}

// BatchState is where one of them is.
type BatchState string

// The states of one of several upgrades.
const (
	BatchNext    BatchState = "next"
	BatchGoing   BatchState = "going"
	BatchNew     BatchState = "new"
	BatchBack    BatchState = "back"    // it is on the old version again
	BatchStopped BatchState = "stopped" // at a milestone
	BatchWaits   BatchState = "waits"   // for a person; the next one has begun
	BatchRefused BatchState = "refused"
	BatchLeft    BatchState = "left" // not started, since one before it has not ended well
)

// BatchStates lists them.
func BatchStates() []BatchState {
	return []BatchState{BatchNext, BatchGoing, BatchNew, BatchBack, BatchStopped, BatchWaits, BatchRefused, BatchLeft}
}

// BatchItem is one of them.
type BatchItem struct {
	Installation string     `json:"installation"`
	State        BatchState `json:"state"`
	Run          string     `json:"run,omitempty"`
	Version      string     `json:"version,omitempty"` // at the end
	Why          string     `json:"why,omitempty"`     // it was refused
	Reasons      []string   `json:"reasons,omitempty"`
}

// Refreshed is what a look for releases has found.
type Refreshed struct {
	New       []string `json:"new"`
	Published string   `json:"published,omitempty"`
}

// ReportKind is what a report is of.
type ReportKind string

// The kinds of reports.
const (
	ReportRun   ReportKind = "run"
	ReportDrift ReportKind = "drift"
)

// ReportQuery asks for a report.
type ReportQuery struct {
	Installation string     `json:"installation"`
	Kind         ReportKind `json:"kind"`
	Run          string     `json:"run,omitempty"`
	Format       string     `json:"format"` // html, json
}

// File is a file to keep.
type File struct {
	Name string `json:"name"`
	Type string `json:"type"` // of media
	Data []byte `json:"data"`
}

// Settings are what the installation document says, where it concerns everybody.
// They are changed in the document.
type Settings struct {
	Product   string       `json:"product"`
	Document  string       `json:"document"`
	State     string       `json:"state"`
	Feed      FeedSettings `json:"feed"`
	Trust     []Trust      `json:"trust"` // by trigger
	Place     string       `json:"place"` // of the restore points
	Engine    string       `json:"engine"`
	Encrypted bool         `json:"encrypted"`
	Keep      string       `json:"keep"` // which of them stay, in the document's words
	OnFailure string       `json:"onFailure"`
	Notify    bool         `json:"notify"` // a command tells people
}

// FeedSettings is where releases come from, and what is known of it.
type FeedSettings struct {
	Name     string        `json:"name,omitempty"` // empty: there is no feed
	URLs     []string      `json:"urls,omitempty"`
	Channel  string        `json:"channel,omitempty"`
	Told     bool          `json:"told,omitempty"`     // by the product's own page or command: nobody has signed it
	Root     string        `json:"root,omitempty"`     // sum of the pinned root
	RootFile string        `json:"rootFile,omitempty"` // that the document names
	Looked   time.Time     `json:"looked,omitzero"`
	Until    time.Time     `json:"until,omitzero"` // its word holds so long
	Expired  bool          `json:"expired,omitempty"`
	Problem  string        `json:"problem,omitempty"`
	Install  string        `json:"install,omitempty"` // by-hand, automatic
	Between  string        `json:"between,omitempty"`
	Prefetch bool          `json:"prefetch,omitempty"`
	Folder   string        `json:"folder,omitempty"` // of bundles, which the hub was started with
	Releases []FeedRelease `json:"releases,omitempty"`
}

// FeedRelease is a published release.
type FeedRelease struct {
	Version   string    `json:"version"`
	Published time.Time `json:"published,omitzero"`
	Withdrawn string    `json:"withdrawn,omitempty"`
	Installed bool      `json:"installed,omitempty"`
	Here      string    `json:"here"` // nothing, documents, whole
	Notes     string    `json:"notes,omitempty"`
}

// Trust is whose signatures count for what begins an upgrade.
type Trust struct {
	Trigger string   `json:"trigger"`
	Keys    []string `json:"keys"`
}
