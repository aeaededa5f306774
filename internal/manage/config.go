package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/config"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/support"
)

// mostConfig bounds the files that are merged: what is larger is no
// configuration. mostDiff bounds what of a difference stands in a plan.
const (
	mostConfig = 1 << 20
	mostDiff   = 300
)

// merges finds out, before anybody says yes, what comes of the edited files
// that are merged or kept in place. What was answered now is kept first; an
// answer that nobody asks for is refused.
func (in *Installation) merges(ctx context.Context, input *plan.Input, p *Prepared, base *Release, req Request) error {
	m := &merger{in: in, input: input, p: p, base: base, taken: map[string]bool{}, keys: map[string]plan.MergeConflict{}, hide: support.NewRedactor(nil).Text}
	if err := m.all(ctx); err != nil {
		return err
	}
	heard := false
	for _, id := range slices.Sorted(maps.Keys(req.later)) {
		q, ok := m.keys[id]
		if !ok {
			return fmt.Errorf("nobody asks %q: what is asked of edited files is %s", id, cmp.Or(strings.Join(slices.Sorted(maps.Keys(m.keys)), ", "), "nothing"))
		}
		value := strings.TrimSpace(req.later[id])
		if q.Secret && strings.HasPrefix(value, "=") {
			return fmt.Errorf("the value for %s is a secret, and secrets are not given in commands: say mine or new, and change the file", id)
		}
		w := plan.Word{Value: value, By: req.By}
		if _, err := in.say(ctx, plan.AskedAnswer, q.Key, w); err != nil {
			return err
		}
		said, err := in.words(ctx)
		if err != nil {
			return err
		}
		if input.Facts.Said == nil {
			input.Facts.Said = map[string]plan.Word{}
		}
		input.Facts.Said[q.Key] = said[q.Key]
		heard = true
	}
	if !heard {
		return nil
	}
	m.taken, m.keys = map[string]bool{}, map[string]plan.MergeConflict{}
	return m.all(ctx)
}

// merger makes the merges of a plan.
type merger struct {
	in    *Installation
	input *plan.Input
	p     *Prepared
	base  *Release // the installed one; nil: it is not at hand
	taken map[string]bool
	keys  map[string]plan.MergeConflict // by the id of the question
	hide  func(string) string
}

