package manifest

import (
	"time"

	"upkeep/internal/document"
)

// Product is the product document: how to find, stop, back up, restore and
// reopen a product, whatever its version.
type Product struct {
	Pos      document.Pos `json:"-"`
	ID       string       `json:"id"`
	Vendor   string       `json:"vendor,omitempty"`
	Versions VersionOrder `json:"versions"`
	Entry    string       `json:"entry,omitempty"` // the product's own address, may hold references
	Lang     string       `json:"lang,omitempty"`  // BCP 47 tag of the document's texts

	Triggers    map[string]Trigger   `json:"triggers,omitempty"`
	Params      map[string]Param     `json:"params,omitempty"`
	Facts       map[string]Probe     `json:"facts,omitempty"`
	Dirs        map[string]string    `json:"dirs,omitempty"`
	Env         map[string]string    `json:"env,omitempty"`
	Roles       map[string]Role      `json:"roles,omitempty"`
	SameVersion []string             `json:"same-version,omitempty"` // roles that must agree
	Families    []string             `json:"families,omitempty"`     // of fixes
	Components  map[string]Component `json:"components"`
	Order       []string             `json:"-"` // component ids in document order
	ParamOrder  []string             `json:"-"` // parameter ids in document order
	Places      Places               `json:"-"` // of dirs and env
	Services    []Service            `json:"services,omitempty"`
	Access      map[string]Access    `json:"access,omitempty"` // by mode: read-only, maintenance
	Backups     map[string]Backup    `json:"backups,omitempty"`
	Settings    map[string]Setting   `json:"settings,omitempty"`
	Hooks       []HookSet            `json:"hooks,omitempty"`
	Features    []Group              `json:"features,omitempty"`
	Remedies    []Remedy             `json:"remedies,omitempty"`
	Feed        *Feed                `json:"feed,omitempty"`
	SelfUpgrade *Step                `json:"self-upgrade,omitempty"`
	Support     string               `json:"support,omitempty"`
	// Chosen is what of the features is chosen, where that was settled: the
	// components are then only those that are there. It stands in no document.
	Chosen *Chosen `json:"-"`
}

// Chosen is what is chosen of a product's features.
type Chosen struct {
	Features   []string // paths, in the document's order
	Added      []string // of these, what was asked for and not installed; at a first install all
	Components []string // all that are there, each after what it needs
	Brought    []string // of these, what the chosen features bring
	Fresh      []string // of these, what no installed feature brings
	Left       []string // components of the document that are not there
}

// Places says where single entries of maps stand, by "dirs.data" or
// "payloads.app".
type Places map[string]document.Pos

// Of is the place of an entry, or else the given one.
func (p Places) Of(key string, otherwise document.Pos) document.Pos {
	if at, ok := p[key]; ok {
		return at
	}
	return otherwise
}

// VersionOrder names how a product's versions compare: a named order, or the
// versions themselves in ascending order.
type VersionOrder struct {
	Name string   `json:"name,omitempty"` // semver, dotted, dashed, debian; empty when listed
	List []string `json:"list,omitempty"`
}

// Trigger is something that may start a run.
type Trigger struct {
	Entitlement string `json:"entitlement,omitempty"`
}

// Param is an input of the administrator.
type Param struct {
	Pos     document.Pos  `json:"-"`
	Title   string        `json:"title,omitempty"`
	Type    string        `json:"type,omitempty"` // string (default), path, bool, int, secret
	Ask     string        `json:"ask,omitempty"`  // install, always, when-needed
	Default *ParamDefault `json:"default,omitempty"`
	Try     *Probe        `json:"try,omitempty"` // a value is taken only where this holds: a connection that can be made
}

// ParamDefault is a literal or what a probe reads.
type ParamDefault struct {
	Value string `json:"value,omitempty"`
	Probe *Probe `json:"probe,omitempty"`
}

// Secret says that the parameter only ever is a reference.
func (p Param) Secret() bool { return p.Type == "secret" }

// Role says what nodes are in a product.
type Role struct {
	Nodes string `json:"nodes,omitempty"` // a count, or "many"
	Tree  bool   `json:"tree,omitempty"`
	Order string `json:"order,omitempty"` // children-first
}

