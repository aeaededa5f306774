// Package survey reads what a plan must know of the machine: the installed
// versions, which services run, what the site edited, which hooks lie in the
// folders, how much room there is. It only reads. It may import the model and
// what touches the world; what differs by platform is handed in.
package survey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/site"
)

// Databases opens a product's database for reading.
type Databases interface {
	Open(ctx context.Context, db plan.Database, opID string) (database.Database, error)
}

// Services tells whether a service runs.
type Services interface {
	Running(ctx context.Context, s plan.Service) (bool, string, error)
	// SystemdUnit tells what systemd knows of the service; nothing for one that is no unit.
	SystemdUnit(ctx context.Context, s plan.Service) (plan.SystemdUnit, error)
}

// Surveyor reads facts. What it is given must only read too.
type Surveyor struct {
	FS        durable.FS
	Probes    *probe.Evaluator
	Services  Services
	Databases Databases
	Gate      func() error  // why the gate cannot be used; nil when it can
	Boot      func() string // why an open run would not be carried on at boot; nothing when it would
	Node      string
	Account   string
	Root      bool
	State     string // the installation's state folder
	Backup    string // where restore points are kept
	// Unfit says why restore points cannot be kept there, or not be read again; nil:
	// nothing is asked.
	Unfit func(context.Context) ([]string, error)
	// Keeper says what keeps restore points; nil: Upkeep itself.
	Keeper func(context.Context) plan.Keeper
	Said   map[string]plan.Word // what people said, by key
	Units  []string             // that the plan is about; nil: all
	// Optional says which components may not be installed: where nothing is at
	// the place of such a tree, it is absent. Nil: all others must be there.
	Optional func(component string) bool
	// Drift compares a database with its standard; nothing where there is no need
	// to. Nil: never.
	Drift func(ctx context.Context, unit string, c manifest.Component, db database.Database) *drift.Comparison
	// Installed tells the installed version, of the versions of all instances.
	Installed func(p *manifest.Product, f plan.Facts) (string, error)
	// Applied gives the scripts that a database has had, to their sums; nothing
	// where there is no need to know. Nil: never.
	Applied func(ctx context.Context, unit string, c manifest.Component, db database.Database) (map[string]string, error)
}

// opID names what the survey itself asks of databases and children.
const opID = "survey"

// Basics reads what everything else rests on: parameter defaults that probes
// read, named facts, and the installed version of every instance.
func (s *Surveyor) Basics(ctx context.Context, p *manifest.Product, in *site.Installation) (plan.Facts, error) {
	f := s.blank()
	if err := s.defaults(ctx, p, in, &f); err != nil {
		return f, err
	}
	if err := s.places(ctx, p, in, &f); err != nil {
		return f, err
	}
	r, err := s.Resolver(p, in, f)
	if err != nil {
		return f, err
	}
	var mu sync.Mutex
	var errs []error
	fail := func(err error) { mu.Lock(); errs = append(errs, err); mu.Unlock() }
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for id, pr := range p.Facts {
		if pr.Source == "drift" {
			continue // it needs the installed version
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			v, err := s.read(ctx, r, pr)
			if err != nil {
				fail(fmt.Errorf("cannot read the fact %s: %w", id, err))
				return
			}
			mu.Lock()
			f.Values[id] = v
			mu.Unlock()
		})
	}
	for _, id := range r.Product.Order {
		wg.Go(func() {
			fact, err := s.instance(ctx, r.Unit(id), id)
			if err != nil {
				fail(err)
				return
			}
			mu.Lock()
			f.Instances[id] = fact
			mu.Unlock()
		})
	}
	for _, sv := range r.Product.Services {
		wg.Go(func() {
			spec, err := r.Service(sv)
			if err != nil {
				fail(err)
				return
			}
			running, _, err := s.Services.Running(ctx, *spec)
			if err != nil {
				fail(fmt.Errorf("cannot tell whether service %s runs: %w", sv.ID, err))
				return
			}
			unit, err := s.Services.SystemdUnit(ctx, *spec)
			if err != nil {
				fail(fmt.Errorf("cannot tell how service %s starts: %w", sv.ID, err))
				return
			}
			mu.Lock()
			f.Services[sv.ID] = running
			if unit.Unit != "" {
				f.Systemd[sv.ID] = unit
			}
			mu.Unlock()
		})
	}
	wg.Wait()
	if err := s.driftFacts(ctx, p, in, &f); err != nil {
		errs = append(errs, err)
	}
	f.Remarks = append(f.Remarks, registrations(r, in, f)...)
	return f, errors.Join(errs...)
}

