package migrate

import (
	"context"
	"fmt"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// site records in the database what the site has decided of a script, and says
// whether there is nothing to carry out: its effect was brought about by hand.
// The script stands there under the vendor's name and sum, so that later releases
// find it as they expect it; the sum of the site's own content stands beside it.
func site(ctx context.Context, env step.Env, db database.Database, sc plan.Script, script migration.Script) (done bool, err error) {
	d := sc.Review
	if d == nil {
		return false, nil
	}
	n := migration.Note{At: d.At, Script: sc.Name, By: d.By, Why: d.Note, Was: d.SHA256}
	switch d.Verdict {
	case plan.Edited:
		n.What = migration.Edited
		child.Log(env, "%s: as edited by the site (sha256 %.12s in the place of the vendor's %.12s), decided by %s", sc.Name, d.SHA256, sc.SHA256, d.By)
	case plan.DoneBy:
		n.What, done = migration.ByHand, true
		child.Log(env, "%s: not carried out, done by hand says %s: %s", sc.Name, d.By, d.Note)
	case plan.Approved:
		child.Log(env, "%s: as the vendor has it, approved by %s", sc.Name, d.By)
		return false, nil
	default:
		return false, fmt.Errorf("there is no verdict %q", d.Verdict)
	}
	return done, migration.Decide(ctx, db, script, n, done)
}
