package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/plan"
)

// scriptFacts asks the databases, before anything is closed, which scripts of
// the hops would fail: because one that is applied has changed, one cannot be
// carried out as it is, or something of the site depends on what it alters.
// Where a database cannot be asked, other facts say so.
func (in *Installation) scriptFacts(ctx context.Context, hops []hop, facts *plan.Facts) {
	facts.Scripts = map[string]plan.ScriptFact{}
	for _, h := range hops {
		sets, err := in.setsOf(ctx, &h.release)
		if err != nil {
			continue // the compiler finds it, and says where
		}
		for _, s := range sets {
			f, err := in.scriptFact(ctx, s)
			if err != nil && !errors.Is(err, database.ErrNoDatabase) {
				f.Notes = append(f.Notes, fmt.Sprintf("whether the scripts in %s would fail could not be found out before: %v", s.Step.Scripts, err))
			}
			facts.Scripts[plan.ScriptKey(h.release.Release.Version, s.Unit, s.Step.Scripts)] = f
		}
	}
}

func (in *Installation) scriptFact(ctx context.Context, s scriptSet) (f plan.ScriptFact, err error) {
	scripts, err := s.read()
	if err != nil {
		if errors.Is(err, database.ErrScript) {
			return plan.ScriptFact{Refused: []string{fmt.Sprintf("a script of %s cannot be carried out: %v: report it to the vendor", s.Unit, err)}}, nil
		}
		return f, err
	}
	scripts, byHand, err := in.asDecided(s, scripts)
	if err != nil {
		return f, err
	}
	db, err := in.databases.Open(ctx, *s.DB, "look")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, sc := range scripts {
		if err := sc.Check(db.Kind()); err != nil {
			f.Refused = append(f.Refused, fmt.Sprintf("a script of %s cannot be carried out: %v: report it to the vendor", s.Unit, err))
		}
	}
	j, err := migration.Read(ctx, db)
	if err != nil {
		return f, err
	}
	list, err := migration.Compare(ctx, db, j, scripts)
	if err != nil {
		return f, err
	}
	var pending []migration.Script
	for i, st := range list {
		switch {
		case st.State == migration.Changed:
			f.Refused = append(f.Refused, fmt.Sprintf("script %s was applied before with another content (%s): ask the vendor, for a script that was published must not change; where the vendor says that what was applied is as good: upkeep migrations repair %[1]s --from BUNDLE --why TEXT", st.Script, st.Why))
		case st.State == migration.Unclear:
			f.Refused = append(f.Refused, fmt.Sprintf("%s: look what of it is there and finish the script by hand, then: upkeep migrations repair %s --from BUNDLE --why TEXT", st.Why, st.Script))
		case st.Applied == nil && !byHand[st.Script]:
			pending = append(pending, scripts[i])
		}
	}
	blocks, err := migration.Blocking(ctx, db, pending)
	for _, b := range blocks {
		if b.Lost != "" {
			f.Notes = append(f.Notes, fmt.Sprintf("%s: %s; if it is the site's own, keep its definition", b, b.Lost))
			continue
		}
		f.Refused = append(f.Refused, fmt.Sprintf("%s: the database would refuse it. If that is the site's own, keep its definition, drop it before the upgrade, and make it again after; if it is the product's, report it to the vendor", b))
	}
	return f, err
}

// backOver refuses a way back that would leave the version before on data from
// which scripts have taken away what it needs: their database is not in the
// restore point. Where it is, all that they took away comes back with it, and
// the database need not even answer.
func (in *Installation) backOver(ctx context.Context, params *plan.ReturnParams) error {
	_, sets, done, err := in.sets(ctx, "")
	if err != nil {
		return nil // there are no scripts, or what reads the documents next says what is wrong
	}
	defer done()
	for _, s := range sets {
		if !s.Contract || slices.ContainsFunc(params.Databases, func(d plan.Database) bool { return d.Component == s.Unit }) {
			continue
		}
		list, err := in.statuses(ctx, s)
		if err != nil {
			return fmt.Errorf("cannot tell whether scripts have taken away what the version before needs: %w", err)
		}
		for _, st := range list {
			if st.Applied != nil && st.State != migration.Baseline && st.State != migration.Other || st.Wrong() {
				return &NoReturnError{Why: fmt.Sprintf("script %s has taken away what the version before needs of %s, and restore point %s does not hold that database", st.Script, s.Unit, params.Point)}
			}
		}
	}
	return nil
}
