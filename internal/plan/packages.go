package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// PackageParams: fetch puts package files into Staging while the product runs,
// packages installs them.
type PackageParams struct {
	Component string          `json:"component"`
	Manager   string          `json:"manager"` // apt, dnf, msi
	Staging   string          `json:"staging"` // folder of the package files
	Bundle    string          `json:"bundle,omitempty"`
	Payload   string          `json:"payload,omitempty"` // file of the bundle; empty: all come from the machine's sources
	Sums      string          `json:"sums,omitempty"`
	Changes   []PackageChange `json:"changes"`
	Policy    string          `json:"policy"`           // take-new, keep: edited configuration files that the new version brings changed
	Edited    []PackageEdit   `json:"edited,omitempty"` // those where both the site and the new version have changed
	Also      []string        `json:"also,omitempty"`   // places beyond the packages' own that their scripts write to
	Wait      time.Duration   `json:"wait"`             // for the package manager's lock
}

// PackageChange is what becomes of one package.
type PackageChange struct {
	Name   string `json:"name"`
	Arch   string `json:"arch,omitempty"`
	From   string `json:"from,omitempty"` // empty: it comes new
	To     string `json:"to"`
	Source string `json:"source"`           // bundle, machine
	Needed bool   `json:"needed,omitempty"` // it comes only because others need it
}

// GuardParams: while packages are installed nothing is started by them.
type GuardParams struct {
	Manager string        `json:"manager,omitempty"` // its lock must be free before the restore point is made
	Wait    time.Duration `json:"wait,omitempty"`    // for that
	Units   []string      `json:"units,omitempty"`   // of the packages, masked
	Release string        `json:"release,omitempty"` // the id of the guard step that this one ends
}

// PackageFact is what was found of the packages of a component for one hop.
type PackageFact struct {
	Manager string
	Changes []PackageChange
	Removed []string // packages that the manager would remove
	Held    []string // packages that the administrator wants to stay as they are
	Broken  []string // packages of the machine that are not installed whole
	Edited  []PackageEdit
	Units   []string
	Problem string // why it cannot be installed
}

// PackageEdit is a configuration file of a package that the site has edited.
type PackageEdit struct {
	Package string `json:"package"`
	Path    string `json:"path"`
	Removed bool   `json:"removed,omitempty"` // it is not there any more
	Shipped bool   `json:"shipped,omitempty"` // the new version brings it changed as well
}

// Beside is where the package manager leaves the one of two files that was not
// taken.
func (e PackageEdit) Beside(policy string) string {
	if policy == "take-new" {
		return e.Path + ".dpkg-old"
	}
	return e.Path + ".dpkg-dist"
}

// PackageKey is under which the packages of a component stand in
// Facts.Packages.
func PackageKey(release, component string) string { return release + " " + component }

// PackageWait is how long the package manager's lock is waited for where the
// installation document does not say (limits: {package-lock: 5m}).
const PackageWait = 10 * time.Minute

// InstallsPackages says that the hop installs packages of the component: the
// bundle brings them, or the release says which version of the machine's own
// sources.
func InstallsPackages(id string, c manifest.Component, h HopInput) bool {
	if c.Kind != "package" || h.Return != nil {
		return false
	}
	_, brought := h.payload(id)
	return brought || h.Release.Versions[id] != "" || slices.Contains(listedArgs(h.Release.Procedure.Phases[manifest.Install].Steps, "install"), id)
}

// PackageVersion is the version that the release wants of a component's
// packages in the machine's own sources.
func PackageVersion(r *manifest.Release, id string) string {
	if v := r.Versions[id]; v != "" {
		return v
	}
	return r.Version
}

func packageStaging(state, id string, hop int) string {
	return fmt.Sprintf("%s/packages/%s-h%d-%s", state, lateRun, hop, id)
}