// Component is a unit with its own way to tell its version.
type Component struct {
	Pos         document.Pos `json:"-"`
	Kind        string       `json:"kind,omitempty"` // tree, package, installer, command, sqlite, postgres, mariadb, mssql
	Like        string       `json:"like,omitempty"`
	At          At           `json:"at,omitzero"`
	Role        string       `json:"role,omitempty"`
	Version     *Probe       `json:"version,omitempty"`
	Config      *Config      `json:"config,omitempty"`
	Keep        []string     `json:"keep,omitempty"`      // paths inside a tree that are the site's, carried over
	Packages    []string     `json:"packages,omitempty"`  // of kind package: their names; none: the component's id
	Footprint   []string     `json:"footprint,omitempty"` // of kind package: places that the packages' scripts write to, beside what the packages own
	Depends     []string     `json:"depends,omitempty"`
	Conflicts   []string     `json:"conflicts,omitempty"`
	Aliases     []string     `json:"aliases,omitempty"`
	Independent bool         `json:"independent,omitempty"`
	AllTogether bool         `json:"all-together,omitempty"`
	Migrates    string       `json:"migrates,omitempty"` // "at-start"
	Review      *When        `json:"review,omitempty"`
	Standard    *Standard    `json:"standard,omitempty"` // of a database: how it is compared with the vendor's
	Transfer    string       `json:"transfer,omitempty"` // bytes to one endpoint
}

// Database says that the component is a database that Upkeep itself dumps
// and restores.
func (c Component) Database() bool {
	switch c.Kind {
	case "sqlite", "postgres", "mariadb", "mssql":
		return true
	}
	return false
}

// Data says that the component's content is data, which a restore point holds as
// a dump of Upkeep's own or of the vendor's tool.
func (c Component) Data() bool { return c.Database() || c.Kind == "command" }

// Standard says what of a database's objects is none of the vendor's standard,
// although the product has it: what it makes by itself while it runs.
type Standard struct {
	Pos    document.Pos `json:"-"`
	Except []string     `json:"except,omitempty"` // patterns of names, see drift.Schema.Without
}

// At is where a component's instances are: a place, or a probe that reads
// the places from a registration file.
type At struct {
	Path  string `json:"path,omitempty"`
	Probe *Probe `json:"probe,omitempty"`
}

// Config is the policy for configuration files that the site edited.
type Config struct {
	Edited string `json:"edited,omitempty"` // take-new, keep, merge
	Beside string `json:"beside,omitempty"` // suffix of the copy kept beside
	// Formats are those of files by the pattern of their name, where the name alone does not tell.
	Formats  map[string]string `json:"formats,omitempty"` // yaml, json, xml, ini, properties, keyword, lines
	Validate []Validator       `json:"validate,omitempty"`
}

// Validator is a command that must find a file good before it is installed.
type Validator struct {
	Pos   document.Pos `json:"-"`
	Files string       `json:"files,omitempty"` // pattern of their names; empty: all
	Run   []string     `json:"run"`             // "${file}" is the file
	As    string       `json:"as,omitempty"`
}

// Service is a service of the product. The order of the list is the start
// order; stopping goes in reverse.
type Service struct {
	Pos   document.Pos  `json:"-"`
	ID    string        `json:"id"`
	Names []string      `json:"names,omitempty"`
	Of    []string      `json:"of,omitempty"` // components that it serves; empty: the whole product
	Role  string        `json:"role,omitempty"`
	As    string        `json:"as,omitempty"`
	Run   []string      `json:"run,omitempty"`
	Start []string      `json:"start,omitempty"`
	Stop  []string      `json:"stop,omitempty"`
	State *Probe        `json:"state,omitempty"` // for start/stop commands: expect says running
	Dir   string        `json:"dir,omitempty"`
	PID   string        `json:"pid-file,omitempty"`
	Log   string        `json:"log,omitempty"`
	Ready *Probe        `json:"ready,omitempty"`
	Ports []string      `json:"ports,omitempty"` // numbers or references; the gate closes them
	Grace time.Duration `json:"grace,omitempty"` // TERM to KILL
}

// Access is an access mode of the product's own.
type Access struct {
	Pos     document.Pos `json:"-"`
	Of      []string     `json:"of,omitempty"` // components that it is about; empty: the whole product
	Marker  string       `json:"marker,omitempty"`
	Parked  string       `json:"parked,omitempty"`  // where the marker lies when the mode is off
	Content string       `json:"content,omitempty"` // of the marker, where the reason would not do
	Aliases []string     `json:"aliases,omitempty"`
	Command *Switch      `json:"command,omitempty"`
	Users   string       `json:"users,omitempty"`   // read, none: what users can do in it
	Refused *Probe       `json:"refused,omitempty"` // a write that the product must refuse in this mode
	Reason  string       `json:"reason,omitempty"`  // shown to users
}

// Switch is an access mode by commands.
type Switch struct {
	Enter []string `json:"enter"`
	Leave []string `json:"leave"`
	State *Probe   `json:"state"` // expect says that the mode is on
	As    string   `json:"as,omitempty"`
}

