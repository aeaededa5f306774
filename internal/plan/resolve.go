package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// Resolver turns the manifest's probes, services and databases into complete
// ones of the plan. The survey uses it before there is a plan, the compiler
// while it makes one.
type Resolver struct {
	Product *manifest.Product // a component for every unit
	Raw     *manifest.Product // as the vendor wrote it
	Units   map[string]Unit   // by id
	Scope   *Scope
	Env     []string // declared environment of every child
	Account string   // whose process asks
	Root    bool
	this    string            // the unit that is spoken of; empty: none
	own     map[string]string // service to the unit whose own it is
	said    map[string]Word
	// installed is the version that is there before the run; empty: not known.
	installed string
}

// Environment gives the declared environment of a product's children: fixed
// locale and PATH, then the product's own.
func Environment(p *manifest.Product, sc *Scope) ([]string, error) {
	env := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "dumb"}
	if _, ok := p.Env["LANG"]; ok {
		delete(env, "LC_ALL")
	}
	for _, k := range slices.Sorted(maps.Keys(p.Env)) {
		x, err := sc.Expand(p.Env[k])
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", k, err)
		}
		env[k] = x
	}
	return flat(env), nil
}

func flat(env map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// As checks that a step can run under that account, and gives its name; the
// empty name stands for the engine's own account.
func (r *Resolver) As(account string) (string, error) {
	account, err := r.Scope.Expand(account)
	if err != nil {
		return "", err
	}
	if account == "" || r.Root || account == r.Account {
		return account, nil
	}
	start := "start Upkeep as root"
	if account != "root" {
		start += " or as " + account
	}
	return "", fmt.Errorf("it runs as %s, but Upkeep runs as %s and only root can change accounts: %s", account, r.Account, start)
}

// CommandAccount is the account of a command outside of a run: as in one, that of
// the first service where none is written, and root only where it is written.
func (r *Resolver) CommandAccount(as string) (string, error) {
	as, err := r.account(as)
	if err == nil && as == "" && r.Root {
		err = fmt.Errorf("the command has no account: say as: ACCOUNT; root must be written")
	}
	return as, err
}

// probeAccount is the account that a probe runs under: what a vendor's command
// says of itself is no reason to run it as root.
func (r *Resolver) probeAccount(p manifest.Probe) (string, error) {
	if p.Source != "command" {
		return r.As(p.As)
	}
	as, err := r.account(p.As)
	if err == nil && as == "" && r.Root {
		err = fmt.Errorf("its command has no account: say as: ACCOUNT; root must be written")
	}
	return as, err
}

// Probe resolves a probe.
func (r *Resolver) Probe(p manifest.Probe) (*Probe, error) {
	fail := func(err error) (*Probe, error) { return nil, fmt.Errorf("probe %s at %s: %w", p.Source, p.Pos, err) }
	out := &Probe{Source: p.Source, Env: r.Env, Order: r.Product.Versions.Name, Versions: r.Product.Versions.List}
	var err error
	if out.Args, err = r.Scope.ExpandAll(p.Args); err != nil {
		return fail(err)
	}
	if out.Select, err = r.Scope.Expand(p.Select); err != nil {
		return fail(err)
	}
	if out.Expect, err = r.Scope.ExpandAll(p.Expect.AnyOf); err != nil {
		return fail(err)
	}
	if out.As, err = r.probeAccount(p); err != nil {
		return fail(err)
	}
	for _, k := range slices.Sorted(maps.Keys(p.Params)) {
		v := p.Params[k]
		if ref, ok := r.Scope.Secret(v); ok {
			if k != "password" {
				return fail(fmt.Errorf("%s cannot be a secret", k))
			}
			out.Password = &ref
			continue
		}
		x, err := r.Scope.Expand(v)
		if err != nil {
			return fail(err)
		}
		if out.Params == nil {
			out.Params = map[string]string{}
		}
		out.Params[k] = x
	}
	switch p.Source {
	case "inventory":
		if p.From != nil {
			if out.From, err = r.Probe(*p.From); err != nil {
				return fail(err)
			}
		}
	case "ask":
		r.answered(p, out)
	case "sql":
		if out.DB, err = r.databaseOf(p.In); err != nil {
			return fail(err)
		}
	case "drift":
		if out.DB, err = r.databaseOf(out.Args[0]); err != nil {
			return fail(err)
		}
		out.Standard = r.installed
	case "service":
		if len(out.Args) != 1 {
			return fail(fmt.Errorf("name one service"))
		}
		svc, err := r.ServiceByID(out.Args[0])
		if err != nil {
			return fail(err)
		}
		svc.Ready = nil
		out.Service = svc
	}
	return out, nil
}

func (r *Resolver) databaseOf(component string) (*Database, error) {
	if own := r.Product.Components[r.this]; own.Database() && (component == "" || component == ComponentOf(r.this)) {
		return r.Database(r.this)
	}
	if component == "" {
		for _, id := range r.Product.Order {
			if r.Product.Components[id].Database() {
				if component != "" {
					return nil, fmt.Errorf("the product has several databases: say which with in: COMPONENT")
				}
				component = id
			}
		}
	}
	return r.Database(component)
}

// Database resolves a component that is a database.
func (r *Resolver) Database(component string) (*Database, error) {
	c, ok := r.Product.Components[component]
	if several := r.UnitsOf(component); !ok && len(several) > 0 {
		return nil, fmt.Errorf("%s has several instances (%s): a document that speaks of one of them must do so where ${this.path} is known", component, strings.Join(several, ", "))
	}
	if !ok || !c.Data() {
		return nil, fmt.Errorf("%q is not a component that is a database", component)
	}
	d := &Database{Component: component, Kind: c.Kind}
	var err error
	if d.Tool, err = r.tool(component, c); err != nil || c.Kind == "command" {
		return d, err
	}
	if ref, ok := r.Scope.Secret(c.At.Path); ok {
		d.DSN = &ref
		return d, nil
	}
	at, err := r.Scope.Expand(c.At.Path)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", component, err)
	}
	if c.Kind == "sqlite" {
		d.Path = at
	} else {
		d.Plain = at
	}
	return d, nil
}

