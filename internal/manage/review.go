package manage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/drift"
	"upkeep/internal/plan"
	"upkeep/internal/review"
	"upkeep/internal/scratch"
)

// Review is what the site looks at before its customised databases meet the
// scripts of a release.
type Review struct {
	Product   string           `json:"product"`
	From      string           `json:"from"`
	To        string           `json:"to"`
	Databases []ReviewDatabase `json:"databases"`
	Scripts   []ReviewScript   `json:"scripts"` // in order
}

// ReviewDatabase is what is customised in a database.
type ReviewDatabase struct {
	Unit     string         `json:"unit"`
	Standard string         `json:"standard,omitempty"` // what it was compared with
	Unknown  string         `json:"unknown,omitempty"`  // why it is not known what is customised
	Objects  []ReviewObject `json:"objects"`
}

// ReviewObject is a customised object, without what looks like secrets.
type ReviewObject struct {
	drift.Difference
	Accepted string `json:"accepted,omitempty"` // it is as an earlier run left it: which one
}

// ReviewScript is a script with what it mentions of what is customised.
type ReviewScript struct {
	plan.Reviewed
	Text  string        `json:"text"`
	Own   string        `json:"own,omitempty"` // the site's own content, where it was edited
	Marks []ReviewMarks `json:"marks"`
}

// ReviewMarks are the lines in which a script mentions a customised object.
type ReviewMarks struct {
	Object string `json:"object"`
	Lines  []int  `json:"lines"`
}

// Open lists the scripts that nobody has decided yet.
func (r *Review) Open() []ReviewScript {
	return slices.DeleteFunc(slices.Clone(r.Scripts), func(s ReviewScript) bool { return s.Decision != nil })
}

// Database gives what is customised in a unit's database.
func (r *Review) Database(unit string) ReviewDatabase {
	for _, d := range r.Databases {
		if d.Unit == unit {
			return d
		}
	}
	return ReviewDatabase{Unit: unit}
}

// Review lists the scripts of an upgrade that must be looked at one by one; none
// where nothing is customised. What else stands in the way of the upgrade is no
// concern of it. It changes nothing.
func (in *Installation) Review(ctx context.Context, req Request) (*Review, error) {
	r, _, err := in.review(ctx, req)
	return r, err
}

func (in *Installation) review(ctx context.Context, req Request) (*Review, *Prepared, error) {
	p, err := in.survey(ctx, req)
	defer p.Close()
	var refusal *plan.Refusal
	var all []plan.Reviewed
	switch {
	case errors.As(err, &refusal) && len(refusal.Reviews) > 0:
		all = refusal.Reviews
	case err != nil:
		return nil, nil, err
	case p.Plan != nil:
		all = p.Plan.Reviews
	}
	out := &Review{Product: in.Doc.Product, From: p.Installed, To: p.To, Databases: []ReviewDatabase{}, Scripts: []ReviewScript{}}
	for _, s := range all {
		if !slices.ContainsFunc(out.Databases, func(d ReviewDatabase) bool { return d.Unit == s.Unit }) {
			d, err := in.reviewDatabase(s.Unit, p.Input.Facts.Customised[s.Unit])
			if err != nil {
				return nil, nil, err
			}
			out.Databases = append(out.Databases, d)
		}
		text, err := fs.ReadFile(p.Releases[s.Hop-1].Bundle.FS(), s.Script)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the script %s: %w", s.Script, err)
		}
		one := ReviewScript{Reviewed: s, Text: string(text), Marks: []ReviewMarks{}}
		for _, t := range review.Touches(kindOf(p, s), one.Text, p.Input.Facts.Customised[s.Unit].Differences) {
			one.Marks = append(one.Marks, ReviewMarks{t.Object().ID(), t.Lines})
		}
		if d := s.Decision; d != nil && d.Verdict == plan.Edited {
			own, err := in.FS.ReadFile(in.ownScript(d.SHA256))
			if err != nil {
				return nil, nil, fmt.Errorf("cannot read the edited script: %w", err)
			}
			one.Own = string(own)
		}
		out.Scripts = append(out.Scripts, one)
	}
	return out, p, nil
}

func kindOf(p *Prepared, s plan.Reviewed) string {
	return p.Input.Hops[s.Hop-1].Product.Components[plan.ComponentOf(s.Unit)].Kind
}

// reviewDatabase marks what is as an earlier run left it: what the site has
// accepted then.
func (in *Installation) reviewDatabase(unit string, c drift.Comparison) (ReviewDatabase, error) {
	out := ReviewDatabase{Unit: unit, Standard: c.Standard, Unknown: c.Unknown, Objects: []ReviewObject{}}
	before, err := in.recordedStandard(unit)
	if err != nil {
		return out, err
	}
	left := map[string]string{}
	if before != nil && before.Run != "" {
		for _, o := range before.Schema.Objects {
			left[o.ID()] = o.Definition
		}
	}
	for _, d := range c.Differences {
		o := ReviewObject{Difference: d.Redacted()}
		was, there := left[d.Object().ID()]
		if before != nil && before.Run != "" && (d.How == drift.Missing && !there || d.How != drift.Missing && there && was == d.Have) {
			o.Accepted = before.words()
		}
		out.Objects = append(out.Objects, o)
	}
	return out, nil
}

// ReviewDecision is what a person says of a script.
type ReviewDecision struct {
	Script  string // its path in the bundle, or its name alone where that is enough
	Verdict plan.Verdict
	Note    string
	Content []byte // edit
	SHA256  string // of the script that was looked at; empty: not said
}

