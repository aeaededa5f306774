package manage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/route"
	"upkeep/internal/scratch"
	"upkeep/internal/step"
)

// Trial is a product whose ways from release to release are to be tried.
type Trial struct {
	Product string     `json:"product"`
	Ways    []TrialWay `json:"ways"`
	Touches []string   `json:"touches,omitempty"` // what of this computer it would use beside a scratch folder
	From    string     `json:"-"`                 // where its releases are
	docs    map[string]*manifest.Product
	places  *scratch.Dir
}

// TrialWay leads from one release to a later one.
type TrialWay struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Over []string `json:"over,omitempty"`
}

// PlanTrial finds every way between the releases in a folder of bundles: each hop
// that a release supports, and from each release the way to the newest. prepared:
// the vendor's own program lays the releases out, and so brings the databases.
func PlanTrial(ctx context.Context, from string, prepared bool) (t *Trial, err error) {
	dir, err := scratch.New(realFiles(), "", "vendor-test")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the trial: %w", err)
	}
	t = &Trial{docs: map[string]*manifest.Product{}, places: dir}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	d, err := describe(ctx, from, filepath.Join(dir.Path, "bundles"))
	if err != nil {
		return nil, err
	}
	if len(d.releases) < 2 {
		return nil, &step.UserError{Msg: from + " holds no two releases: there is no way to try", Now: "name a folder with the bundles of all releases"}
	}
	t.From, t.Product = d.from, d.product.ID
	order, err := plan.OrderOf(d.product)
	if err != nil {
		return nil, err
	}
	var all []*manifest.Release
	for _, r := range d.releases {
		all = append(all, r.Release)
		t.docs[r.Release.Version] = r.Product
		t.touched(r.Product, prepared)
	}
	slices.SortFunc(all, func(a, b *manifest.Release) int { c, _ := order.Compare(a.Version, b.Version); return c })
	for i, a := range all {
		reaches := false
		for _, b := range all[i+1:] {
			way, err := route.Find(order, all, route.Wish{From: a.Version, To: b.Version})
			var none *route.NoRouteError
			var gone *route.WithdrawnError
			switch {
			case errors.As(err, &none) || errors.As(err, &gone):
				continue
			case err != nil:
				return nil, err
			}
			reaches = true
			w := TrialWay{From: a.Version, To: b.Version}
			for _, h := range way.Hops[:len(way.Hops)-1] {
				w.Over = append(w.Over, h.To)
			}
			if len(w.Over) == 0 || b == all[len(all)-1] {
				t.Ways = append(t.Ways, w)
			}
		}
		if !reaches && i < len(all)-1 && a.Withdrawn == "" {
			t.Ways = append(t.Ways, TrialWay{From: a.Version})
		}
	}
	return t, nil
}

// Close removes everything that was laid out.
func (t *Trial) Close() { t.places.Close() }

// touched notes what of the computer a product uses that is no scratch folder.
func (t *Trial) touched(p *manifest.Product, prepared bool) {
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(t.Touches, text) {
			t.Touches = append(t.Touches, text)
		}
	}
	placed := func(what, path string) {
		if filepath.IsAbs(path) {
			add("%s is at %s", what, path)
		}
	}
	for id, c := range p.Components {
		switch c.Kind {
		case "tree", "sqlite":
			placed("component "+id, c.At.Path)
			if c.At.Probe != nil {
				add("component %s is where a probe finds it", id)
			}
		case "postgres", "mariadb", "mssql", "command":
			if !prepared {
				add("component %s needs a database or a tool of its own: have a program lay it out, and name it with --prepare", id)
			}
		default:
			add("component %s is of the kind %s", id, c.Kind)
		}
	}
	for id, path := range p.Dirs {
		placed("folder "+id, path)
	}
	for _, s := range p.Services {
		if len(s.Names) > 0 || len(s.Run) == 0 && len(s.Start) == 0 {
			add("service %s is one of the computer's", s.ID)
		}
	}
	slices.Sort(t.Touches)
}

// TrialPlace is a scratch place in which one way is tried.
type TrialPlace struct {
	Dir, Document, State string
	Set                  []string // NAME=VALUE of the parameters
}

