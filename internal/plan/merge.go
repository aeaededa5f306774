package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// MergeParams: in the staged tree, files that the site has edited take the
// place of those that the release ships: merged, or as the site has them.
type MergeParams struct {
	Component string      `json:"component"` // unit
	Staging   string      `json:"staging"`
	From      string      `json:"from"`             // the tree where the site's files lie: the live one, or what the hop before has staged
	Base      *MergeBase  `json:"base,omitempty"`   // where the files lie as they were shipped
	Beside    string      `json:"beside,omitempty"` // suffix of what lies beside a file that is kept
	Files     []Merged    `json:"files"`            // sorted
	Validate  []Validator `json:"validate,omitempty"`
}

// MergeBase is the payload that the site's files were edited from.
type MergeBase struct {
	Bundle  string `json:"bundle"` // digest
	Payload string `json:"payload"`
	Sums    string `json:"sums"`
}

// Merged is what comes of one edited file. Its text is not here, since it may
// hold secrets: the step makes it again, and must come to the same.
type Merged struct {
	Path     string            `json:"path"`
	How      string            `json:"how"`                // merge, keep
	Format   string            `json:"format,omitempty"`   // how it is merged
	Was      string            `json:"was"`                // SHA-256 of the site's file
	Base     string            `json:"base,omitempty"`     // SHA-256 of the file as it was shipped
	New      string            `json:"new"`                // SHA-256 of what the release ships
	Text     string            `json:"text"`               // SHA-256 of what is installed
	Choices  map[string]string `json:"choices,omitempty"`  // of conflicts, by key
	Kept     []string          `json:"kept,omitempty"`     // keys of the site that are in it
	Obsolete []string          `json:"obsolete,omitempty"` // of these, those that the release has no more
	Open     int               `json:"open,omitempty"`     // conflicts that nobody has decided: the plan cannot be carried out
	Diff     []string          `json:"diff,omitempty"`     // from the site's file to this one, without secrets
	ByLines  string            `json:"byLines,omitempty"`  // why it was merged line by line
}

// Validator is a command that must find a file good.
type Validator struct {
	Path string    `json:"path"`
	Run  RunParams `json:"run"` // "${file}" is the file
}

// MergeFact is what comes of the edited files of a unit in a hop.
type MergeFact struct {
	Base  *MergeBase
	Files []Merged
	Asked []MergeConflict
	Notes []string // what is not merged, and why
}

// MergeConflict is a key that both the site and the release have changed.
type MergeConflict struct {
	ID     string // of the question
	Key    string // of the word that answers it
	Text   string // without secrets
	Secret bool
	Wrong  string // why the answer cannot be used
}

// MergeKey is under which a hop's merges of a unit stand in Facts.Merges.
func MergeKey(hop int, unit string) string { return fmt.Sprintf("%d %s", hop, unit) }

// Title says what becomes of the file.
func (m Merged) Title() string {
	switch {
	case m.How == "keep":
		return "the site's file stays, the release's lies beside it"
	case m.Open > 0:
		return fmt.Sprintf("merged, once %s decided", several(m.Open, "key that both have changed is", "keys that both have changed are"))
	case len(m.Kept) == 0:
		return "as the release ships it"
	}
	return fmt.Sprintf("merged: the release's file with %s of the site", several(len(m.Kept), "change", "changes"))
}

func several(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// fate is what the hop in the making does with an edited file in the staged
// tree; nil: nothing.
func (b *builder) fate(id, file string) *Merged {
	for _, f := range b.in.Facts.Merges[MergeKey(b.n, id)].Files {
		if f.Path == file {
			return &f
		}
	}
	return nil
}

// merged are the files that are merged from what lies in the live tree.
func (b *builder) merged(id string) map[string]string {
	var out map[string]string
	for _, f := range b.in.Facts.Merges[MergeKey(b.n, id)].Files {
		if out == nil {
			out = map[string]string{}
		}
		out[f.Path] = f.Was
	}
	return out
}

// merge puts the site's settings into the staged tree of a hop, and asks for
// what nobody but a person can decide.
func (b *builder) merge(id string, at string, h HopInput) {
	fact := b.in.Facts.Merges[MergeKey(b.n, id)]
	for _, n := range fact.Notes {
		b.note("%s", n)
	}
	for _, q := range fact.Asked {
		want := []string{"mine", "new"}
		if !q.Secret {
			want = append(want, "= and a value")
		}
		b.ask(Asked{Kind: AskedAnswer, ID: q.ID, Key: q.Key, Task: Task{Text: q.Text}, Want: want, Lacks: q.Wrong})
	}
	if len(fact.Files) == 0 {
		return
	}
	p := &MergeParams{Component: id, Staging: staging(at, b.n), From: at, Base: fact.Base, Files: fact.Files}
	if b.n > b.joins(id) {
		p.From = staging(at, b.n-1)
	}
	c := b.res.Product.Components[id]
	if c.Config != nil {
		p.Beside = c.Config.Beside
		for _, v := range c.Config.Validate {
			b.validators(p, id, v.Files, v.Run, v.As)
		}
	}
	for _, f := range fact.Files {
		for _, k := range f.Obsolete {
			b.note("%s: %s of %s is not in %s any more; the site's value is carried over", id, k, f.Path, h.Release.Version)
		}
		if f.ByLines != "" {
			b.note("%s: %s is merged line by line: %s", id, f.Path, f.ByLines)
		}
	}
	b.add(Step{ID: "merge." + id, Verb: "merge", Phase: "stage", Class: Reversible,
		Title: fmt.Sprintf("put the site's settings into %s %s (%s)", id, h.Release.Version, several(len(fact.Files), "file", "files"))}, p)
}

// validators names the command for every file that it is for.
func (b *builder) validators(p *MergeParams, id, pattern string, run []string, as string) {
	args, err := b.res.Scope.ExpandAll(run)
	if !b.check(err) {
		return
	}
	account := b.account(as)
	if account == "" && b.in.Facts.Root {
		b.refuse("the validator %s of component %s has no account: say as: ACCOUNT; root must be written", args[0], id)
	}
	for _, f := range p.Files {
		name := f.Path
		if !strings.Contains(pattern, "/") {
			name = path.Base(name)
		}
		if ok, err := path.Match(pattern, name); pattern == "" || ok && err == nil {
			p.Validate = append(p.Validate, Validator{Path: f.Path, Run: RunParams{Args: slices.Clone(args), Env: b.res.Env, As: account, OutputMax: outputMax}})
		}
	}
}
