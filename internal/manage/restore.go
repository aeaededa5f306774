package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// RestoringError says that putting a restore point back was interrupted, so
// that the product is stopped and its data may be half the one, half the
// other.
type RestoringError struct {
	Point string
	Parts []string // of it; empty: all
}

// Args are the arguments of upkeep that do it again.
func (e *RestoringError) Args() []string {
	args := []string{"backup", "restore", e.Point}
	for _, p := range e.Parts {
		args = append(args, "--only", p)
	}
	return args
}

func (e *RestoringError) Error() string {
	what := ""
	if len(e.Parts) > 0 {
		what = strings.Join(e.Parts, ", ") + " of "
	}
	return fmt.Sprintf("putting %srestore point %s back was interrupted: the product stays stopped until it is done; give upkeep %s again", what, e.Point, strings.Join(e.Args(), " "))
}

// Restore says what is put back, and how.
type Restore struct {
	Point string
	From  string   // bundle, where Upkeep does not know the product yet
	Only  []string // components, or units; empty: all that is in the point
	Mixed bool     // also where code and data will be of different versions
	// Agreed, when set, is Outlook.Sum of what was agreed to: when something else
	// would be put back, or over something else, nothing is done.
	Agreed string
	// Progress, when set, hears how many bytes of how many were read for which part.
	Progress func(done, total int64, part string)
}

// restoringPath holds the name of the restore point that is being put back, and,
// where these are not all, of its parts: a line each.
func (in *Installation) restoringPath() string { return filepath.Join(in.State, "restoring") }

// Restoring says which restore was interrupted; nil when none was.
func (in *Installation) Restoring() (*RestoringError, error) {
	raw, err := in.FS.ReadFile(in.restoringPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether a restore was interrupted: %w", err)
	}
	lines := strings.Fields(string(raw))
	if len(lines) == 0 {
		return nil, nil
	}
	return &RestoringError{Point: lines[0], Parts: lines[1:]}, nil
}

