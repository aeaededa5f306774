package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/backup/gentle"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
)

// archive is the engine of this installation's restore points.
func (in *Installation) archive() backup.Engine {
	return in.engineAt(in.Backup, plan.RepositoryOf(in.Doc))
}

// engineAt is the engine for a place: that of a plan, or of the installation
// document, which says how it works.
func (in *Installation) engineAt(dir string, at *plan.Repository) backup.Engine {
	b := in.Doc.Backup
	var e backup.Engine
	if at != nil {
		e = in.restic(dir, *at)
	} else {
		e = archive.New(archive.Config{Dir: dir, FS: in.FS, Encrypt: in.encryption(), Bandwidth: b.Bandwidth})
	}
	if b.Priority == "low" {
		e = gentle.New(e)
	}
	return e
}

// encryption is for whom restore points are encrypted.
func (in *Installation) encryption() archive.Encryption {
	e := archive.Encryption{Recipients: in.Doc.Backup.Encrypt.Recipients}
	if ref := in.Doc.Backup.Encrypt.Identity; ref != nil {
		e.Identity = func() ([]byte, error) {
			at := plan.SecretRef{File: in.place(ref.File), Env: ref.Env}
			text, err := local.Secrets{FS: in.FS}.Resolve(context.Background(), at)
			return []byte(text), err
		}
	}
	return e
}

// unfit says why restore points cannot be kept where the installation document
// wants them, or could not be read again by the way back.
func (in *Installation) unfit(ctx context.Context) ([]string, error) {
	why, err := in.tooNear(ctx)
	if err != nil {
		return nil, err
	}
	if at := plan.RepositoryOf(in.Doc); at != nil {
		if err := in.restic(in.Backup, *at).Reach(ctx); err != nil {
			why = append(why, fmt.Sprintf("no restore point could be made: %v", err))
		}
		return why, nil
	}
	if err := in.encryption().Check(); err != nil {
		why = append(why, fmt.Sprintf("restore points are encrypted, and the way back could not read them: %v; say backup: {encrypt: {identity: {file: PATH}}} in %s, with the file that age-keygen wrote", err, in.Path))
	}
	return why, nil
}

// tooNear refuses a place on this computer where the document wants another.
func (in *Installation) tooNear(ctx context.Context) ([]string, error) {
	if !in.Doc.Backup.Elsewhere {
		return nil, nil
	}
	dir := in.Backup
	if at := plan.RepositoryOf(in.Doc); at != nil {
		if dir = at.Folder(); dir == "" {
			return nil, nil
		}
	}
	v, err := in.probes.Read(ctx, plan.Probe{Source: "mount", Args: []string{dir}, Select: "network"})
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether restore points are kept on another computer: %w", err)
	}
	if v.Text == "yes" {
		return nil, nil
	}
	return []string{fmt.Sprintf("restore points must be kept on another computer (backup: elsewhere), and %s, which is on this one: mount the share of another computer there, or name its folder as backup: dir", v.Evidence)}, nil
}

// absentPlace says where a place that was there is gone, as when what was
// mounted there is not; empty when all is well.
func (in *Installation) absentPlace() string {
	if _, err := in.FS.Lstat(in.Backup); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if in.Doc.Backup.Dir == "" || in.Doc.Backup.Restic() { // restic itself says so
		return ""
	}
	if _, err := in.FS.Lstat(filepath.Dir(in.Backup)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("the place of restore points, %s, is not there, and neither is the folder above it: is something not mounted?", in.Backup)
	}
	return ""
}