// ServiceByID resolves the service of that id or name.
func (r *Resolver) ServiceByID(id string) (*Service, error) {
	ids := r.serviceIDs(id)
	if slices.Contains(ids, id) {
		ids = []string{id}
	}
	switch len(ids) {
	case 0:
		return nil, &noServiceError{id}
	case 1:
		i := slices.IndexFunc(r.Product.Services, func(s manifest.Service) bool { return s.ID == ids[0] })
		return r.Service(r.Product.Services[i])
	}
	return nil, fmt.Errorf("there are several services %q, one for each instance: %s", id, strings.Join(ids, ", "))
}

// noServiceError says that the product has no such service.
type noServiceError struct{ id string }

func (e *noServiceError) Error() string { return fmt.Sprintf("there is no service %q", e.id) }

// Service resolves a service.
func (r *Resolver) Service(s manifest.Service) (*Service, error) {
	if own := r.own[s.ID]; own != "" && own != r.this {
		r = r.Unit(own)
	}
	fail := func(err error) (*Service, error) { return nil, fmt.Errorf("service %s: %w", s.ID, err) }
	out := &Service{ID: s.ID, Names: s.Names, Env: r.Env, StopTimeout: s.Grace, StartTimeout: 60 * time.Second}
	if out.StopTimeout == 0 {
		out.StopTimeout = 30 * time.Second
	}
	var err error
	if out.As, err = r.As(s.As); err != nil {
		return fail(err)
	}
	for _, f := range []struct {
		to   *[]string
		from []string
	}{{&out.Run, s.Run}, {&out.Start, s.Start}, {&out.Stop, s.Stop}} {
		if len(f.from) == 0 {
			continue
		}
		if *f.to, err = r.Scope.ExpandAll(f.from); err != nil {
			return fail(err)
		}
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&out.Dir, s.Dir}, {&out.PIDFile, s.PID}, {&out.Log, s.Log}} {
		if *f.to, err = r.Scope.Expand(f.from); err != nil {
			return fail(err)
		}
	}
	if s.Ready != nil {
		if out.Ready, err = r.Probe(*s.Ready); err != nil {
			return fail(err)
		}
	}
	if s.State != nil {
		if out.State, err = r.Probe(*s.State); err != nil {
			return fail(err)
		}
	}
	return out, nil
}
