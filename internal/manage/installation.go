package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"upkeep/internal/database"
	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/durable"
	"upkeep/internal/gate"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/scope"
	"upkeep/internal/service"
	"upkeep/internal/service/command"
	"upkeep/internal/service/process"
	"upkeep/internal/service/systemd"
	"upkeep/internal/site"
	"upkeep/internal/survey"
)

// Installation is one installed product on this computer, with its document
// and its state.
type Installation struct {
	Doc    *site.Installation
	Path   string // of the document, absolute
	State  string // folder of journal, runs and bundles, absolute
	Backup string // folder of restore points, absolute
	Exe    string // this program, for the engine's own process
	FS     durable.FS

	Account string
	Root    bool
	Node    string

	text      []byte // of the document
	feedAside string // where the feed is kept before there is an installation; empty: in the state
	runner    *scope.Runner
	services  local.Services
	databases local.Databases
	probes    *probe.Evaluator
	states    *probe.Evaluator // probes, for whether an access mode is on
	gate      *gate.Gate
	told      *Seen               // what a page was seen to publish just now, where that is not noted
	atHand    []Release           // that a command has named, whose standards count too
	tooNew    []*NeedsUpkeepError // what lies beside them and needs a newer Upkeep
}

// NoInstallationError says that no installation could be found, and where it
// was looked for.
type NoInstallationError struct {
	Name   string
	Looked []string
	Found  []string // several, and none was named
	Here   bool     // the name is that of a folder or file right here
}

func (e *NoInstallationError) Error() string {
	switch {
	case len(e.Found) > 0:
		msg := "there are several installations on this computer: name one with --installation:"
		if e.Name != "" {
			msg = fmt.Sprintf("several installations are called %q: name the document with --installation FILE:", e.Name)
		}
		return msg + e.named()
	case e.Name != "":
		msg := fmt.Sprintf("there is no installation %q: looked for %s", e.Name, strings.Join(e.Looked, " and "))
		if e.Here {
			msg += fmt.Sprintf("; for the folder in this place say ./%s", e.Name)
		}
		return msg
	}
	return fmt.Sprintf("no installation is known on this computer: looked in %s; name its document with --installation FILE", strings.Join(e.Looked, " and "))
}

// Folders are where installation documents are looked for.
func Folders() []string {
	dirs := []string{"/etc/upkeep"}
	if conf, err := os.UserConfigDir(); err == nil {
		dirs = append(dirs, filepath.Join(conf, "upkeep"))
	}
	return dirs
}

// Locate finds the document of an installation by its name or path. A name is
// that of its file, NAME.yaml, of its folder, NAME/installation.yaml, or the
// installation's id. Without a name it finds the only one there is. A path has a separator in it, ends in
// .yaml, or is one of the folders . and ..; it may lead to a folder with an
// installation.yaml.
func Locate(name string, folders []string) (string, error) {
	if isPath(name) {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			abs = filepath.Join(abs, "installation.yaml")
		}
		return abs, nil
	}
	e := &NoInstallationError{Name: name}
	var found []string
	for _, dir := range folders {
		if name != "" {
			at := filepath.Join(dir, name+".yaml")
			e.Looked = append(e.Looked, at)
			for _, at := range []string{at, filepath.Join(dir, name, "installation.yaml")} {
				if _, err := os.Stat(at); err == nil {
					return at, nil
				}
			}
			continue
		}
		e.Looked = append(e.Looked, dir)
	}
	if name != "" {
		found = byID(name, folders)
	} else {
		found = documentsIn(folders)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	e.Found = found
	if name != "" {
		_, err := os.Lstat(name)
		e.Here = err == nil
	}
	return "", e
}

// isPath tells a path of a document from the name of an installation.
func isPath(name string) bool {
	return strings.ContainsRune(name, filepath.Separator) || strings.HasSuffix(name, ".yaml") || name == "." || name == ".."
}

// Open reads the document and wires the installation to this computer. It
// writes nothing.
func Open(path, exe string) (*Installation, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoInstallationError{Name: path, Looked: []string{path}}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the installation document: %w", err)
	}
	return openText(path, text, exe)
}

// openText is Open for a document that may not be written yet.
func openText(path string, text []byte, exe string) (*Installation, error) {
	nodes, err := yaml.Parse(path, text)
	if err != nil {
		return nil, err
	}
	doc, err := site.Decode(document.Source{Name: path, Text: text}, nodes)
	if err != nil {
		return nil, err
	}
	in := &Installation{Doc: doc, Path: path, text: text, Exe: exe, FS: realFiles(), Node: local.Node()}
	in.Account, in.Root = local.Account()
	if in.State = in.place(doc.State); in.State == "" {
		if in.State, err = in.defaultState(sharedState); err != nil {
			return nil, err
		}
	}
	if in.Backup = in.place(doc.Backup.Dir); in.Backup == "" {
		in.Backup = filepath.Join(in.State, "restore-points")
	}
	if err := in.ours(); err != nil {
		return nil, err
	}
	return in, in.wire()
}

// ownerPath names the document whose runs the state folder holds.
func (in *Installation) ownerPath() string { return filepath.Join(in.State, "document") }

