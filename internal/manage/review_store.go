package manage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/review"
)

// stored is a decision with what it rests on.
type stored struct {
	plan.Decision
	Objects string `json:"objects"` // digest of the customised objects that the script mentioned then
}

func (in *Installation) reviewDir() string { return filepath.Join(in.State, plan.ReviewDir) }

func (in *Installation) decisionsPath() string {
	return filepath.Join(in.reviewDir(), "decisions.json")
}

// decisions reads what was decided, by plan.ReviewKey.
func (in *Installation) decisions() (map[string]stored, error) {
	out := map[string]stored{}
	raw, err := in.FS.ReadFile(in.decisionsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what was decided of the scripts: %w; upkeep review reset forgets it", err)
	}
	return out, nil
}

func (in *Installation) keepDecisions(all map[string]stored) error {
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := in.FS.MkdirAll(in.reviewDir(), 0o700); err != nil {
		return fmt.Errorf("cannot keep the decision: %w", err)
	}
	_ = durable.Sweep(in.FS, in.reviewDir()) // what is left there is in nobody's way
	if err := in.FS.WriteFile(in.decisionsPath(), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot keep the decision: %w", err)
	}
	return nil
}

// keepScript keeps the site's own content of a script under its sum.
func (in *Installation) keepScript(text []byte) (sum string, err error) {
	h := sha256.Sum256(text)
	sum = hex.EncodeToString(h[:])
	if err := in.FS.MkdirAll(in.reviewDir(), 0o700); err != nil {
		return "", fmt.Errorf("cannot keep the edited script: %w", err)
	}
	if err := in.FS.WriteFile(in.ownScript(sum), text, 0o600); err != nil {
		return "", fmt.Errorf("cannot keep the edited script: %w", err)
	}
	return sum, nil
}

func (in *Installation) ownScript(sum string) string {
	return filepath.Join(in.reviewDir(), sum+".sql")
}

// reviewFacts gives what is known of the scripts for databases that may have to
// be reviewed: what they mention, and which decision counts.
func (in *Installation) reviewFacts(hops []plan.HopInput, releases []Release, facts plan.Facts) (map[string]plan.ReviewFact, error) {
	var decided map[string]stored
	out := map[string]plan.ReviewFact{}
	for i, h := range hops {
		for unit := range facts.Applied {
			c := h.Product.Components[plan.ComponentOf(unit)]
			if c.Review == nil {
				continue
			}
			if decided == nil {
				var err error
				if decided, err = in.decisions(); err != nil {
					return nil, err
				}
			}
			for _, list := range h.Bundle.Scripts {
				for _, s := range list {
					text, err := fs.ReadFile(releases[i].Bundle.FS(), s.Name)
					if err != nil {
						return nil, fmt.Errorf("cannot read the script %s: %w", s.Name, err)
					}
					touched := review.Touches(c.Kind, string(text), facts.Customised[unit].Differences)
					out[plan.ReviewKey(unit, s)] = in.reviewFact(decided[plan.ReviewKey(unit, s)], touched)
				}
			}
		}
	}
	return out, nil
}

// asDecided gives a set's scripts as they will be carried out: with the site's own
// content where it has edited one; and which of them will not be.
func (in *Installation) asDecided(s scriptSet, scripts []migration.Script) (out []migration.Script, byHand map[string]bool, err error) {
	if s.release.Product.Components[plan.ComponentOf(s.Unit)].Review == nil {
		return scripts, nil, nil
	}
	all, err := in.decisions()
	if err != nil {
		return nil, nil, err
	}
	out, byHand = slices.Clone(scripts), map[string]bool{}
	for i, sc := range out {
		switch d := all[plan.ReviewKey(s.Unit, plan.Script{Name: sc.Name, SHA256: sc.SHA256})]; d.Verdict {
		case plan.DoneBy:
			byHand[sc.Name] = true
		case plan.Edited:
			text, err := in.FS.ReadFile(in.ownScript(d.SHA256))
			if err != nil {
				continue // the review says so, and is open
			}
			own := migration.Script{Script: database.Script{Name: sc.Name, SQL: string(bytes.TrimPrefix(text, []byte("\uFEFF")))}, SHA256: sc.SHA256}
			if own.Marks, err = migration.ReadMarks(own.Script); err != nil {
				return nil, nil, err
			}
			out[i] = own
		}
	}
	return out, byHand, nil
}

func (in *Installation) reviewFact(d stored, touched []review.Touch) plan.ReviewFact {
	var f plan.ReviewFact
	for _, t := range touched {
		f.Touches = append(f.Touches, t.Object().ID())
	}
	switch {
	case d.Verdict == "":
		return f
	case d.Objects != objectsDigest(touched):
		f.Stale = fmt.Sprintf("%s decided it (%s) on %s, and the customised objects that it mentions have changed since", d.By, d.Verdict, d.At)
		return f
	case d.Verdict == plan.Edited:
		text, err := in.FS.ReadFile(in.ownScript(d.SHA256))
		if err == nil {
			if h := sha256.Sum256(text); hex.EncodeToString(h[:]) != d.SHA256 {
				err = errors.New("it was changed")
			}
		}
		if err != nil {
			f.Stale = fmt.Sprintf("%s edited it on %s, and the edited script cannot be used: %v", d.By, d.At, err)
			return f
		}
	}
	f.Decision = &d.Decision
	return f
}

// objectsDigest tells whether a script mentions the same customised objects, in
// the same state.
func objectsDigest(touched []review.Touch) string {
	h := sha256.New()
	for _, t := range touched {
		fmt.Fprintf(h, "%q %q %q\n", t.Object().ID(), t.How, t.Have)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// scriptDiff is the vendor's script against the site's, without the values of
// what looks like secrets.
func scriptDiff(name, vendor, own string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s (vendor)\n+++ %s (site)\n", name, name)
	for _, h := range drift.Hunks(drift.Lines(vendor, own), 3) {
		for _, l := range h.Lines {
			fmt.Fprintf(&b, "%c%s\n", l.Op, drift.Redact(l.Text))
		}
	}
	return b.String()
}
