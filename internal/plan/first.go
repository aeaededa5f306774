package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// The modes of a procedure, as conditions name them.
const (
	ModeInstall = "install"
	ModeUpgrade = "upgrade"
)

// mode is what the run does: a first install, or an upgrade.
func (b *builder) mode() string {
	if b.in.First {
		return ModeInstall
	}
	return ModeUpgrade
}

// First says that the plan installs what was not there before.
func (p *Plan) First() bool { return p.From == "" }

// create has the folders and the empty databases made that the product lies
// in, and refuses where something is.
func (b *builder) create() {
	b.reasons = append(b.reasons, b.in.Facts.Occupied...)
	b.use(b.first().Product)
	b.note("nothing is installed yet: what is made is taken away again if it fails")
	p := &CreateParams{Places: b.newPlaces()}
	b.copied = true // what was not there needs no copy
	if len(p.Places) == 0 {
		return
	}
	b.add(Step{ID: "create", Verb: "create", Phase: "stage", Class: Reversible, Title: "make the folders that the product lies in"}, p)
}

// newPlaces lists what has to be made, and what must not be there: the folders
// above first.
func (b *builder) newPlaces() []NewPlace {
	h, owner := b.first(), b.account("")
	places := map[string]NewPlace{}
	var trees []string
	for _, id := range b.res.Product.Order {
		c := b.res.Product.Components[id]
		at, ok := b.place(id, c)
		if !ok || at == "" {
			continue
		}
		_, payload := h.payload(id)
		switch {
		case c.Kind == "sqlite":
			places[at] = NewPlace{Path: at, Kind: PlaceFile, Owner: owner}
		case c.Kind == "tree" && payload:
			places[at] = NewPlace{Path: at, Kind: PlaceTree}
			trees = append(trees, at)
		case c.Kind == "tree":
			places[at] = NewPlace{Path: at, Kind: PlaceFolder, Owner: owner}
		}
	}
	scripts := b.hookFolders()
	for _, dir := range b.res.Product.Dirs {
		at, err := b.res.Scope.Expand(dir)
		if !b.check(err) {
			continue
		}
		at = path.Clean(at)
		inside := slices.ContainsFunc(trees, func(t string) bool { return at == t || strings.HasPrefix(at, t+"/") })
		if _, taken := places[at]; taken || inside || !path.IsAbs(at) {
			continue
		}
		p := NewPlace{Path: at, Kind: PlaceFolder, Owner: owner}
		if slices.Contains(scripts, at) {
			p.Owner = "" // whoever can write there could have root run it
		}
		places[at] = p
	}
	var out []NewPlace
	for _, p := range places {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b NewPlace) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (b *builder) hookFolders() []string {
	var out []string
	for _, h := range b.res.Product.Hooks {
		if at, err := b.res.Scope.Expand(h.Dir); err == nil {
			out = append(out, path.Clean(at))
		}
	}
	return out
}

// unpacking is the title of the step that unpacks a component.
func (b *builder) unpacking(id string, h HopInput) string {
	version := wantVersion(h, id, "tree")
	switch {
	case b.in.First:
		return fmt.Sprintf("unpack %s %s", id, h.Release.Version)
	case b.comesNew(id):
		return fmt.Sprintf("unpack %s %s, which comes new", id, version)
	}
	return fmt.Sprintf("unpack %s %s beside the one in use", id, h.Release.Version)
}

// firstBack says what taking a step of a first install back means.
func firstBack(s Step, otherwise string) string {
	switch {
	case s.Undo == "restore":
		return "goes with all that was made: " + s.Title
	case s.Verb == "install":
		return "take it out of its place again"
	case s.Verb == "access":
		return "open the gate again: nothing is behind it"
	}
	return otherwise
}

// openFirst adds what comes before the files of a first install: there are no
// users to tell, no work to drain, nothing to stop.
func (b *builder) openFirst() {
	b.opening(manifest.StartOfRun)
	b.gate()
	b.emptyDatabases()
	b.skipped()
}

// emptyDatabases makes a restore point of the databases on a server, which are
// empty: it makes them empty again.
func (b *builder) emptyDatabases() {
	p := &BackupParams{Key: "origin", Version: "none", Dir: b.in.Facts.Backup, Repository: RepositoryOf(b.in.Site)}
	for _, id := range b.res.Product.Order {
		c := b.res.Product.Components[id]
		if c.Kind == "command" {
			b.check(&NotYetError{What: fmt.Sprintf("a first install of component %s, which only the vendor's tool knows", id), Where: c.Pos})
		}
		if !c.Database() || c.Kind == "sqlite" {
			continue
		}
		db, err := b.res.Database(id)
		if b.check(err) {
			p.Databases = append(p.Databases, *db)
		}
	}
	if len(p.Databases) > 0 {
		b.refuseUnfit()
		b.add(Step{ID: "backup", Verb: "backup", Phase: string(manifest.BackupPhase), Class: Reversible,
			Title: fmt.Sprintf("make a restore point of the empty database (%s)", strings.Join(p.parts(), ", "))}, p)
	}
}

// skipped says which steps of the vendor a first install leaves out.
func (b *builder) skipped() {
	for _, ph := range []manifest.Phase{manifest.Notify, manifest.ReadOnly, manifest.Drain, manifest.Record, manifest.BeforeBackup, manifest.AfterBackup, manifest.Maintenance, manifest.Stop} {
		for _, s := range b.first().Release.Procedure.Phases[ph].Steps {
			if s.Once != "" {
				b.already(s)
			}
		}
	}
}

// already takes down a once-only step as done, when it is for upgrades only:
// a new installation is as the step would leave it, and what the administrator
// chooses later must not be undone by it.
func (b *builder) already(s manifest.Step) {
	if !b.in.First || s.Once == "" || slices.Contains(b.plan.Already, s.Once) {
		return
	}
	b.plan.Already = append(b.plan.Already, s.Once)
	b.note("%s counts as done: a new installation does not need it", s.Once)
}

// onlyUpgrade says that a condition leaves a step out of a first install, and
// would not leave it out of an upgrade.
func (b *builder) onlyUpgrade(w *manifest.When, h HopInput) bool {
	if !b.in.First {
		return false
	}
	other := *b
	other.in.First = false
	ok, err := other.when(w, h)
	return err == nil && ok
}
