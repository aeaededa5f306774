package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// RestoringError says that putting a restore point back was interrupted, so
// that the product is stopped and its data may be half the one, half the
// other.
type RestoringError struct{ Point string }

func (e *RestoringError) Error() string {
	return fmt.Sprintf("putting restore point %s back was interrupted: the product stays stopped until it is done; give upkeep backup restore %s again", e.Point, e.Point)
}

// restoringPath holds the name of the restore point that is being put back.
func (in *Installation) restoringPath() string { return filepath.Join(in.State, "restoring") }

// Restoring names the restore point whose return was interrupted; empty when
// none was.
func (in *Installation) Restoring() (string, error) {
	raw, err := in.FS.ReadFile(in.restoringPath())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot tell whether a restore was interrupted: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// RestorePoint puts a restore point back in place: the services are stopped,
// every part is restored and compared, and the services start again. It is
// refused while a run is open. When it is interrupted the services stay
// stopped, also over a reboot, until a restore has ended well.
func (in *Installation) RestorePoint(ctx context.Context, id, from string, say func(string)) error {
	a := in.archive()
	pt, err := a.Find(ctx, id)
	if err != nil {
		return err
	}
	p, err := in.product(ctx, from)
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
	say("verifying the restore point, all of it")
	if err := a.Verify(ctx, id); err != nil {
		return err
	}
	if err := in.FS.WriteFile(in.restoringPath(), []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot note that a restore begins: %w", err)
	}
	if err := in.restoreAll(ctx, a, p, pt, say); err != nil {
		return fmt.Errorf("%w; the services stay stopped: give the same command again when it is mended", err)
	}
	if err := absent(in.FS.Remove(in.restoringPath())); err != nil {
		return fmt.Errorf("cannot note that the restore is done: %w", err)
	}
	say("starting the services")
	return in.StartServices(ctx, p)
}

// restoreAll stops the services, keeps them stopped, and restores every part.
func (in *Installation) restoreAll(ctx context.Context, a backup.Engine, p *manifest.Product, pt backup.Point, say func(string)) error {
	say("stopping the services")
	err := in.eachService(ctx, p, func(s plan.Service) error {
		if err := in.services.Inhibit(ctx, s, "restore point "+pt.ID+" is being put back"); err != nil {
			return err
		}
		return in.services.Stop(ctx, s)
	}, true)
	if err != nil {
		return err
	}
	for _, part := range pt.Parts {
		say("restoring " + part.Name)
		if err := in.restorePart(ctx, a, p, pt, part); err != nil {
			return fmt.Errorf("cannot restore %s: %w", part.Name, err)
		}
	}
	return in.eachService(ctx, p, func(s plan.Service) error { return in.services.Allow(ctx, s) }, false)
}

func (in *Installation) restorePart(ctx context.Context, a backup.Engine, p *manifest.Product, pt backup.Point, part backup.Part) error {
	if part.Kind == "files" {
		_, err := a.RestoreFiles(ctx, pt.ID, part.Name, backup.Target{Path: part.Path, OpID: "restore-" + pt.ID})
		return err
	}
	r, err := in.surveyor().Placed(ctx, p, in.Doc)
	if err != nil {
		return err
	}
	d, err := r.Database(part.Name)
	if err != nil {
		return err
	}
	db, err := in.databases.Open(ctx, *d, "restore-"+pt.ID)
	if err != nil {
		return err
	}
	defer db.Close()
	return a.RestoreDatabase(ctx, pt.ID, part.Name, db)
}
