package plan

import (
	"path"
	"slices"
	"strings"
	"time"

	"upkeep/internal/site"
)

// The parameters of the verbs, as they stand in Step.Params. They are
// complete: a handler needs no document beside them.

// SecretRef says where a secret lies.
type SecretRef struct {
	File string `json:"file,omitempty"`
	Env  string `json:"env,omitempty"`
}

// Database says how to reach a product's database.
type Database struct {
	Component string     `json:"component"`       // unit
	Kind      string     `json:"kind"`            // sqlite, postgres, mariadb, command
	Path      string     `json:"path,omitempty"`  // sqlite: the file
	DSN       *SecretRef `json:"dsn,omitempty"`   // of a server: a reference to its connection string
	Plain     string     `json:"plain,omitempty"` // of a server: a connection string that holds no password
	Tool      *Tool      `json:"tool,omitempty"`  // the vendor's own, which dumps and restores it
}

// Tool dumps and restores data, as the vendor's documents say. The arguments
// name the file that is written or read as {backup.file}; a program that names
// none writes to its standard output, or reads its standard input.
type Tool struct {
	Make    ToolCall `json:"make"`
	Restore ToolCall `json:"restore"`
	Env     []string `json:"env,omitempty"`
	Version *Probe   `json:"version,omitempty"`
	Content *Probe   `json:"content,omitempty"` // equal values mean equal data
	Verify  []Probe  `json:"verify,omitempty"`  // what must hold of what it wrote
}

// ToolCall is one of its programs.
type ToolCall struct {
	Args   []string      `json:"args"`
	As     string        `json:"as,omitempty"`
	Within time.Duration `json:"within"`
}

// Probe is a manifest's probe with all its references resolved.
type Probe struct {
	Source   string            `json:"source"`
	Args     []string          `json:"args,omitempty"`
	Select   string            `json:"select,omitempty"`
	Expect   []string          `json:"expect,omitempty"` // any of; empty: only that there is a value
	Order    string            `json:"order,omitempty"`  // the version order that ranges in Expect are read in
	Versions []string          `json:"versions,omitempty"`
	As       string            `json:"as,omitempty"`
	Env      []string          `json:"env,omitempty"`
	DB       *Database         `json:"db,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	Password *SecretRef        `json:"password,omitempty"`
	Service  *Service          `json:"service,omitempty"`
	From     *Probe            `json:"from,omitempty"`     // inventory: what reads its list
	Standard string            `json:"standard,omitempty"` // drift: the release whose standard DB is compared with
}

// Service is a service's definition with all its references resolved.
type Service struct {
	ID           string        `json:"id"`
	Names        []string      `json:"names,omitempty"`
	As           string        `json:"as,omitempty"`
	Run          []string      `json:"run,omitempty"`
	Start        []string      `json:"start,omitempty"`
	Stop         []string      `json:"stop,omitempty"`
	State        *Probe        `json:"state,omitempty"`
	Env          []string      `json:"env,omitempty"`
	Dir          string        `json:"dir,omitempty"`
	PIDFile      string        `json:"pidFile,omitempty"`
	Log          string        `json:"log,omitempty"`
	Ready        *Probe        `json:"ready,omitempty"`
	StopTimeout  time.Duration `json:"stopTimeout,omitempty"`
	StartTimeout time.Duration `json:"startTimeout,omitempty"`
}

// Systemd says that systemd runs the service: it has no commands of its own.
func (s Service) Systemd() bool { return len(s.Run) == 0 && len(s.Start) == 0 }

// The kinds of places that are made, or filled by a later step.
const (
	PlaceFolder = "folder"
	PlaceFile   = "file"  // empty; of a database
	PlaceTree   = "tree"  // a later step brings it: it must not be there
	PlaceNew    = "new"   // a folder that must not be there
	PlaceAbove  = "above" // a folder above others; one that is there is left alone
)

// NewPlace is what is not there before a first install, or before a component
// is added.
type NewPlace struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"`
	Owner string `json:"owner,omitempty"` // account; empty: the engine's own
}

// CreateParams: what a product, or what is added to it, lies in is made, the
// folders above first.
type CreateParams struct {
	Places []NewPlace `json:"places"`
}

