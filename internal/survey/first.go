package survey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// First reads what the plan of a first install needs: what is in its way, how
// much room there is, the checks of the release. Facts and defaults that only
// an installed product gives are empty.
func (s *Surveyor) First(ctx context.Context, p *manifest.Product, in *site.Installation, rel *manifest.Release) (plan.Facts, error) {
	f := s.blank()
	for id, param := range p.Params {
		if _, given := in.Params[id]; given || param.Default == nil || param.Default.Probe == nil {
			continue
		}
		if v, err := s.Default(ctx, p, in, id); err == nil && v != "" {
			f.Defaults[id] = v
		}
	}
	if err := s.places(ctx, p, in, &f); err != nil {
		f.Places = nil // no registration yet
	}
	r, err := s.Resolver(p, in, f)
	if err != nil {
		return f, err
	}
	facts := maps.Clone(rel.Facts)
	if facts == nil {
		facts = map[string]manifest.Probe{}
	}
	maps.Copy(facts, p.Facts)
	for id, pr := range facts {
		v, err := s.read(ctx, r, pr)
		if err != nil {
			v = ""
		}
		f.Values[id] = v
	}
	if r, err = s.Resolver(p, in, f); err != nil {
		return f, err
	}
	owner := ""
	for _, sv := range p.Services {
		if as, err := r.Scope.Expand(sv.As); err == nil && owner == "" {
			owner = as
		}
	}
	for _, id := range r.Product.Order {
		f.Instances[id] = plan.InstanceFact{Owner: owner}
		if err := s.inTheWay(ctx, r.Unit(id), id, &f); err != nil {
			return f, err
		}
	}
	if err := s.taken(ctx, r, &f); err != nil {
		return f, err
	}
	if err := s.hooks(r, in, &f); err != nil {
		return f, err
	}
	s.checks(ctx, r, rel, &f, func(manifest.Check) bool { return true })
	return f, s.pointPlace(ctx, in, &f)
}

// inTheWay notes what lies where a component is to be.
func (s *Surveyor) inTheWay(ctx context.Context, r *plan.Resolver, id string, f *plan.Facts) error {
	c := r.Product.Components[id]
	occupied := func(format string, a ...any) { f.Occupied = append(f.Occupied, id+": "+fmt.Sprintf(format, a...)) }
	switch {
	case c.Kind == "tree", c.Kind == "sqlite":
		at, err := r.Scope.Expand(c.At.Path)
		if err != nil {
			return fmt.Errorf("component %s: %w", id, err)
		}
		if err := s.volumes(f, filepath.Dir(at)); err != nil {
			return err
		}
		info, err := s.FS.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("cannot look at %s: %w", at, err)
		case c.Kind == "sqlite":
			occupied("there is a database at %s already: upkeep adopt takes over what is installed, otherwise name another place", at)
		case !info.IsDir():
			occupied("%s is no folder: name another place", at)
		default:
			if list, err := s.FS.ReadDir(at); err != nil || len(list) > 0 {
				occupied("%s is not empty (%s, …): upkeep adopt takes over what is installed, otherwise name another place", at, firstName(list))
			}
		}
	case c.Database():
		db, err := r.Database(id)
		if err != nil {
			return err
		}
		open, err := s.Databases.Open(ctx, *db, opID)
		if err != nil {
			return err
		}
		defer open.Close()
		switch info, err := open.Inspect(ctx); {
		case err != nil:
			occupied("the database cannot be used: %v", err)
		case info.Tables > 0:
			occupied("the database %s has %d tables already: an empty one is needed", info.Name, info.Tables)
		case lacking(info.Rights) != "":
			occupied("the database %s could not be emptied again: %s", info.Name, lacking(info.Rights))
		default:
			f.Databases[id] = info.SizeBytes
		}
	}
	return nil
}

// taken notes services that run already, and ports at which somebody answers.
func (s *Surveyor) taken(ctx context.Context, r *plan.Resolver, f *plan.Facts) error {
	d := net.Dialer{Timeout: 500 * time.Millisecond}
	for _, sv := range r.Product.Services {
		spec, err := r.Service(sv)
		if err != nil {
			return err
		}
		if running, how, err := s.Services.Running(ctx, *spec); err == nil && running {
			f.Occupied = append(f.Occupied, fmt.Sprintf("service %s runs already (%s)", sv.ID, how))
			continue
		}
		for _, text := range sv.Ports {
			port, err := r.Scope.Expand(text)
			if err != nil {
				return err
			}
			c, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
			if err == nil {
				c.Close()
				f.Occupied = append(f.Occupied, fmt.Sprintf("service %s: port %s is taken, something answers there: stop it, or choose another port", sv.ID, port))
			}
		}
	}
	return nil
}

// firstName is the first name of a folder's list.
func firstName(list []durable.DirEntry) string {
	if len(list) == 0 {
		return "it cannot be read"
	}
	return list[0].Name
}