// blank are the facts before anything of the product was read.
func (s *Surveyor) blank() plan.Facts {
	f := plan.Facts{Node: s.Node, Today: time.Now().Format(time.DateOnly), Root: s.Root, Account: s.Account, State: s.State, Backup: s.Backup,
		Instances: map[string]plan.InstanceFact{}, Values: map[string]string{}, Unread: map[string]string{}, Applied: map[string]map[string]string{}, Defaults: map[string]string{}, Services: map[string]bool{}, Systemd: map[string]plan.SystemdUnit{},
		Modes: map[string]bool{}, HookDirs: map[string][]plan.HookEntry{}, Edited: map[string][]plan.Edit{}, Checks: map[string]plan.CheckResult{},
		Volumes: map[string]plan.Volume{}, Databases: map[string]int64{}, Customised: map[string]drift.Comparison{}, Lacking: map[string]string{}, Scratch: map[string]plan.ScratchFact{}, Said: s.Said, Proofs: map[string]string{}, Settings: map[string]string{}, Places: map[string][]string{}}
	if s.Boot != nil {
		f.Boot = s.Boot()
	}
	if !s.Root {
		f.Gate = "only root can close it"
	} else if err := s.Gate(); err != nil {
		f.Gate = err.Error()
	}
	return f
}

// Resolver gives the resolver of a product document with the facts so far.
func (s *Surveyor) Resolver(p *manifest.Product, in *site.Installation, f plan.Facts) (*plan.Resolver, error) {
	r, err := plan.NewResolver(p, in, f)
	if err != nil {
		return nil, err
	}
	r.Account, r.Root = s.Account, s.Root
	return r, nil
}

// defaults reads the parameters that the installation leaves to a probe.
func (s *Surveyor) defaults(ctx context.Context, p *manifest.Product, in *site.Installation, f *plan.Facts) error {
	for id, param := range p.Params {
		if _, given := in.Params[id]; given || param.Default == nil || param.Default.Probe == nil {
			continue
		}
		r, err := s.Resolver(p, in, *f)
		if err != nil {
			return err
		}
		v, err := s.read(ctx, r, *param.Default.Probe)
		if err != nil {
			return fmt.Errorf("cannot read the default of the parameter %s: %w", id, err)
		}
		if v != "" {
			f.Defaults[id] = v
		}
	}
	return nil
}

func (s *Surveyor) read(ctx context.Context, r *plan.Resolver, pr manifest.Probe) (string, error) {
	resolved, err := r.Probe(pr)
	if err != nil {
		return "", err
	}
	if len(resolved.Expect) > 0 {
		v, err := s.Probes.Check(ctx, *resolved)
		if err != nil {
			return "", err
		}
		return strconv.FormatBool(v.OK), nil
	}
	v, err := s.Probes.Read(ctx, *resolved)
	return v.Text, err
}

// instance reads the version of a unit, and what its tree is.
func (s *Surveyor) instance(ctx context.Context, r *plan.Resolver, id string) (plan.InstanceFact, error) {
	var fact plan.InstanceFact
	c := r.Product.Components[id]
	at := ""
	if c.Kind == "tree" {
		var err error
		if at, err = r.Scope.Expand(c.At.Path); err != nil {
			return fact, fmt.Errorf("component %s: %w", id, err)
		}
		_, err = s.FS.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) && s.Optional != nil && s.Optional(plan.ComponentOf(id)) {
			fact.Absent = true
			return fact, nil
		}
		if errors.Is(err, fs.ErrNotExist) && (plan.ComponentOf(id) != id || r.Raw.Components[id].At.Probe != nil) {
			fact.Missing = fmt.Sprintf("its folder %s is not there", at)
			return fact, nil
		}
	}
	if c.Version != nil {
		pr, err := r.Probe(*c.Version)
		if err != nil {
			return fact, fmt.Errorf("component %s: %w", id, err)
		}
		v, err := s.Probes.Read(ctx, *pr)
		if err != nil {
			return fact, fmt.Errorf("cannot read the installed version of %s: %w", id, err)
		}
		fact.Version = v.Text
	}
	if c.Kind != "tree" {
		return fact, nil
	}
	link, err := s.FS.Lstat(at)
	if err != nil {
		return fact, fmt.Errorf("cannot find %s where the installation document says it is: %w", id, err)
	}
	fact.Links = link.IsLink()
	info, err := s.FS.Stat(at)
	if err != nil {
		return fact, fmt.Errorf("cannot look at %s: %w", id, err)
	}
	fact.Owner = accountOf(info.UID)
	if real, err := filepath.EvalSymlinks(at); err == nil {
		fact.Real = real
	}
	return fact, nil
}