// Place makes the scratch place of the n-th way. given are parameters as their
// vendor wants them; ${dir} in a value is the place, ${port} a free port. Without
// freePort none are made up.
func (t *Trial) Place(n int, version string, given map[string]string, freePort func() (int, error)) (*TrialPlace, error) {
	fsys := realFiles()
	dir := filepath.Join(t.places.Path, strconv.Itoa(n+1))
	if err := fsys.Chmod(t.places.Path, 0o755); err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(filepath.Join(dir, "secrets"), 0o755); err != nil {
		return nil, err
	}
	p := &TrialPlace{Dir: dir, Document: filepath.Join(dir, "installation.yaml"), State: filepath.Join(dir, "state")}
	account, root := local.Account()
	if root {
		account = "nobody"
	}
	if freePort == nil { // the vendor's own program knows
		return p, nil
	}
	doc := t.docs[version]
	for _, id := range doc.ParamOrder {
		param := doc.Params[id]
		value, said := given[id]
		used := func(text string) bool { return strings.Contains(text, "${param."+id+"}") }
		port := slices.ContainsFunc(doc.Services, func(s manifest.Service) bool { return slices.ContainsFunc(s.Ports, used) })
		switch {
		case said:
			value = strings.ReplaceAll(value, "${dir}", dir)
			port = strings.Contains(value, "${port}")
		case port:
			value = "${port}"
		case param.Secret():
			file := filepath.Join(dir, "secrets", id)
			if err := fsys.WriteFile(file, []byte(rand.Text()+"\n"), 0o644); err != nil {
				return nil, err
			}
			value = "file:" + file
		case param.Type == "path":
			value = filepath.Join(dir, id)
		case slices.ContainsFunc(doc.Services, func(s manifest.Service) bool { return used(s.As) }):
			value = account
		case param.Default != nil:
			continue
		default:
			return nil, &step.UserError{Msg: fmt.Sprintf("the parameter %s of %s has no value", id, version), Now: "say --set " + id + "=VALUE"}
		}
		if port {
			free, err := freePort()
			if err != nil {
				return nil, err
			}
			value = strings.ReplaceAll(value, "${port}", strconv.Itoa(free))
		}
		p.Set = append(p.Set, id+"="+value)
	}
	return p, nil
}

// Prepare has the vendor's own program lay out the release that a way begins
// with, in place of a first install: for products that a release cannot install,
// or that need a database of their own. It is told the folder, the version and a
// free port, and must leave an installation document. The services are started.
func (t *Trial) Prepare(ctx context.Context, p *TrialPlace, program, version, exe string, port int) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), "UPKEEP_TEST_DIR="+p.Dir, "UPKEEP_TEST_VERSION="+version, "UPKEEP_TEST_PORT="+strconv.Itoa(port), "UPKEEP_TEST_DOCUMENT="+p.Document)
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s has failed: %w\n%s", program, err, out)
	}
	if _, err := os.Stat(p.Document); err != nil {
		return fmt.Errorf("%s has left no installation document: %w", program, err)
	}
	in, err := Open(p.Document, exe)
	if err != nil {
		return err
	}
	if err := in.StartServices(ctx, t.docs[version]); err != nil {
		return fmt.Errorf("cannot start what %s has laid out: %w", program, err)
	}
	return nil
}

// Is gives what the product in a place is like, in full, as of a version.
func (t *Trial) Is(ctx context.Context, p *TrialPlace, version, exe string) (Fingerprint, error) {
	in, err := Open(p.Document, exe)
	if err != nil {
		return Fingerprint{}, err
	}
	return in.Fingerprint(ctx, t.docs[version])
}

// Clear stops what runs in a place, whatever of the versions it is, and removes it.
func (t *Trial) Clear(ctx context.Context, p *TrialPlace, exe string, versions ...string) error {
	if _, err := os.Stat(p.Document); err == nil {
		in, err := Open(p.Document, exe)
		if err != nil {
			return err
		}
		var errs []error
		for _, v := range versions {
			if v != "" {
				errs = append(errs, in.StopServices(ctx, t.docs[v]))
			}
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("cannot stop what was tried in %s: %w", p.Dir, err)
		}
	}
	return realFiles().RemoveAll(p.Dir)
}