// ours refuses a state folder of another installation: two that were given
// one id, as a copied document is, would take each other's runs for their own.
// A document that was moved is still the same one.
func (in *Installation) ours() error {
	raw, err := os.ReadFile(in.ownerPath())
	if err != nil {
		return nil // no run yet, or not to be read: whatever needs the state says so
	}
	other := strings.TrimSpace(string(raw))
	theirs, err := os.Stat(other)
	if err != nil {
		return nil
	}
	if mine, err := os.Stat(in.Path); err == nil && os.SameFile(mine, theirs) {
		return nil
	}
	return fmt.Errorf("the state folder %s belongs to the installation document %s: give %s an id, or a state: folder, of its own", in.State, other, in.Path)
}

// place resolves a folder of the document, which may be relative to it; empty
// when the document names none.
func (in *Installation) place(given string) string {
	switch {
	case given == "":
		return ""
	case filepath.IsAbs(given):
		return filepath.Clean(given)
	}
	return filepath.Join(filepath.Dir(in.Path), given)
}

// sharedState is where root keeps the state of installations.
const sharedState = "/var/lib/upkeep"

// defaultState is the state folder where the document names none. What root
// manages is not managed a second time by somebody else: two states would be
// two locks, and two runs at a time.
func (in *Installation) defaultState(shared string) (string, error) {
	at := filepath.Join(shared, in.Doc.ID)
	if in.Root {
		return at, nil
	}
	if _, err := os.Lstat(at); err == nil || errors.Is(err, fs.ErrPermission) {
		return at, nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // relative ones are to be ignored: XDG Base Directory Specification
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", fmt.Errorf("cannot tell where the state of %s belongs, since HOME is not set: set it, or say state: DIR in %s", in.Doc.ID, in.Path)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "upkeep", in.Doc.ID), nil
}

// wire connects the installation to what touches the world.
func (in *Installation) wire() error {
	var err error
	if in.runner, err = scope.New(scope.Options{}); err != nil {
		return err
	}
	secrets := local.Secrets{FS: in.FS}
	in.databases = local.Databases{FS: in.FS, Secrets: secrets}
	in.gate = gate.New()
	var mark uint32
	if in.Root {
		mark = gate.DefaultMark
	}
	serviceDir := filepath.Join(in.State, "services")
	proc, err := process.New(process.Options{FS: in.FS, Dir: serviceDir, Installation: in.Doc.ID})
	if err != nil {
		return err
	}
	deps := probe.Deps{Files: in.FS, Database: in.openToAsk, Transport: gate.Transport(mark), Dial: gate.Dialer(mark).DialContext,
		Commands: in.runner, Secrets: secrets.Resolve}
	bare := probe.New(deps) // a service's own state probe asks for no service
	units, err := systemd.New(systemd.Options{FS: in.FS, Dir: serviceDir, Installation: in.Doc.ID})
	if err != nil {
		return err
	}
	in.services = local.Services{Process: proc, Systemd: units, Command: func(s plan.Service) service.Manager {
		m, err := command.New(command.Options{FS: in.FS, Dir: serviceDir, Installation: in.Doc.ID, Running: running(bare, s)})
		if err != nil {
			return broken{err}
		}
		return m
	}}
	deps.Services, deps.Timers, deps.LastRun = in.services, in.services, in.lastRun
	deps.Failure = in.lastFailure
	in.states = probe.New(deps) // a mode's own state probe asks for no modes
	deps.LeftOver, deps.Drift = in.leftOver, in.customisation
	deps.Feed = in.feedReading
	in.probes = probe.New(deps)
	in.databases.Tools = local.Tools{Commands: in.runner, Probes: in.probes, Give: in.give}
	return nil
}

// openToAsk opens a database for a query, which no vendor's tool answers.
func (in *Installation) openToAsk(ctx context.Context, db plan.Database, opID string) (database.Database, error) {
	db.Tool = nil
	return in.databases.Open(ctx, db, opID)
}

// give hands a path to an account.
func (in *Installation) give(path, account string) error {
	o, err := ownership(account)
	if err != nil || !in.Root {
		return err // without root, commands run as this account
	}
	return in.FS.Unsynced().Chown(path, o.UID, o.GID)
}

// running tells by its state probe whether a service with commands runs.
func running(e *probe.Evaluator, s plan.Service) func(context.Context, service.Spec) (bool, string, error) {
	if s.State == nil {
		return nil
	}
	return func(ctx context.Context, _ service.Spec) (bool, string, error) {
		v, err := e.Check(ctx, *s.State)
		return v.OK, v.Evidence, err
	}
}

// broken is the manager of a service that cannot be managed.
type broken struct{ err error }

func (b broken) State(context.Context, service.Spec) (service.State, error) {
	return service.State{}, b.err
}
func (b broken) Start(context.Context, service.Spec) error           { return b.err }
func (b broken) Stop(context.Context, service.Spec) error            { return b.err }
func (b broken) Inhibit(context.Context, service.Spec, string) error { return b.err }
func (b broken) Allow(context.Context, service.Spec) error           { return b.err }
func (b broken) Inhibited(context.Context, service.Spec) (string, bool, error) {
	return "", false, b.err
}

// surveyor reads facts for a plan.
func (in *Installation) surveyor() *survey.Surveyor {
	return &survey.Surveyor{FS: in.FS, Probes: in.probes, Services: in.services, Databases: in.databases, Gate: sync.OnceValue(in.gate.Supported), Boot: in.BootUnits,
		Node: in.Node, Account: in.Account, Root: in.Root, State: in.State, Backup: in.Backup, Unfit: in.unfit, Keeper: in.Keeper, Installed: installedVersion}
}
