package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Observe looks, on the way forward, for the complete restore point. On the
// way back it compares the data with it, in full, if anything may have changed
// them.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	j, err := h.open(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	point, err := j.e.Find(ctx, j.ID)
	missing, damaged := errors.Is(err, backup.ErrNotFound), errors.Is(err, backup.ErrDamaged)
	if err != nil && !missing && !damaged {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.seenBack(ctx, j, point, missing, damaged)
	}
	switch {
	case missing:
		return step.Observation{State: step.Old, Evidence: fmt.Sprintf("there is no complete restore point %s in %s", j.ID, j.p.Dir)}, nil
	case damaged:
		return step.Observation{State: step.Foreign, Evidence: err.Error()}, nil
	case point.About.Run != env.Run:
		return step.Observation{State: step.Foreign, Evidence: fmt.Sprintf("restore point %s is of run %q", j.ID, point.About.Run)}, nil
	}
	return step.Observation{State: step.New, Evidence: fmt.Sprintf("restore point %s (%s, %d parts) is complete, read back and compared", j.ID, backup.Size(point.Size()), len(point.Parts))}, nil
}

func (h *Handler) seenBack(ctx context.Context, j *job, point backup.Point, missing, damaged bool) (step.Observation, error) {
	switch {
	case !j.covered() && missing:
		left, err := h.madePlace(ctx, j)
		if err != nil || left {
			return step.Observation{State: step.Mixed, Evidence: j.p.Dir + " holds an unfinished restore point, or is empty"}, err
		}
		return step.Observation{State: step.Old, Evidence: "nothing is put back here, and there is no restore point"}, nil
	case !j.covered() && (damaged || !j.p.Prove):
		return step.Observation{State: step.Old, Evidence: fmt.Sprintf("nothing is put back here; restore point %s stays", j.ID)}, nil
	case missing || damaged:
		return step.Observation{State: step.Unknown, Evidence: fmt.Sprintf("the data cannot be compared: restore point %s is missing or damaged", j.ID)}, nil
	}
	why, err := h.differs(ctx, j, point)
	if errors.Is(err, errBusy) {
		return step.Observation{State: step.Unknown, Evidence: err.Error()}, nil
	}
	if err != nil {
		return step.Observation{}, err
	}
	if why == "" {
		why, err = h.unfinished(j)
	}
	if err != nil {
		return step.Observation{}, err
	}
	if why != "" {
		return step.Observation{State: step.Mixed, Evidence: "the data is not as in restore point " + j.ID + ": " + why}, nil
	}
	return step.Observation{State: step.Old, Evidence: fmt.Sprintf("files and databases are as in restore point %s, compared in full", j.ID)}, nil
}

// unfinished says what a restore that was interrupted has left beside a tree.
func (h *Handler) unfinished(j *job) (string, error) {
	for _, f := range j.p.Files {
		staged := files.StagingName(f.Path, j.env.OpID)
		list, err := h.fs.ReadDir(filepath.Dir(staged))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		for _, e := range list {
			if strings.HasPrefix(e.Name, filepath.Base(staged)) {
				return filepath.Join(filepath.Dir(staged), e.Name) + " is left of a restore that was interrupted", nil
			}
		}
	}
	return "", nil
}

// madePlace says whether the place of restore points is there only because of
// this step: it holds no complete one.
func (h *Handler) madePlace(ctx context.Context, j *job) (bool, error) {
	if j.Dir {
		return false, nil
	}
	there, err := Exists(h.fs, j.p.Dir)
	if err != nil || !there {
		return false, err
	}
	list, err := j.e.List(ctx)
	return len(list) == 0, err
}

// RemoveEmpty removes a folder if it was not there before and nothing is in
// it.
func RemoveEmpty(fsys durable.FS, dir string, was bool) error {
	if was {
		return nil
	}
	list, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(list) > 0 {
		return nil
	} else if err != nil {
		return err
	}
	return fsys.Remove(dir)
}