// ParamsParams: parameters that were changed for an upgrade are written into
// the installation document.
type ParamsParams struct {
	Path string `json:"path"`
	Was  string `json:"was"`  // SHA-256 of the document that the plan was made of
	Text string `json:"text"` // the document with the new values; it holds no secret
}

// StageParams: a payload is unpacked beside the tree it will replace, while
// the product runs.
type StageParams struct {
	Component string `json:"component"`       // unit
	At        string `json:"at"`              // the live tree
	Staging   string `json:"staging"`         // folder beside it
	Bundle    string `json:"bundle"`          // digest
	Payload   string `json:"payload"`         // file of the bundle
	Sums      string `json:"sums"`            // file of the bundle
	Owner     string `json:"owner,omitempty"` // account that owns the new files; empty: the live tree's owner
}

// InstallParams: the staged tree takes the place of the live one.
type InstallParams struct {
	Component string            `json:"component"` // unit
	At        string            `json:"at"`
	Staging   string            `json:"staging"`
	Old       string            `json:"old"` // where the replaced tree is kept
	Sums      string            `json:"sums"`
	Bundle    string            `json:"bundle"`
	Keep      []string          `json:"keep,omitempty"`   // paths of the site inside the tree, carried over
	Edited    map[string]string `json:"edited,omitempty"` // edited file to keep-aside, discard
	Beside    string            `json:"beside,omitempty"` // suffix for keep-aside
	// Merged are edited files that stand in the staged tree as the plan says, with
	// the SHA-256 of the site's from which they were made. One that is another by
	// then is kept aside.
	Merged map[string]string `json:"merged,omitempty"`
}

// ServiceParams: stop, start, restart.
type ServiceParams struct {
	Service Service `json:"service"`
	Inhibit bool    `json:"inhibit,omitempty"` // stop: nothing starts it until the run does
	// start: what it migrates, with the version that must read then
	Migrates []VersionCheck `json:"migrates,omitempty"`
	First    bool           `json:"first,omitempty"` // there is nothing before: the start makes it
}

// AccessParams: how users are kept out, or let in again.
type AccessParams struct {
	Mode    string   `json:"mode"`           // read-only, maintenance
	Unit    string   `json:"unit,omitempty"` // whose mode it is, where each unit has its own
	Marker  string   `json:"marker,omitempty"`
	Parked  string   `json:"parked,omitempty"`
	Content string   `json:"content,omitempty"` // of a new marker; empty: the reason
	Aliases []string `json:"aliases,omitempty"`
	Enter   []string `json:"enter,omitempty"`
	Leave   []string `json:"leave,omitempty"`
	State   *Probe   `json:"state,omitempty"`
	As      string   `json:"as,omitempty"`
	Env     []string `json:"env,omitempty"`
	Refused *Probe   `json:"refused,omitempty"`
	Gate    *Gate    `json:"gate,omitempty"`
	Page    *Told    `json:"page,omitempty"` // what a marker that is a page says
	Reason  string   `json:"reason,omitempty"`
	Owner   string   `json:"owner,omitempty"`  // account that owns a marker
	Reopen  string   `json:"reopen,omitempty"` // the id of the access step that this one ends
	of      string   // unit
}

// Told is what users are told of a run.
type Told struct {
	Product string `json:"product"`
	Doing   string `json:"doing,omitempty"` // upgrade, install, return
	To      string `json:"to,omitempty"`    // version
}

// isPage says whether a marker is a page that users see.
func isPage(marker string) bool {
	switch strings.ToLower(path.Ext(marker)) {
	case ".htm", ".html":
		return true
	}
	return false
}

// Gate says which ports the gate closes.
type Gate struct {
	Name  string   `json:"name"`
	Ports []string `json:"ports"`
	Told
	Expect time.Duration `json:"expect,omitempty"` // outage expected
}

// HoldParams: a temporary change with its prior value. Release ends it; one
// that Lasts stands in the register of holds, and End ends it there.
type HoldParams struct {
	Service   *Service `json:"service,omitempty"`
	StartType *Service `json:"startType,omitempty"` // how this service starts with the machine
	Setting   *Setting `json:"setting,omitempty"`
	To        string   `json:"to"`
	Until     string   `json:"until,omitempty"`   // a phase
	Lasts     *Lasting `json:"lasts,omitempty"`   // its end, where that comes after the run
	Release   string   `json:"release,omitempty"` // the id of the hold step that this one ends
	End       string   `json:"end,omitempty"`     // the hold of the register that this step ends
	Of        string   `json:"of,omitempty"`      // only if this run has registered it: it is taken back
}

