package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/plan"
	"upkeep/internal/service/systemd"
	"upkeep/internal/step"
)

// Removal says what removing an installation's record takes away, and what it
// leaves.
type Removal struct {
	Installation string   `json:"installation"`
	Product      string   `json:"product"`
	Removed      []string `json:"removed"`
	Left         []string `json:"left"`
	Document     string   `json:"document"` // where the installation document lies afterwards
	paths        []string // to be removed, in order
	points       bool
	inRepository []string // restore points to be removed from a repository
}

// removedSuffix ends the name of the document of an installation that was
// removed.
const removedSuffix = ".removed"

// PlanRemove says what Remove would do, or refuses: while a run is open, or
// while something is in place that a run or a restore has to end.
func (in *Installation) PlanRemove(ctx context.Context, withPoints bool) (*Removal, error) {
	if err := in.removable(ctx); err != nil {
		return nil, err
	}
	r := &Removal{Installation: in.Doc.ID, Product: in.Doc.Product, Document: in.Path + removedSuffix, points: withPoints}
	r.Removed = append(r.Removed, "the installation document "+in.Path+", which is kept as "+r.Document)
	list, err := in.FS.ReadDir(in.State)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look at the state folder: %w", err)
	}
	for _, e := range list {
		path := filepath.Join(in.State, e.Name)
		switch {
		case path == in.lockPath(): // it goes last of all
		case path == in.Backup && !withPoints:
		case e.Name == "services":
			r.Left = append(r.Left, path+": which processes are the product's services; adopt finds them by it")
		default:
			r.paths = append(r.paths, path)
		}
	}
	if len(list) > 0 {
		r.Removed = append(r.Removed, "what Upkeep knows of it, with all runs and their logs: "+in.State)
	}
	if err := in.removalOfPoints(ctx, r); err != nil {
		return nil, err
	}
	r.Left = append(r.Left, "the product itself, its files, data and services, as they are")
	in.oldTrees(ctx, r)
	return r, nil
}

func (in *Installation) removalOfPoints(ctx context.Context, r *Removal) error {
	points, err := in.ListPoints(ctx)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(points) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d restore points in %s", len(points), in.Place())
	if !r.points {
		r.Left = append(r.Left, text)
		return nil
	}
	r.Removed = append(r.Removed, text)
	if in.Doc.Backup.Restic() { // others may have theirs there
		for _, p := range points {
			r.inRepository = append(r.inRepository, p.ID)
		}
	}
	if !slices.Contains(r.paths, in.Backup) {
		r.paths = append(r.paths, in.Backup)
	}
	return nil
}

// oldTrees names the replaced trees that lie beside the product.
func (in *Installation) oldTrees(ctx context.Context, r *Removal) {
	last, err := in.Run(ctx, "")
	if err != nil {
		return
	}
	for _, i := range last.Plan.Instances {
		beside := filepath.Join(filepath.Dir(i.At), "."+filepath.Base(i.At)+".upkeep")
		if i.Kind != "tree" {
			continue
		}
		if list, err := in.FS.ReadDir(beside); err == nil && len(list) > 0 {
			r.Left = append(r.Left, beside+": files of an earlier version")
		}
	}
}

// removable refuses while anything is in place that a run or a restore has to
// end.
func (in *Installation) removable(ctx context.Context) error {
	if held := holder(in.lockPath()); held != 0 {
		return in.busy(ctx, held)
	}
	if err := in.quiet(ctx); err != nil {
		return err
	}
	var reasons []string
	modes, err := in.Modes(ctx, "")
	if err != nil {
		return err
	}
	for mode, on := range modes {
		if on && mode == gateMode {
			reasons = append(reasons, "the gate is closed, and nothing would open it any more: upkeep mode normal opens it")
		}
	}
	holds, err := in.registered(nil, time.Now())
	if err != nil {
		return err
	}
	for _, h := range holds {
		reasons = append(reasons, fmt.Sprintf("%s is held at %s, and nothing would say any more that it was %s: upkeep holds end %s gives that back, with --keep it stays", h.What, h.To, h.Was, h.ID))
	}
	held, err := in.inhibited(ctx)
	if err != nil {
		return err
	}
	for _, s := range held {
		reasons = append(reasons, s)
	}
	if len(reasons) > 0 {
		return &RefusedError{What: "the record cannot be removed", Reasons: reasons}
	}
	return nil
}

// inhibited lists the services of the last run that must not start.
func (in *Installation) inhibited(ctx context.Context) ([]string, error) {
	last, err := in.Run(ctx, "")
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range servicesOf(last.Plan) {
		why, on, err := in.services.Inhibited(ctx, s)
		if err != nil {
			return nil, err
		}
		if on {
			out = append(out, fmt.Sprintf("service %s is kept from starting (%s), and nothing would let it start any more", s.ID, why))
		}
	}
	return out, nil
}

// Remove takes the record away, as planned. The product is not touched. What
// is interrupted is ended by giving it again.
func (in *Installation) Remove(ctx context.Context, r *Removal) error {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return err
	}
	lock, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	for _, id := range r.inRepository {
		if err := in.archive().Remove(ctx, id); err != nil && !errors.Is(err, backup.ErrNotFound) {
			return fmt.Errorf("%w; give the command again when that is mended", err)
		}
	}
	// the journal goes last: until then an interrupted removal is still an
	// installation, and can be removed again
	last := func(p string) bool { return strings.HasPrefix(filepath.Base(p), "journal.db") }
	slices.SortStableFunc(r.paths, func(a, b string) int {
		switch {
		case last(a) == last(b):
			return 0
		case last(a):
			return 1
		}
		return -1
	})
	for _, p := range r.paths {
		if err := absent(in.FS.RemoveAll(p)); err != nil {
			return fmt.Errorf("cannot remove %s: %w; give the command again when that is mended", p, err)
		}
	}
	if err := absent(in.FS.Remove(enrolment(register, in.Path))); in.Root && err != nil {
		return fmt.Errorf("cannot take it out of the register: %w", err)
	}
	if in.Root && systemd.Booted() {
		if _, err := NewMachine(in.Exe).EndTimer(ctx, in.Doc.ID); err != nil {
			return err
		}
	}
	if err := in.FS.Replace(in.Path, r.Document); err != nil {
		return fmt.Errorf("cannot put the installation document aside: %w", err)
	}
	if err := absent(in.FS.Remove(in.lockPath())); err != nil {
		return fmt.Errorf("cannot remove the lock: %w", err)
	}
	if list, err := os.ReadDir(in.State); err == nil && len(list) == 0 {
		return absent(in.FS.Remove(in.State))
	}
	return nil
}

// servicesOf lists the services that a plan stops or starts.
func servicesOf(p *plan.Plan) []plan.Service {
	seen := map[string]bool{}
	var out []plan.Service
	for _, s := range p.Steps {
		if s.Verb != "stop" && s.Verb != "start" {
			continue
		}
		if params, err := step.Params[plan.ServiceParams](s); err == nil && !seen[params.Service.ID] {
			seen[params.Service.ID] = true
			out = append(out, params.Service)
		}
	}
	return out
}
