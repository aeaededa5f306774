package manage

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/approval"
	"upkeep/internal/bundle"
	"upkeep/internal/feed"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// approvalName is the file of a run's folder with the site's approval.
const approvalName = "approval.json"

// vouchName is the folder of a run with what vouches for its releases.
const vouchName = "vouched"

func (in *Installation) siteKeyPath() string { return filepath.Join(in.State, "site.key") }

// approve signs, as the site, what a person has said yes to. It gives the sum of
// the file, which the journal keeps.
func (in *Installation) approve(p *plan.Plan, id, by string) (string, error) {
	key, err := approval.MakeKey(in.FS, in.siteKeyPath())
	if err != nil {
		return "", err
	}
	a := approving(p)
	a.By, a.At = by, time.Now()
	file, err := a.Sign(key)
	if err != nil {
		return "", fmt.Errorf("cannot approve the plan: %w", err)
	}
	if err := in.FS.WriteFile(filepath.Join(in.RunDir(id), approvalName), file, 0o600); err != nil {
		return "", fmt.Errorf("cannot keep the approval of the plan: %w", err)
	}
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:]), nil
}

// keepVouch keeps, with the run, what the feed says of its releases. The feed's
// word must hold now.
func (in *Installation) keepVouch(ctx context.Context, p *plan.Plan, id string) error {
	if p.Vouch == nil || p.Vouch.Feed == "" {
		return nil
	}
	f, err := in.Feed(nil)
	if err != nil {
		return err
	}
	return distrust(f.Keep(ctx, filepath.Join(in.RunDir(id), vouchName)))
}

// stillVouched checks again that the feed names the releases of a run: from what
// was kept with it, from the root that the plan names.
func (in *Installation) stillVouched(ctx context.Context, r *Run) error {
	v := r.Plan.Vouch
	if v != nil && len(v.Signers) > 0 {
		return stillPushed(in.FS, r.Dir, r.Plan)
	}
	if v == nil || v.Feed == "" {
		return nil
	}
	x, err := feed.Kept(ctx, in.FS, filepath.Join(r.Dir, vouchName), r.Plan.Product, v.Root)
	if err != nil {
		return &approval.RefusedError{Why: "its vendor's word for the releases does not hold: " + err.Error()}
	}
	for _, h := range r.Plan.Hops {
		if said := x.Find(h.To); said == nil || said.Digest != h.Bundle {
			return &approval.RefusedError{Why: fmt.Sprintf("the vendor does not name the bundle %.12s… as release %s", h.Bundle, h.To)}
		}
	}
	return nil
}

// approving is what an approval of a plan says.
func approving(p *plan.Plan) approval.Approval {
	a := approval.Approval{Installation: p.Installation, Product: p.Product, From: p.From, To: p.To, Plan: p.Digest}
	for _, h := range p.Hops {
		a.Bundles = append(a.Bundles, h.Bundle)
	}
	return a
}

// approved refuses to carry a run on whose approval does not hold: it, the plan,
// or a release was changed since a person said yes. What undoes a run needs no
// approval, and neither does what lets users in again behind the barrier.
func (in *Installation) approved(ctx context.Context, r *Run) error {
	if r.State.Mode != run.Going || r.State.Barrier || r.State.Opened.Approval == "" { // Upkeep of before made none
		return nil
	}
	err := in.approvalHolds(ctx, r)
	if err == nil {
		return nil
	}
	for _, s := range r.State.Steps {
		if s.Touched {
			return fmt.Errorf("run %s is not carried on: %w; upkeep back undoes what it has done so far", r.ID, err)
		}
	}
	return fmt.Errorf("run %s is not carried out: %w; nothing was touched: upkeep back ends it, and everything stays as it was", r.ID, err)
}

func (in *Installation) approvalHolds(ctx context.Context, r *Run) error {
	file, err := in.FS.ReadFile(filepath.Join(r.Dir, approvalName))
	if err != nil {
		return &approval.RefusedError{Why: err.Error()}
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != r.State.Opened.Approval {
		return &approval.RefusedError{Why: "the approval is not the one that the run was opened with"}
	}
	key, err := approval.Key(in.FS, in.siteKeyPath())
	if err != nil {
		return &approval.RefusedError{Why: err.Error()}
	}
	a, err := approval.Verify(file, key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	if err := a.Covers(approving(r.Plan)); err != nil {
		return err
	}
	if err := in.stillVouched(ctx, r); err != nil {
		return err
	}
	if r.Plan.Trigger == plan.TriggerBack {
		return nil // it takes nothing out of a release
	}
	for _, digest := range a.Bundles {
		b, err := bundle.Open(ctx, in.FS, filepath.Join(in.bundlesDir(), digest), bundle.Options{})
		switch {
		case errors.Is(err, bundle.ErrDamaged) || errors.Is(err, fs.ErrNotExist):
			return &approval.RefusedError{Why: err.Error()}
		case err != nil:
			return err
		case b.Digest() != digest:
			return &approval.RefusedError{Why: fmt.Sprintf("the copy of a release in %s is another one", b.Dir())}
		}
	}
	return nil
}