// Backup is a backup where the default does not fit.
type Backup struct {
	Pos      document.Pos `json:"-"`
	Of       []string     `json:"of"`
	Role     string       `json:"role,omitempty"`
	Make     *Step        `json:"make,omitempty"`
	Verify   []Probe      `json:"verify,omitempty"`
	Restore  *Step        `json:"restore,omitempty"`
	Content  *Probe       `json:"content,omitempty"` // equal values mean equal data; of a tool that runs
	Keep     string       `json:"keep,omitempty"`
	Place    string       `json:"place,omitempty"`
	Optional bool         `json:"optional,omitempty"`
}

// Setting is a value of the product that is read before, compared and
// re-applied after.
type Setting struct {
	Pos   document.Pos `json:"-"`
	Read  Probe        `json:"read"`
	Write Step         `json:"write"`
	Type  string       `json:"type,omitempty"`
	Nodes string       `json:"nodes,omitempty"`
}

// HookSet is a folder of scripts of the vendor or the site.
type HookSet struct {
	Pos       document.Pos      `json:"-"`
	By        string            `json:"by,omitempty"` // vendor (default), site
	Dir       string            `json:"dir"`
	Name      string            `json:"name"`  // pattern: glob, with ${phase}, ${component}
	Phase     string            `json:"phase"` // a phase, or "any"
	As        string            `json:"as,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	OnFailure string            `json:"on-failure,omitempty"` // back (default), warn
	Within    time.Duration     `json:"within,omitempty"`
	Undo      *Undo             `json:"undo,omitempty"`
	// Repeatable: a script that was interrupted may be run again.
	Repeatable bool `json:"repeatable,omitempty"`
}

// Group is a group of features.
type Group struct {
	Pos    document.Pos       `json:"-"`
	Group  string             `json:"group"`
	Choose string             `json:"choose,omitempty"` // one, many
	Of     map[string]Feature `json:"of,omitempty"`
	Order  []string           `json:"-"` // feature ids in document order
	Folder string             `json:"folder,omitempty"`
}

// Feature is what the operator chooses.
type Feature struct {
	Pos        document.Pos       `json:"-"`
	Title      string             `json:"title,omitempty"`
	Mandatory  bool               `json:"mandatory,omitempty"`
	Default    bool               `json:"default,omitempty"`  // proposed at a first install
	Hidden     bool               `json:"hidden,omitempty"`   // not offered: mandatory, or it chooses itself
	Auto       *When              `json:"auto,omitempty"`     // it is chosen wherever this holds
	Replaces   []string           `json:"replaces,omitempty"` // features of earlier releases that became this one
	Components []string           `json:"components,omitempty"`
	Of         map[string]Feature `json:"of,omitempty"`
	Order      []string           `json:"-"` // feature ids below, in document order
}

// Extension is a feature of the site's own, or of a third party: the document
// feature.yaml in a folder of its own, below the folder of a group.
type Extension struct {
	Pos        document.Pos         `json:"-"`
	ID         string               `json:"feature"`
	Title      string               `json:"title,omitempty"`
	Version    string               `json:"version,omitempty"`
	Components map[string]Component `json:"components"`
	Order      []string             `json:"-"` // component ids in document order
}

// Remedy is a symptom with its probe and ordered fixes.
type Remedy struct {
	Pos      document.Pos `json:"-"`
	Symptom  string       `json:"symptom"`
	When     *When        `json:"when,omitempty"` // it is looked for only where this holds
	Probe    Probe        `json:"probe"`
	Evidence string       `json:"evidence,omitempty"` // what a person should see beside what the probe has read
	Fix      []Step       `json:"fix,omitempty"`
	Else     string       `json:"else,omitempty"`
}

// Feed is a page or a command that tells which version is published, and
// nothing else: what is installed comes as a bundle.
type Feed struct {
	Pos       document.Pos  `json:"-"`
	Command   []string      `json:"command,omitempty"`
	HTTP      string        `json:"http,omitempty"`
	As        string        `json:"as,omitempty"`        // the account of the commands
	Format    string        `json:"format,omitempty"`    // of what is read, as for probes
	Select    string        `json:"select,omitempty"`    // the versions; the highest counts
	Published string        `json:"published,omitempty"` // the moments at which they were published, in the same order
	Refresh   []string      `json:"refresh,omitempty"`   // is run before the command, where somebody asks anew
	Every     time.Duration `json:"every,omitempty"`     // how long what was seen counts as fresh; 0: an hour
	Cache     *FeedCache    `json:"cache,omitempty"`     // nil: nobody but Upkeep looks
}

// FeedCache is the file in which a service of the product's own keeps the version
// that it has seen last.
type FeedCache struct {
	File   string `json:"file"`
	Select string `json:"select,omitempty"` // the version; empty: the whole text
	At     string `json:"at,omitempty"`     // when it was seen; empty: when the file was written
}