// packageParams checks what was found, and says it.
func (b *builder) packageParams(id string, h HopInput, hop int) (*PackageParams, bool) {
	c := h.Product.Components[id]
	f, known := b.in.Facts.Packages[PackageKey(h.Release.Version, id)]
	switch {
	case !b.in.Facts.Root:
		b.refuse("component %s is a package, and only root can install packages: run Upkeep as root", id)
	case !known:
		b.refuse("component %s is a package, and this computer has no package manager that Upkeep knows", id)
	case f.Problem != "":
		b.refuse("the packages of %s %s cannot be installed: %s", id, h.Release.Version, f.Problem)
	case len(f.Broken) > 0:
		b.refuse("packages of this computer are not installed whole (%s): mend them first, with dpkg --configure -a or apt-get --fix-broken install", strings.Join(f.Broken, "; "))
	case len(f.Held) > 0:
		b.refuse("%s held at the installed version: apt-mark unhold %s, then try again", are(f.Held), strings.Join(f.Held, " "))
	case len(f.Removed) > 0:
		b.refuse("to install %s %s the package manager would remove %s: remove what stands in the way yourself first, or ask the vendor", id, h.Release.Version, strings.Join(f.Removed, ", "))
	default:
		p := &PackageParams{Component: id, Manager: f.Manager, Staging: packageStaging(b.in.Facts.State, id, hop), Changes: f.Changes, Policy: packagePolicy(c), Wait: b.packageWait()}
		if pay, ok := h.payload(id); ok {
			p.Bundle, p.Payload, p.Sums = h.Bundle.Digest, pay.File, pay.Sums
		}
		also, err := b.res.Scope.ExpandAll(c.Footprint)
		if !b.check(err) {
			return nil, false
		}
		for _, a := range also {
			if !strings.HasPrefix(a, "/") || a == "/" {
				b.refuse("component %s has the footprint %q: give absolute paths", id, a)
			}
		}
		p.Also = also
		return p, true
	}
	return nil, false
}

// packageWait is how long the package manager's lock is waited for.
func (b *builder) packageWait() time.Duration {
	if d, ok := b.in.Site.Limits["package-lock"]; ok {
		return d
	}
	return PackageWait
}

func are(names []string) string {
	if len(names) == 1 {
		return "the package " + names[0] + " is"
	}
	return "the packages " + strings.Join(names, ", ") + " are"
}

func packagePolicy(c manifest.Component) string {
	if c.Config != nil && c.Config.Edited == "take-new" {
		return "take-new"
	}
	return "keep"
}

// fetches adds the fetching of packages, while the product is up.
func (b *builder) fetch(id string, h HopInput, hop int) {
	p, ok := b.packageParams(id, h, hop)
	if !ok {
		return
	}
	b.packageNotes(id, h, p)
	from := "from the bundle"
	if p.Payload == "" {
		from = "from this computer's package sources"
	} else if slices.ContainsFunc(p.Changes, func(c PackageChange) bool { return c.Source != "bundle" }) {
		from += " and from this computer's package sources"
	}
	b.add(Step{ID: "fetch." + id, Verb: "fetch", Phase: "stage", As: "root", Class: Reversible,
		Title: fmt.Sprintf("fetch %s of %s %s %s", counted(len(p.Changes)), id, h.Release.Version, from)}, p)
}

// packageNotes says what changes, and what becomes of edited files.
func (b *builder) packageNotes(id string, h HopInput, p *PackageParams) {
	var all []string
	for _, c := range p.Changes {
		switch {
		case c.From == "":
			all = append(all, fmt.Sprintf("%s %s comes new", c.Name, c.To))
		default:
			all = append(all, fmt.Sprintf("%s from %s to %s", c.Name, c.From, c.To))
		}
	}
	if len(all) > 0 {
		b.note("packages of %s: %s", id, strings.Join(all, ", "))
	}
	for _, e := range b.in.Facts.Packages[PackageKey(h.Release.Version, id)].Edited {
		switch {
		case e.Removed:
			b.noteOnce("%s of the package %s was removed at this site, and stays away", e.Path, e.Package)
		case !e.Shipped:
			b.noteOnce("%s of the package %s was edited at this site, and stays as it is", e.Path, e.Package)
		case p.Policy == "take-new":
			b.noteOnce("%s of the package %s was edited at this site, and the new version brings another: that one is taken, and the site's lies beside it as %s.dpkg-old", e.Path, e.Package, e.Path)
		default:
			b.noteOnce("%s of the package %s was edited at this site, and the new version brings another: the site's stays, and the new one lies beside it as %s.dpkg-dist", e.Path, e.Package, e.Path)
		}
	}
}

