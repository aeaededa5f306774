package plan

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/drift"
	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

// Input is all that Compile knows.
type Input struct {
	Site      *site.Installation
	Installed *manifest.Product // the product document that stops and backs up: the installed release's, or the first hop's when that is not known
	Assumed   bool              // Installed is not the installed release's own
	From      string            // the installed version
	First     bool              // nothing is installed: From is empty, Installed the target's own document
	Changed   *ParamsParams     // parameters that were changed for this run; nil: none
	Changes   []string          // in words, such as "url: a → b"
	Hops      []HopInput        // at least one
	Facts     Facts
	Units     []string // that are upgraded; nil: all
	Notes     []string // of the selection
	Vouch     *Vouch   // who stands for the releases; nil: nobody could
	Trigger   string
	OnFailure string                // origin, stay
	Rehearse  bool                  // migrations are tried on a copy of the data before anything is closed
	Prove     bool                  // the way back compares all data in full, touched or not
	Waivers   map[string]string     // check to "by: why", beyond the site's own
	Reviews   map[string]ReviewFact // by ReviewKey
}

// HopInput is one hop with its release's bundle.
type HopInput struct {
	Release *manifest.Release
	Product *manifest.Product
	Bundle  Bundle
	Why     string
	Route   *manifest.Route // of the release, that is taken; nil: not by any, as in a first install
	Return  *ReturnParams   // set for a run that takes an earlier one back; Release and Product are then what was installed before it
	Ends    []Ending        // of a return: what the earlier run still holds
}

// payload gives what a hop brings for a unit.
func (h HopInput) payload(unit string) (Payload, bool) {
	p, ok := h.Bundle.Payloads[ComponentOf(unit)]
	return p, ok
}

// Bundle is what the compiler must know of a release's bundle.
type Bundle struct {
	Digest   string
	Bytes    int64               // of all its files, as it is kept
	Payloads map[string]Payload  // by component
	Scripts  map[string][]Script // by folder
	Hooks    map[string][]HookEntry
}

// Payload is a component's files in a bundle.
type Payload struct {
	File  string // in the bundle
	Sums  string // in the bundle
	Bytes int64  // unpacked
	Files int
}

// Facts are what was read of the machine before the plan was made.
type Facts struct {
	Node      string
	Today     string // ISO date
	Root      bool
	Account   string                  // whose process compiles
	Gate      string                  // "" when the gate can be used; otherwise why not
	Boot      string                  // "" when an open run is carried on at boot; otherwise why not
	State     string                  // the installation's state folder, absolute
	Backup    string                  // where restore points are kept, absolute
	Keeper    Keeper                  // what keeps them, where it is not Upkeep itself
	Remarks   []string                // what is odd, and must be known
	Places    map[string][]string     // component to the places that its registration names
	Instances map[string]InstanceFact // by unit
	Installed string                  // the installed version; empty: not known
	Values    map[string]string       // named facts: value, or "" when absent
	Unread    map[string]string       // named facts of the source drift that cannot be told, to why
	Defaults  map[string]string       // parameters whose default a probe read
	Services  map[string]bool         // whether the service runs
	Systemd   map[string]SystemdUnit  // what systemd knows of the services that it runs
	Modes     map[string]bool         // access modes found on, by their parameters' Name
	HookDirs  map[string][]HookEntry  // folder to what lies in it
	Edited    map[string][]Edit       // unit to the files that the site edited
	Merges    map[string]MergeFact    // by MergeKey: what comes of edited files that are merged, or kept in place
	Packages  map[string]PackageFact  // by PackageKey
	Checks    map[string]CheckResult
	Said      map[string]Word          // what people said before the run, by key
	Settings  map[string]string        // values of settings that people set, by id
	Proofs    map[string]string        // key of a task to why it cannot count as done; empty: it can
	Occupied  []string                 // for a first install: what is in its way
	Once      []string                 // markers of once-only steps that were done
	Volumes   map[string]Volume        // place to its volume
	Databases map[string]int64         // unit to bytes
	Lacking   map[string]string        // unit to what its account lacks to dump and to restore its database
	Scratch   map[string]ScratchFact   // unit to what a scratch database beside it needs
	Scripts   map[string]ScriptFact    // by ScriptKey
	Unfit     []string                 // why restore points cannot be kept where they belong, or not be read again
	History   map[string]time.Duration // step of past runs to how long it took
	Bundles   BundleFacts

	// Customised holds, by unit, how a database differs from its standard: of those
	// that have one, or that demand a review. Its texts may hold secrets.
	Customised map[string]drift.Comparison
	// Applied holds, by unit, the scripts that its database has had, to their sums:
	// of those that may demand a review.
	Applied map[string]map[string]string
}

// BundleFacts are the copies of bundles that earlier runs have kept.
type BundleFacts struct {
	Dir       string              // where they lie
	Installed []string            // digests of those that the installed version came from
	Runs      map[string][]string // run to the digests of its hops
}

// InstanceFact is what was found of a unit.
type InstanceFact struct {
	Version string
	Real    string // its place with all symbolic links followed
	Missing string // why it cannot be upgraded: its place is gone, …
	Bytes   int64
	Files   int
	Owner   string   // account that owns the tree
	Links   bool     // the tree is reached through a symbolic link
	Absent  bool     // nothing lies at its place
	New     bool     // the run adds it: it is not installed, and nothing lies at its place
	Taken   string   // what lies where the run would add it
	Above   []string // of a new one: the folders above it that are not there, the topmost first
}

// SystemdUnit is what systemd knows of a service.
type SystemdUnit struct {
	Unit   string // its name there; "" when the service is no unit
	Load   string // loaded, not-found, masked, error
	Start  string // how it starts with the machine: enabled, disabled, static, masked, …
	Broken string // why systemd cannot start it
}

// HookEntry is one entry of a hook folder.
type HookEntry struct {
	Name   string
	SHA256 string
	Skip   string // why it is no hook: not a regular file, not executable, …
	Unsafe string // why it must not run: others could have written it, …
}

// Edit is a file that differs from the installed release's.
type Edit struct {
	Path string
	What string // content, added, removed
}

// CheckResult is what a check's probe said.
type CheckResult struct {
	OK       bool
	Got      string
	Want     string
	Evidence string
	Error    string   // the check itself could not be made
	Findings []string // line by line, of a check that wants each looked at
	New      string   // the release, where it fails by a rule that is new there: what the installed one asks for is there
}

// Text says what was found, and what was wanted where that is something else.
func (r CheckResult) Text() string {
	text := r.Evidence
	if r.Got != "" && r.Got != "none" && len(r.Got) < 80 && !strings.Contains(strings.ReplaceAll(text, ",", ""), r.Got) {
		text = fmt.Sprintf("%s (%s)", r.Got, text)
	}
	if !r.OK && r.Want != "" && r.Want != "present" {
		text += ", wanted is " + r.Want
	}
	if r.New != "" {
		text += "; this is new in " + r.New
	}
	return text
}

// CheckKey is under which a check's result stands in Facts.Checks: several
// releases on the way may have checks of one name.
func CheckKey(release, id string) string { return release + " " + id }

// AnnouncedKey is under which stands whether a check's value meets what the
// release announces for the next one.
func AnnouncedKey(release, id string) string { return release + " " + id + " announced" }

// Volume is a file system.
type Volume struct {
	ID   string
	Free int64
}