// RestorePoint puts a restore point, or parts of it, back in place: the services
// are stopped, every part is restored and compared, and the services start
// again. It is refused while a run is open. When it is interrupted the services
// stay stopped, also over a reboot, until a restore that has all of its parts
// has ended well.
func (in *Installation) RestorePoint(ctx context.Context, r Restore, say func(string)) error {
	e := in.archive()
	w, err := in.prepareRestore(ctx, e, r)
	if err != nil {
		return err
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if r, err := in.OpenRun(ctx); err != nil || r != nil {
		if err != nil {
			return err
		}
		return fmt.Errorf("run %s is open: upkeep back puts the product back by its own restore point", r.ID)
	}
	before, err := in.Restoring()
	if err != nil {
		return err
	}
	if err := w.refused(before); err != nil {
		return err
	}
	if r.Agreed != "" && r.Agreed != w.sum() {
		return &step.UserError{Msg: "what would be put back is not what was shown any more, and nothing was done: the restore point, its parts or the installed version are others by now", Now: "look at it again"}
	}
	if before != nil {
		say("going on with the restore that was interrupted")
	}
	say("verifying the restore point, all of it")
	if err := e.Verify(w.progress(ctx, w.point.Reading()), r.Point); err != nil {
		return err
	}
	note := []string{r.Point}
	if w.partial {
		for _, p := range w.parts {
			note = append(note, p.Name)
		}
	}
	if err := in.FS.WriteFile(in.restoringPath(), []byte(strings.Join(note, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot note that a restore begins: %w", err)
	}
	if err := in.restoreAll(ctx, e, w, say); err != nil {
		return fmt.Errorf("%w; the services stay stopped: give the same command again when it is mended", err)
	}
	if err := absent(in.FS.Remove(in.restoringPath())); err != nil {
		return fmt.Errorf("cannot note that the restore is done: %w", err)
	}
	say("starting the services")
	return in.StartServices(ctx, w.product)
}

// CheckRestore says what would have RestorePoint refuse, before anybody is asked.
func (in *Installation) CheckRestore(ctx context.Context, r Restore) error {
	w, err := in.prepareRestore(ctx, in.archive(), r)
	if err != nil {
		return err
	}
	before, err := in.Restoring()
	if err != nil {
		return err
	}
	return w.refused(before)
}

// sum stands for what is put back, and over which version.
func (w *restoration) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", w.point.ID, w.point.Seal, w.version, w.mixed)
	for _, p := range w.parts {
		fmt.Fprintf(h, " %q", p.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// refused says why this cannot be put back now, where before is a restore that
// was interrupted, or nil.
func (w *restoration) refused(before *RestoringError) error {
	if before != nil {
		if err := w.ends(before); err != nil {
			return err
		}
	}
	if again := before != nil && before.Point == w.point.ID; len(w.mixed) > 0 && !w.Mixed && !again {
		return w.refuseMixed()
	}
	return nil
}

// restoration is what is about to be put back.
type restoration struct {
	Restore
	point   backup.Point
	parts   []backup.Part
	partial bool // not all parts of the point
	product *manifest.Product
	version string   // installed; empty: it cannot be read
	mixed   []string // components that stay on another version than the parts; empty: no mixture
}

func (in *Installation) prepareRestore(ctx context.Context, e backup.Engine, r Restore) (*restoration, error) {
	w := &restoration{Restore: r}
	var err error
	if w.point, err = e.Find(ctx, r.Point); err != nil {
		return nil, err
	}
	if w.parts, err = partsOf(w.point, r.Only); err != nil {
		return nil, err
	}
	w.partial = len(w.parts) < len(w.point.Parts)
	if w.product, err = in.product(ctx, r.From); err != nil {
		return nil, err
	}
	// a product that is half there tells no version: then it is none that fits
	if facts, err := in.surveyor().Basics(ctx, w.product, in.Doc); err == nil {
		w.version, _ = installedVersion(w.product, facts)
	}
	if w.version != w.point.About.Version {
		w.mixed = w.left()
	}
	return w, nil
}

// partsOf picks parts by the names of components or units.
func partsOf(p backup.Point, only []string) ([]backup.Part, error) {
	if len(only) == 0 {
		return p.Parts, nil
	}
	var out []backup.Part
	var names []string
	for _, part := range p.Parts {
		names = append(names, part.Name)
		if slices.Contains(only, part.Name) || slices.Contains(only, plan.ComponentOf(part.Name)) {
			out = append(out, part)
		}
	}
	for _, want := range only {
		if !slices.ContainsFunc(out, func(p backup.Part) bool { return p.Name == want || plan.ComponentOf(p.Name) == want }) {
			return nil, &step.UserError{Msg: fmt.Sprintf("restore point %s has no %s", p.ID, want), Now: "name what is in it: " + strings.Join(names, ", ")}
		}
	}
	return out, nil
}

// left are the components with code or data of their own that are not put back.
func (w *restoration) left() []string {
	var out []string
	for _, id := range w.product.Order {
		c := w.product.Components[id]
		back := slices.ContainsFunc(w.parts, func(p backup.Part) bool { return plan.ComponentOf(p.Name) == id })
		if !back && (c.Kind == "tree" || c.Database() || c.Kind == "package") {
			out = append(out, id)
		}
	}
	return out
}

func (w *restoration) refuseMixed() error {
	stays := "on " + w.version
	if w.version == "" {
		stays = "as it is, of a version that cannot be read"
	}
	var back []string
	for _, p := range w.parts {
		back = append(back, p.Name)
	}
	return &step.UserError{Msg: fmt.Sprintf("%s would be of version %s, and %s stays %s: the one does not fit the other", strings.Join(back, ", "), w.point.About.Version, strings.Join(w.mixed, ", "), stays),
		Now: "put all of it back, without --only; or, if you know that they fit, say so twice: --mixed, and then type the word, or --mixed --yes"}
}

// ends refuses a restore that would leave parts half restored that an
// interrupted one has begun with.
func (w *restoration) ends(before *RestoringError) error {
	begun := before.Parts
	if len(begun) == 0 && w.partial {
		return before
	}
	for _, name := range begun {
		if !slices.ContainsFunc(w.parts, func(p backup.Part) bool { return p.Name == name }) {
			return before
		}
	}
	return nil
}

// progress counts what is read.
func (w *restoration) progress(ctx context.Context, total int64) context.Context {
	return counted(ctx, total, w.Progress)
}

// restoreAll stops the services, keeps them stopped, and restores the parts.
func (in *Installation) restoreAll(ctx context.Context, e backup.Engine, w *restoration, say func(string)) error {
	say("stopping the services")
	err := in.eachService(ctx, w.product, func(s plan.Service) error {
		if err := in.services.Inhibit(ctx, s, "restore point "+w.point.ID+" is being put back"); err != nil {
			return err
		}
		return in.services.Stop(ctx, s)
	}, true)
	if err != nil {
		return err
	}
	for _, part := range w.parts {
		say("restoring " + part.Name)
		if err := in.restorePart(w.progress(ctx, part.Reading()), e, w.product, w.point, part); err != nil {
			return fmt.Errorf("cannot restore %s: %w", part.Name, err)
		}
	}
	return in.eachService(ctx, w.product, func(s plan.Service) error { return in.services.Allow(ctx, s) }, false)
}

func (in *Installation) restorePart(ctx context.Context, e backup.Engine, p *manifest.Product, pt backup.Point, part backup.Part) error {
	if part.Kind == "files" {
		_, err := e.RestoreFiles(ctx, pt.ID, part.Name, backup.Target{Path: part.Path, OpID: "restore-" + pt.ID})
		return err
	}
	db, err := in.openPart(ctx, p, part.Name, "restore-"+pt.ID)
	if err != nil {
		return err
	}
	defer db.Close()
	return e.RestoreDatabase(ctx, pt.ID, part.Name, db)
}