func (m *merger) all(ctx context.Context) error {
	m.input.Facts.Merges = map[string]plan.MergeFact{}
	for _, unit := range slices.Sorted(maps.Keys(m.input.Facts.Edited)) {
		if err := m.unit(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// editing is one edited file on its way through the hops.
type editing struct {
	path, how string
	format    config.Format
	base      []byte // as the release before has shipped it
	text      []byte // as it lies before the hop
}

func (m *merger) unit(ctx context.Context, unit string) error {
	component, fact := plan.ComponentOf(unit), m.input.Facts.Instances[unit]
	first := m.hop(component, -1)
	if first < 0 || len(m.input.Units) > 0 && !slices.Contains(m.input.Units, unit) {
		return nil
	}
	list := m.wanted(unit, first)
	if len(list) == 0 {
		return nil
	}
	notes, err := m.read(ctx, unit, fact, first, &list)
	if err != nil {
		return err
	}
	base := m.baseOf(component)
	for n := first; n >= 0 && (len(list) > 0 || len(notes) > 0); n = m.hop(component, n) {
		texts, err := m.picked(ctx, m.p.Releases[n], component, list)
		if err != nil {
			return err
		}
		out := plan.MergeFact{Base: base, Notes: notes}
		notes = nil
		for _, e := range list {
			done, err := m.file(unit, n, e, texts[e.path], &out)
			if err != nil {
				return err
			}
			out.Files = append(out.Files, done)
		}
		m.input.Facts.Merges[plan.MergeKey(n+1, unit)] = out
		r := m.p.Releases[n]
		base = &plan.MergeBase{Bundle: r.Bundle.Digest(), Payload: r.Release.Payloads[component], Sums: sumsOf(component)}
	}
	return nil
}

// hop is the next one that brings a payload for the component; -1: none.
func (m *merger) hop(component string, after int) int {
	for n := after + 1; n < len(m.input.Hops); n++ {
		if _, ok := m.p.Releases[n].Release.Payloads[component]; ok {
			return n
		}
	}
	return -1
}

func (m *merger) baseOf(component string) *plan.MergeBase {
	if m.base == nil || m.base.Release.Payloads[component] == "" {
		return nil
	}
	return &plan.MergeBase{Bundle: m.base.Bundle.Digest(), Payload: m.base.Release.Payloads[component], Sums: sumsOf(component)}
}

// wanted are the edited files that are to be merged or kept: as the site says of
// the file, otherwise as the vendor does of the component.
func (m *merger) wanted(unit string, hop int) (list []*editing) {
	c := m.input.Hops[hop].Product.Components[plan.ComponentOf(unit)].Config
	if c == nil {
		c = &manifest.Config{}
	}
	formats := map[string]config.Format{}
	for pattern, f := range c.Formats {
		formats[pattern] = config.Format(f)
	}
	for _, e := range m.input.Facts.Edited[unit] {
		how := cmp.Or(m.input.Site.Edited[e.Path], c.Edited)
		if e.What == string(files.Content) && (how == "merge" || how == "keep") {
			list = append(list, &editing{path: e.Path, how: how, format: config.FormatOf(e.Path, formats)})
		}
	}
	return list
}

// read reads the site's files, and those that they were edited from. What
// cannot be merged is left to be kept aside, and said.
func (m *merger) read(ctx context.Context, unit string, fact plan.InstanceFact, first int, list *[]*editing) (notes []string, err error) {
	component := plan.ComponentOf(unit)
	var based map[string][]byte
	if m.base != nil && m.base.Release.Payloads[component] != "" {
		if based, err = m.picked(ctx, *m.base, component, *list); err != nil {
			return nil, err
		}
	}
	everywhere := map[string]int{}
	hops := 0
	for n := first; n >= 0; n = m.hop(component, n) {
		texts, err := m.picked(ctx, m.p.Releases[n], component, *list)
		if err != nil {
			return nil, err
		}
		hops++
		for p := range texts {
			everywhere[p]++
		}
	}
	alone := m.input.Hops[first].Product.Components[component].Independent && fact.Version != "" && fact.Version != m.p.Installed
	var out []*editing
	for _, e := range *list {
		text, ok := m.site(filepath.Join(fact.Real, filepath.FromSlash(e.path)))
		e.text, e.base = text, based[e.path]
		why := ""
		switch {
		case !ok:
			why = "it is no regular file of at most 1 MiB"
		case everywhere[e.path] < hops:
			why = "not every release on the way ships a file of that name"
		case alone:
			why = "the component has another version than the product"
		case e.how == "merge" && e.base == nil:
			why = fmt.Sprintf("what %s has shipped is not at hand (name a folder with --from that has its bundle too)", m.p.Installed)
		case e.how == "merge" && !(config.Text(text) && config.Text(e.base)):
			why = "it is no text"
		}
		if why == "" {
			out = append(out, e)
			continue
		}
		what := "merged"
		if e.how == "keep" {
			what = "kept in its place"
		}
		notes = append(notes, fmt.Sprintf("%s: %s cannot be %s: %s", unit, e.path, what, why))
	}
	*list = out
	return notes, nil
}

// site reads a file of the site.
func (m *merger) site(path string) ([]byte, bool) {
	i, err := m.in.FS.Lstat(path)
	if err != nil || !i.IsRegular() || i.Size > mostConfig {
		return nil, false
	}
	text, err := m.in.FS.ReadFile(path)
	return text, err == nil
}

func sumsOf(component string) string { return "sums/" + component + ".sums" }

// picked reads the files out of a release's payload.
func (m *merger) picked(ctx context.Context, r Release, component string, list []*editing) (map[string][]byte, error) {
	var paths []string
	for _, e := range list {
		paths = append(paths, e.path)
	}
	f, err := r.Bundle.FS().Open(r.Release.Payloads[component])
	if err != nil {
		return nil, fmt.Errorf("cannot read the payload of %s %s: %w", component, r.Release.Version, err)
	}
	defer f.Close()
	return files.Pick(ctx, f, paths, mostConfig)
}

// file merges one file in one hop, and notes what is asked of it. It goes on
// as what it has become.
func (m *merger) file(unit string, hop int, e *editing, fresh []byte, fact *plan.MergeFact) (plan.Merged, error) {
	out := plan.Merged{Path: e.path, How: e.how, Was: sumOf(e.text), New: sumOf(fresh)}
	text := e.text
	if e.how == "merge" {
		r, choices, err := m.decided(unit, hop, e, fresh, fact)
		if err != nil {
			return out, fmt.Errorf("cannot merge %s of %s: %w", e.path, unit, err)
		}
		text = r.Text
		for _, c := range r.Conflicts {
			if c.Chosen == "" {
				out.Open++
			}
		}
		out.Format, out.Base, out.Kept, out.Obsolete, out.Choices = string(e.format), sumOf(e.base), r.Kept, r.Obsolete, choices
		if r.Format != e.format {
			out.ByLines = r.Why
		}
	}
	shown := config.DiffHidden(e.text, text, e.format, m.hide)
	if e.how == "keep" {
		shown = nil
	}
	if len(shown) > mostDiff {
		shown = append(shown[:mostDiff], fmt.Sprintf("… and %d lines more", len(shown)-mostDiff))
	}
	out.Diff, out.Text = shown, sumOf(text)
	e.base, e.text = fresh, text
	return out, nil
}

func sumOf(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// decided merges with what was answered.
func (m *merger) decided(unit string, hop int, e *editing, fresh []byte, fact *plan.MergeFact) (config.Result, map[string]string, error) {
	choices, asked := map[string]string{}, map[string]bool{}
	ask := func(q plan.MergeConflict, key string, must bool) {
		asked[key] = true
		q.ID, q.Secret = m.id(e.path+":"+key), config.Secret(key)
		if w, said := m.input.Facts.Said[q.Key]; said {
			if _, err := config.Merge(e.base, e.text, fresh, e.format, map[string]string{key: w.Value}); err != nil {
				q.Wrong = err.Error()
			} else {
				choices[key] = w.Value
			}
		}
		m.keys[q.ID] = q
		if must {
			fact.Asked = append(fact.Asked, q)
		}
	}
	to := m.p.Releases[hop].Release.Version
	for {
		r, err := config.Merge(e.base, e.text, fresh, e.format, choices)
		if err != nil {
			return r, nil, err
		}
		known, heard := len(asked), len(choices)
		for _, c := range r.Conflicts {
			if !asked[c.Key] {
				ask(plan.MergeConflict{Text: m.both(e, c, to), Key: fmt.Sprintf("config %s %s %s %s", unit, e.path, c.Key, sumOf([]byte(c.Base + "\x00" + c.Site + "\x00" + c.New))[:16])}, c.Key, true)
			}
		}
		for _, key := range r.Obsolete {
			if !asked[key] {
				ask(plan.MergeConflict{Key: fmt.Sprintf("config %s %s %s obsolete in %s", unit, e.path, key, to)}, key, false)
			}
		}
		if len(asked) == known || len(choices) == heard { // with every new choice a text may fall back to its lines, which ask otherwise
			if len(choices) == 0 {
				choices = nil
			}
			return r, choices, nil
		}
	}
}

// both says what the two sides have made of a key.
func (m *merger) both(e *editing, c config.Conflict, to string) string {
	if config.Secret(c.Key) {
		return fmt.Sprintf("%s, %s: a secret that was changed here and in %s too", e.path, c.Key, to)
	}
	show := func(text string) string {
		text = strings.Join(strings.Split(strings.TrimSpace(config.HideText(text, m.hide)), "\n"), " ⏎ ")
		if r := []rune(text); len(r) > 160 {
			text = string(r[:160]) + "…"
		}
		return text
	}
	site, fresh, base := "here it is "+show(c.Site), fmt.Sprintf("%s ships %s", to, show(c.New)), "it was shipped as "+show(c.Base)
	if c.Site == "" {
		site = "here it was taken out"
	}
	if c.New == "" {
		fresh = to + " has it no more"
	}
	if c.Base == "" {
		base = "it was not there before"
	}
	return fmt.Sprintf("%s, %s was changed here and in %s: %s, %s, %s", e.path, c.Key, to, base, site, fresh)
}

// id makes the id of a question: it can be typed, and no other has it.
func (m *merger) id(text string) string {
	id := strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune(`="'$*?\!&|;<>(){}`, r) || r > 126 {
			return '-'
		}
		return r
	}, text)
	for n := 2; m.taken[id]; n++ {
		id = strings.TrimSuffix(id, fmt.Sprintf("-%d", n-1)) + fmt.Sprintf("-%d", n)
	}
	m.taken[id] = true
	return id
}

// mergesFrom says whether a plan merges files that were edited from those of a
// bundle.
func mergesFrom(p *plan.Plan, digest string) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		if s.Verb != "merge" {
			return false
		}
		params, err := step.Params[plan.MergeParams](s)
		return err == nil && params.Base != nil && params.Base.Bundle == digest
	})
}