// Setting is a value of the product that can be read and written.
type Setting struct {
	ID    string   `json:"id"`
	Read  Probe    `json:"read"`
	Write []string `json:"write"` // "${value}" is the value
	As    string   `json:"as,omitempty"`
	Env   []string `json:"env,omitempty"`
}

// RecordParams: settings are read and kept; Apply names the record step
// whose values are compared and written again. Want are values that they must
// have instead; what they were is put back on the way back.
type RecordParams struct {
	Settings []Setting         `json:"settings"`
	Apply    string            `json:"apply,omitempty"`
	Want     map[string]string `json:"want,omitempty"`
}

// DrainParams: wait, bounded, until running work has ended.
type DrainParams struct {
	Probe Probe         `json:"probe"`
	Every time.Duration `json:"every"`
	Or    *RunParams    `json:"or,omitempty"` // what ends the work when it does not end by itself
}

// NotifyParams: people are told.
type NotifyParams struct {
	Who    string        `json:"who"`
	Outage time.Duration `json:"outage,omitempty"`
	Text   string        `json:"text"`
	Run    []string      `json:"run"`
	Env    []string      `json:"env,omitempty"`
}

// BackupParams: a restore point is made. The first pass over the files
// (precopy) carries the same parameters.
type BackupParams struct {
	Key     string `json:"key"` // origin, m1, …
	Version string `json:"version"`
	Dir     string `json:"dir"` // where restore points are kept; with a repository, notes on them
	// Repository, unless nil, is where restic keeps them.
	Repository *Repository  `json:"repository,omitempty"`
	Files      []FileSource `json:"files,omitempty"`
	Databases  []Database   `json:"databases,omitempty"`
	Covers     []string     `json:"covers,omitempty"` // steps after which the data must be restored on the way back
	Prove      bool         `json:"prove,omitempty"`  // the way back compares everything, touched or not
	Ahead      bool         `json:"ahead,omitempty"`  // the first pass dumps databases that nobody writes to
	// Proof names the databases whose dumps count only once they were restored into
	// a scratch database and compared, with when: ahead, always.
	Proof map[string]string `json:"proof,omitempty"`
}

// Repository says where restic keeps restore points. It holds no secret.
type Repository struct {
	Location    string              `json:"location"`
	Name        string              `json:"name"` // of the installation: several may share it
	Password    SecretRef           `json:"password"`
	Environment map[string]Variable `json:"environment,omitempty"`
	Program     string              `json:"program,omitempty"`
}

// Variable is the value of an environment variable, or where it lies.
type Variable struct {
	Text string     `json:"text,omitempty"`
	Ref  *SecretRef `json:"ref,omitempty"`
}

// ReturnParams: an earlier run is taken back by the restore point that it
// made.
type ReturnParams struct {
	Run          string `json:"run"`   // the earlier one
	Point        string `json:"point"` // id of its restore point, in the folder Dir
	BackupParams        // what is put back; its key is that of the earlier run
	// Gone is what the earlier run has added. It is taken away.
	Gone []Addition `json:"gone,omitempty"`
}

// Addition is a tree that a run has added.
type Addition struct {
	Component string   `json:"component"`
	At        string   `json:"at"`
	Above     []string `json:"above,omitempty"` // folders above it that were not there, the topmost first
}