func accountOf(uid uint32) string {
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return strconv.Itoa(int(uid))
	}
	return u.Username
}

// Hop is what of one hop's bundle the survey needs.
type Hop struct {
	Product *manifest.Product
	Release *manifest.Release
}

// Details reads what the plan of these hops needs beyond the basics: modes,
// hooks, edited files, sizes, room, and the checks of every hop's release.
// Sums gives what the installed release shipped for a unit; nil when
// that is not known.
func (s *Surveyor) Details(ctx context.Context, f *plan.Facts, installed *manifest.Product, in *site.Installation, hops []Hop, sums func(unit string) *files.Tree) error {
	r, err := s.Resolver(installed, in, *f)
	if err != nil {
		return err
	}
	if err := s.trees(ctx, r, f, sums); err != nil {
		return err
	}
	if err := s.modes(ctx, r, f); err != nil {
		return err
	}
	if err := s.databases(ctx, r, f); err != nil {
		return err
	}
	var way []*manifest.Release
	for _, h := range hops {
		way = append(way, h.Release)
	}
	for i, h := range hops {
		hr, err := s.Resolver(h.Product, in, *f)
		if err != nil {
			return err
		}
		if err := s.hooks(hr, in, f); err != nil {
			return err
		}
		if err := s.releaseFacts(ctx, hr, h.Release, f); err != nil {
			return err
		}
		if err := s.driftFacts(ctx, h.Product, in, f); err != nil {
			return err
		}
		s.checks(ctx, hr, h.Release, f, plan.Early(hr, way, i))
		s.proofs(ctx, hr, h.Release, f)
		s.settings(ctx, hr, f)
	}
	return s.pointPlace(ctx, in, f)
}

// volumes notes on which volume every place lies.
func (s *Surveyor) volumes(f *plan.Facts, places ...string) error {
	for _, p := range places {
		if p == "" {
			continue
		}
		v, err := s.FS.Free(p)
		if err != nil {
			return fmt.Errorf("cannot tell how much room there is at %s: %w", p, err)
		}
		f.Volumes[p] = plan.Volume{ID: v.ID, Free: v.Free}
	}
	return nil
}

// pointPlace looks at the volumes of the state and of the restore points, and at what
// speaks against keeping them there.
func (s *Surveyor) pointPlace(ctx context.Context, in *site.Installation, f *plan.Facts) error {
	if s.Unfit != nil {
		var err error
		if f.Unfit, err = s.Unfit(ctx); err != nil {
			return err
		}
	}
	if s.Keeper != nil {
		f.Keeper = s.Keeper(ctx)
	}
	return s.volumes(f, s.State, s.Backup, plan.RepositoryOf(in).Folder())
}

// modes finds access modes that are on before the run.
func (s *Surveyor) modes(ctx context.Context, r *plan.Resolver, f *plan.Facts) error {
	for mode, a := range r.Product.Access {
		switch {
		case a.Command != nil && a.Command.State != nil:
			pr, err := r.Probe(*a.Command.State)
			if err != nil {
				return err
			}
			v, err := s.Probes.Check(ctx, *pr)
			if err != nil {
				return fmt.Errorf("cannot tell whether %s mode is on: %w", mode, err)
			}
			f.Modes[mode] = v.OK
		case a.Marker != "":
			all, err := r.Markers(mode, a)
			if err != nil {
				return err
			}
			for _, p := range all {
				for _, name := range append([]string{p.Marker}, p.Aliases...) {
					_, err := s.FS.Lstat(name)
					if err != nil && !errors.Is(err, fs.ErrNotExist) {
						return fmt.Errorf("cannot tell whether %s mode is on: %w", p.Name(), err)
					}
					f.Modes[p.Name()] = f.Modes[p.Name()] || err == nil
				}
			}
		}
	}
	return nil
}