// guard keeps packages from starting anything, from after the stop on.
func (b *builder) guard(h HopInput) {
	var units []string
	any := false
	for _, id := range h.Product.Order {
		c := h.Product.Components[id]
		if h.Return != nil && c.Kind == "package" || InstallsPackages(id, c, h) {
			any = true
			units = append(units, b.in.Facts.Packages[PackageKey(h.Release.Version, id)].Units...)
		}
	}
	if !any {
		return
	}
	slices.Sort(units)
	kept := b.inhibited()
	units = slices.DeleteFunc(slices.Compact(units), func(u string) bool { return slices.Contains(kept, u) })
	p := &GuardParams{Units: units, Wait: b.packageWait()}
	for _, f := range b.in.Facts.Packages {
		p.Manager = f.Manager
	}
	d := b.add(Step{ID: "guard", Verb: "guard", Phase: string(manifest.Stop), As: "root", Class: Reversible,
		Title: "keep packages from starting services (policy-rc.d, masked units)"}, p)
	d.Deadline += p.Wait
	b.guarded = d.ID
}

// inhibited are the units that steps so far have stopped and keep from
// starting: nothing else has to.
func (b *builder) inhibited() []string {
	kept := map[string]bool{}
	for _, d := range b.drafts {
		p, ok := d.params.(*ServiceParams)
		if !ok || len(p.Service.Run)+len(p.Service.Start)+len(p.Service.Stop)+len(p.Service.Names) > 0 {
			continue // which one of several names it has is known only on the computer
		}
		unit := p.Service.ID
		if path.Ext(unit) == "" {
			unit += ".service"
		}
		kept[unit] = d.Verb == "stop" && p.Inhibit
	}
	maps.DeleteFunc(kept, func(_ string, stopped bool) bool { return !stopped })
	return slices.Collect(maps.Keys(kept))
}

// unguard ends that, before the product is started.
func (b *builder) unguard() {
	if b.guarded == "" {
		return
	}
	b.add(Step{ID: "unguard", Verb: "guard", Phase: string(manifest.AfterInstall), As: "root", Class: Reversible,
		Title: "let services be started again, as before"}, &GuardParams{Release: b.guarded})
	b.guarded = ""
}

// installPackages adds the step that installs.
func (b *builder) installPackages(id string, h HopInput) {
	p, ok := b.packageParams(id, h, b.n)
	if !ok {
		return
	}
	if !b.kept(id) {
		b.refuse("the packages of %s cannot be put back without a restore point: do not waive it, and let the release back up %s", id, id)
		return
	}
	for _, e := range b.in.Facts.Packages[PackageKey(h.Release.Version, id)].Edited {
		if e.Shipped && !e.Removed {
			p.Edited = append(p.Edited, e)
		}
	}
	b.add(Step{ID: "install." + id, Verb: "packages", Phase: string(manifest.Install), As: "root", Class: Reversible, Writes: true, Undo: "restore", Redo: true,
		Title: fmt.Sprintf("install %s of %s %s", counted(len(p.Changes)), id, h.Release.Version)}, p)
}

// packageSource is what of the machine's files goes into a restore point for a
// component: what its packages, and those of all hops, can touch.
func (b *builder) packageSource(id string) (FileSource, bool) {
	// whoever waits for a lock has its file open: another in its place would lock nothing
	s := FileSource{Component: id, Path: "/", Exclude: []string{"/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock", "/etc/.pwd.lock",
		"/etc/systemd/system/*.d/90-upkeep-*"}} // and what keeps a service stopped is taken away by what put it there
	for _, own := range []string{b.in.Facts.State, b.in.Facts.Backup} {
		if own != "" {
			s.Exclude = append(s.Exclude, own)
		}
	}
	for i, h := range b.in.Hops {
		switch c := h.Product.Components[id]; {
		case h.Return != nil && c.Kind == "package":
			s.Like = h.Return.Point
		case InstallsPackages(id, c, h):
			s.Lists = append(s.Lists, packageStaging(b.in.Facts.State, id, i+1)+"/footprint.json")
		}
	}
	return s, len(s.Lists) > 0 || s.Like != ""
}

// kept says that a restore point of the run, made before, holds what the
// packages of the component can touch.
func (b *builder) kept(id string) bool {
	if b.plan.Waivers["backup"] != "" {
		return false
	}
	for _, d := range b.drafts {
		if p, ok := d.params.(*BackupParams); ok && d.Verb == "backup" && slices.ContainsFunc(p.Files, func(f FileSource) bool { return f.Component == id }) {
			return true
		}
	}
	return false
}

func counted(packages int) string {
	if packages == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", packages)
}
