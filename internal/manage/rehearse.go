package manage

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/rehearse"
)

// Rehearsal is what a rehearsal of an upgrade has shown.
type Rehearsal struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	UpToDate bool            `json:"upToDate,omitempty"`
	Left     []plan.LeftOut  `json:"left,omitempty"` // known before it began
	Result   rehearse.Result `json:"result"`
}

// Rehearse tries the migrations of an upgrade on copies of the data, and
// changes nothing else. The result is kept for the forecast of the next plan.
func (in *Installation) Rehearse(ctx context.Context, req Request, progress func(step.Progress)) (*Rehearsal, error) {
	req.Rehearse = "data"
	p, err := in.Prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	out := &Rehearsal{From: p.Installed, To: p.To, UpToDate: p.UpToDate}
	if p.UpToDate {
		return out, nil
	}
	var s *plan.Step
	for i := range p.Plan.Steps {
		if p.Plan.Steps[i].Verb == "rehearse" {
			s = &p.Plan.Steps[i]
		}
	}
	if s == nil {
		return nil, &RefusedError{What: "nothing can be rehearsed", Reasons: p.Plan.Notes}
	}
	params, err := step.Params[plan.RehearseParams](*s)
	if err != nil {
		return nil, err
	}
	out.Left = params.Left
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	lock, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	if err := in.quiet(ctx); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	// Named by the installation alone: what a killed rehearsal has left is swept by
	// the next one.
	env := step.Env{OpID: "rehearse/" + in.Doc.ID, Direction: step.Forward, Dir: p.temp.Path, State: in.State, Log: &log, Progress: progress,
		Touched: func(string) bool { return false }, Opened: time.Now(), Recall: func(string) (step.Memo, error) { return nil, nil }}
	if _, err := (&reaper{in: in, plan: p.Plan}).End(ctx, env.OpID); err != nil {
		return nil, err
	}
	if out.Result, err = in.computer().Rehearsal(scriptsOf{in.FS, p.Releases}).Rehearse(ctx, env, *s); err != nil {
		return nil, err
	}
	return out, rehearse.Keep(in.FS, in.State, out.Result)
}

// scriptsOf reads scripts of bundles that are open.
type scriptsOf struct {
	fs       durable.FS
	releases []Release
}

// Open implements rehearse.Scripts.
func (s scriptsOf) Open(_ context.Context, digest, name string) ([]byte, error) {
	for _, r := range s.releases {
		if r.Bundle.Digest() == digest {
			return fs.ReadFile(r.Bundle.FS(), name)
		}
	}
	return nil, fmt.Errorf("there is no bundle %.12s", digest)
}

// Site implements rehearse.Scripts.
func (s scriptsOf) Site(_ context.Context, state, sha256 string) ([]byte, error) {
	return s.fs.ReadFile(filepath.Join(state, plan.ReviewDir, sha256+".sql"))
}

// rehearsed takes the times of the last rehearsal of these bundles as those of
// the steps: they are of these data.
func (in *Installation) rehearsed(f *plan.Facts, hops []plan.HopInput) error {
	r, err := rehearse.Kept(in.FS, in.State)
	if err != nil {
		return err
	}
	for _, s := range r.Through() {
		for _, h := range hops {
			if h.Bundle.Digest == s.Bundle {
				f.History[s.ID] = s.Took
			}
		}
	}
	return nil
}