func (s *Surveyor) databases(ctx context.Context, r *plan.Resolver, f *plan.Facts) error {
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		if s.Units != nil && !slices.Contains(s.Units, id) {
			continue
		}
		if !slices.Contains([]string{"sqlite", "postgres", "mariadb", "command"}, c.Kind) || r.Told(id) {
			continue
		}
		db, err := r.Database(id)
		if err != nil {
			return err
		}
		open, err := s.Databases.Open(ctx, *db, opID)
		if err != nil {
			return err
		}
		info, err := open.Inspect(ctx)
		if err == nil && s.Drift != nil {
			if found := s.Drift(ctx, id, c, open); found != nil {
				f.Customised[id] = *found
			}
		}
		if err == nil && s.Applied != nil {
			if f.Applied[id], err = s.Applied(ctx, id, c, open); err != nil {
				err = fmt.Errorf("cannot tell which scripts were applied: %w", err)
			}
		}
		open.Close()
		if err != nil {
			return fmt.Errorf("the database %s: %w", id, err)
		}
		f.Databases[id] = info.SizeBytes
		f.Scratch[id] = plan.ScratchFact{Problem: info.Scratch.Problem, Dir: info.Scratch.Dir, Bytes: info.Scratch.Bytes}
		if err := s.volumes(f, info.Scratch.Dir); err != nil {
			return err
		}
		if why := lacking(info.Rights); why != "" {
			f.Lacking[id] = why
		}
	}
	return nil
}

// lacking says what stands in the way of a dump or a restore; empty: nothing.
func lacking(r database.Rights) string {
	if r.Dump && r.Restore {
		return ""
	}
	return strings.Join(r.Problems, "; ")
}

// check evaluates a check; one that speaks of ${this.…} for every unit that the
// plan is about: it holds when it holds for all of them. next is how it stands
// with what the next release wants.
func (s *Surveyor) check(ctx context.Context, r *plan.Resolver, c manifest.Check) (res, next plan.CheckResult) {
	units := r.Each(c.Probe)
	if len(units) == 0 {
		return s.checkOne(ctx, r, c)
	}
	res, next = plan.CheckResult{OK: true}, plan.CheckResult{OK: true}
	for _, id := range units {
		if s.Units != nil && !slices.Contains(s.Units, id) {
			continue
		}
		one, later := s.checkOne(ctx, r.Unit(id), c)
		if len(units) > 1 {
			one.Evidence, later.Evidence = id+": "+one.Evidence, id+": "+later.Evidence
		}
		if next.OK {
			next = later
		}
		if res = one; !res.OK {
			return res, res
		}
	}
	return res, next
}

// checkOne reads the value once, whatever it is compared with.
func (s *Surveyor) checkOne(ctx context.Context, r *plan.Resolver, c manifest.Check) (res, next plan.CheckResult) {
	pr, err := r.Probe(c.Probe)
	if err != nil {
		res.Error = err.Error()
		return res, res
	}
	reading, err := s.Probes.Look(ctx, *pr)
	res = result(reading.Verdict, err)
	if c.Acknowledge != "" && !res.OK {
		res.Findings = findings(reading.Value)
	}
	if c.Announce == "" || !res.OK {
		return res, res
	}
	c.Probe.Expect = manifest.Expect{AnyOf: []string{c.Announce}}
	if pr, err = r.Probe(c.Probe); err != nil {
		return res, plan.CheckResult{Error: err.Error()}
	}
	return res, result(reading.Against(pr.Expect...))
}

func result(v probe.Verdict, err error) plan.CheckResult {
	res := plan.CheckResult{OK: v.OK, Got: v.Got, Want: v.Want, Evidence: v.Evidence}
	if err != nil {
		res.OK, res.Error = false, err.Error()
	}
	return res
}