// FileSource is a tree or a file of the product in a restore point.
type FileSource struct {
	Component string `json:"component"` // unit
	Path      string `json:"path"`
	// First is where the first pass finds it, while it is not in its place yet.
	First   string   `json:"first,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// Lists are JSON files, made by earlier steps of the run, with the paths
	// below Path that are meant; all together. None: all.
	Lists []string `json:"lists,omitempty"`
	// Like names a restore point whose part of that component says what is meant.
	Like string `json:"like,omitempty"`
}

// MigrateParams: once-only change of data or schema.
type MigrateParams struct {
	Component string     `json:"component"`
	Run       *RunParams `json:"run,omitempty"`
	DB        *Database  `json:"db,omitempty"`
	Bundle    string     `json:"bundle,omitempty"`
	Scripts   []Script   `json:"scripts,omitempty"` // in order, each once
	Native    bool       `json:"native,omitempty"`  // by the server's own client
	Version   *Probe     `json:"version,omitempty"` // what the schema's version must read after
}

// Script is one SQL script of a bundle.
type Script struct {
	Name   string `json:"name"` // path in the bundle
	SHA256 string `json:"sha256"`
	// Review is what the site has decided of it; nil: there was nothing to review.
	Review *Decision `json:"review,omitempty"`
}

// Edited says that the site's own text runs in place of the vendor's.
func (s Script) Edited() bool { return s.Review != nil && s.Review.Verdict == Edited }

// Runs is the SHA-256 of the text that runs: the vendor's, or the site's own.
func (s Script) Runs() string {
	if s.Edited() {
		return s.Review.SHA256
	}
	return s.SHA256
}

// RunParams: a command, without a shell.
type RunParams struct {
	Args       []string   `json:"args"`
	Env        []string   `json:"env,omitempty"`
	Dir        string     `json:"dir,omitempty"`
	As         string     `json:"as,omitempty"`
	Outputs    []string   `json:"outputs,omitempty"`
	Verify     []Probe    `json:"verify,omitempty"`
	Undo       *RunParams `json:"undo,omitempty"`
	Once       string     `json:"once,omitempty"` // marker: never again on this installation
	Repeatable bool       `json:"repeatable,omitempty"`
	OutputMax  int64      `json:"outputMax,omitempty"`
}

// HooksParams: the scripts of one folder at one phase, in name order.
type HooksParams struct {
	Dir       string        `json:"dir"`
	By        string        `json:"by"`
	Phase     string        `json:"phase"`
	Files     []HookFile    `json:"files"`
	Env       []string      `json:"env,omitempty"`
	Within    time.Duration `json:"within"`
	OutputMax int64         `json:"outputMax,omitempty"`
	Undo      *RunParams    `json:"undo,omitempty"`
}

// VerifyParams: the new version is proven by reading it back.
type VerifyParams struct {
	Versions    []VersionCheck `json:"versions,omitempty"`
	Services    []Service      `json:"services,omitempty"`
	Probes      []Probe        `json:"probes,omitempty"`
	Consecutive int            `json:"consecutive"` // successes in a row that are needed
	Every       time.Duration  `json:"every"`
}

// VersionCheck is one instance's version read back.
type VersionCheck struct {
	Component string `json:"component"`
	Instance  string `json:"instance,omitempty"`
	Probe     Probe  `json:"probe"`
	Want      string `json:"want"`
}

// Still says that the version lies in files or data, or is the word of a
// program that need not run for it: unlike that of a running product it does
// not come and go, so that one reading is enough.
func (v VersionCheck) Still() bool {
	return slices.Contains([]string{"file", "command", "sql", "package"}, v.Probe.Source)
}

// CleanUpParams: what the run leaves behind is removed, by retention.
type CleanUpParams struct {
	Trees   []string `json:"trees,omitempty"` // staging and kept old trees of this run's places
	KeepOld int      `json:"keepOld"`         // how many old trees stay, for the next morning
	// Gone are trees that are not there any more, or that the run has not come
	// to: nothing stays beside them, and of the folders above them none that is
	// empty.
	Gone       []Addition `json:"gone,omitempty"`
	RestoreDir string     `json:"restoreDir,omitempty"`
	// Repository is that of restic, where it keeps the restore points.
	Repository *Repository `json:"repository,omitempty"`
	// Keep says which restore points stay, beside those that are needed.
	Keep site.Retention `json:"keep"`
	// BundleDir holds the runs' copies of bundles. Those of Bundles stay, and
	// those that a run needs whose restore point stays.
	BundleDir string              `json:"bundleDir,omitempty"`
	Bundles   []string            `json:"bundles,omitempty"` // digests
	Earlier   map[string][]string `json:"earlier,omitempty"` // run to digests
}

// CheckParams: readiness is checked again.
type CheckParams struct {
	Checks []CheckItem `json:"checks"`
	Before string      `json:"before,omitempty"` // the version of the later hop that they are of; empty: first thing in the run
}

// CheckItem is one check whose failure stops the run before anything changes.
type CheckItem struct {
	ID     string `json:"id"`
	Probe  Probe  `json:"probe"`
	Effect string `json:"effect,omitempty"`
}