// DecideScript keeps what the person in the request says of a script. Scripts are
// decided in order; one that was decided may be decided anew. It gives the review
// as it is then, and which of its scripts it was.
func (in *Installation) DecideScript(ctx context.Context, req Request, d ReviewDecision) (*Review, int, error) {
	r, p, err := in.review(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	n, err := r.Find(d.Script)
	if err != nil {
		return nil, 0, err
	}
	s := &r.Scripts[n]
	if open := r.Open(); len(open) > 0 && s.Decision == nil && (open[0].Script != s.Script || open[0].Unit != s.Unit) {
		return nil, 0, &RefusedError{What: "cannot decide " + s.Script + " yet", Reasons: []string{"the scripts are decided in the order in which they run, since each rests on those before it: next is " + open[0].Script}}
	}
	if d.SHA256 != "" && d.SHA256 != s.SHA256 {
		return nil, 0, &RefusedError{What: "cannot decide " + s.Script, Reasons: []string{"it is not the script any more that was shown: look at it again"}}
	}
	made := plan.Decision{Verdict: d.Verdict, By: req.By, At: time.Now().UTC().Format(time.RFC3339), Note: strings.TrimSpace(d.Note)}
	switch d.Verdict {
	case plan.Approved:
	case plan.DoneBy:
		if made.Note == "" {
			return nil, 0, &RefusedError{What: "cannot mark " + s.Script + " as done", Reasons: []string{"it will not be carried out, so say what was done in its place, with a note"}}
		}
	case plan.Edited:
		if err := checkEdited(kindOf(p, s.Reviewed), s, d.Content); err != nil {
			return nil, 0, &RefusedError{What: "cannot take the edited " + s.Script, Reasons: []string{err.Error()}}
		}
		made.Diff = scriptDiff(s.Script, s.Text, string(d.Content))
	}
	return r, n, in.keep(ctx, func(all map[string]stored) error {
		if d.Verdict == plan.Edited {
			var err error
			if made.SHA256, err = in.keepScript(d.Content); err != nil {
				return err
			}
		}
		s.Decision, s.Stale, s.Own = &made, "", string(d.Content)
		touched := review.Touches(kindOf(p, s.Reviewed), s.Text, p.Input.Facts.Customised[s.Unit].Differences)
		all[plan.ReviewKey(s.Unit, plan.Script{Name: s.Script, SHA256: s.SHA256})] = stored{made, objectsDigest(touched)}
		return nil
	})
}

// checkEdited says why an edited script cannot take the vendor's place.
func checkEdited(kind string, s *ReviewScript, text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	switch {
	case !utf8.Valid(text):
		return errors.New("it is not UTF-8")
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("it is empty: to leave the script out, mark it as done")
	case string(text) == s.Text:
		return errors.New("it is as the vendor has it: approve it")
	}
	script := migration.Script{Script: database.Script{Name: s.Script, SQL: string(text)}}
	var err error
	if script.Marks, err = migration.ReadMarks(script.Script); err != nil {
		return err
	}
	return script.Check(kind)
}

// ResetReview forgets what was decided: of one script, or of all that are known.
// The edited scripts themselves are kept, since runs may speak of them.
func (in *Installation) ResetReview(ctx context.Context, req Request, script string) (int, error) {
	n := 0
	if script == "" {
		err := in.undecided(ctx, func() error {
			all, _ := in.decisions() // what cannot be read is forgotten all the same
			n = len(all)
			return in.keepDecisions(map[string]stored{})
		})
		return n, err
	}
	r, err := in.Review(ctx, req)
	if err != nil {
		return 0, err
	}
	i, err := r.Find(script)
	if err != nil {
		return 0, err
	}
	s := r.Scripts[i]
	err = in.keep(ctx, func(all map[string]stored) error {
		n = len(all)
		delete(all, plan.ReviewKey(s.Unit, plan.Script{Name: s.Script, SHA256: s.SHA256}))
		n -= len(all)
		return nil
	})
	return n, err
}

// keep changes the decisions.
func (in *Installation) keep(ctx context.Context, change func(all map[string]stored) error) error {
	return in.undecided(ctx, func() error {
		all, err := in.decisions()
		if err != nil {
			return err
		}
		if err := change(all); err != nil {
			return err
		}
		return in.keepDecisions(all)
	})
}

// undecided does something with the decisions while no run is open.
func (in *Installation) undecided(ctx context.Context, do func() error) error {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return fmt.Errorf("cannot make the state folder: %w", err)
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	return do()
}

// Find gives the script of that path or name, in front of which its component may
// stand: COMPONENT:SCRIPT.
func (r *Review) Find(name string) (int, error) {
	var found []int
	var names []string
	for i, s := range r.Scripts {
		names = append(names, s.Script)
		if slices.Contains([]string{s.Script, s.Unit + ":" + s.Script, path.Base(s.Script)}, name) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var list []string
		for _, i := range found {
			list = append(list, r.Scripts[i].Unit+":"+r.Scripts[i].Script)
		}
		return 0, &RefusedError{What: fmt.Sprintf("there are several scripts %q", name), Reasons: []string{"say which one: " + strings.Join(list, ", ")}}
	case len(names) == 0:
		return 0, &RefusedError{What: "there is nothing to review", Reasons: []string{"no customised database is to be migrated by a script"}}
	}
	return 0, &RefusedError{What: fmt.Sprintf("there is no script %q to review", name), Reasons: []string{"there are " + strings.Join(names, ", ")}}
}

// Editing gives a person's program a text in a file of its own, and what she has
// made of it.
func Editing(name string, text []byte, edit func(path string) error) (out []byte, err error) {
	temp, err := scratch.New(realFiles(), "", "review")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the editor: %w", err)
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	at := filepath.Join(temp.Path, name)
	if err := os.WriteFile(at, text, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the script for the editor: %w", err)
	}
	if err := edit(at); err != nil {
		return nil, err
	}
	return os.ReadFile(at)
}
