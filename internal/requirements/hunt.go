package requirements

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Hunt takes the lines of the examples away, one at a time, and sees which
// rows notice.
type Hunt struct {
	Examples string        // folder of the examples; it is only read
	Work     string        // an empty folder for the mutated copies
	Parallel int           // mutants at a time, at least 1
	Budget   time.Duration // no new mutant is begun after it; 0 for no bound
	Example  string        // only below this folder of the examples; all otherwise
	Rows     []string      // only tests that name one of these; all otherwise

	// Test runs one top-level test with its cases on a folder of examples, and
	// gives how each that ran has ended, by its whole name. A test that did not
	// come to its end is not in it; failed says that the whole did not pass.
	Test func(ctx context.Context, top, examples string) (ended map[string]Verdict, failed bool)
	// Log tells what is under way.
	Log func(format string, a ...any)
}

// Find is what one removed line turned red.
type Find struct {
	File    string // below the examples
	Mutant  Mutant
	Noticed []string // rows
	Tests   []string // that failed
	All     bool     // every test that reads the document did: it says little of any one row
}

// Catch is what a hunt found.
type Catch struct {
	Finds   []Find
	Tried   int
	Left    int      // mutants that the budget left untried
	Unread  []string // files that no test reads
	Broad   []string // rows that were red only when every test was
	Silent  []string // rows that no removed line turned red, though their tests read an example
	NoYAML  []string // rows whose tests read no example document at all
	Flawed  []string // tests that do not pass on the unchanged examples: they prove nothing here
	Skipped []string // tests that did not run
}

// Run hunts. rows gives the rows of every test and subtest that carries any.
func (h *Hunt) Run(ctx context.Context, rows map[string][]string) (*Catch, error) {
	files, err := h.files()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	c := &Catch{}
	tests := h.sound(ctx, rows, c)
	red := map[string]bool{}   // rows that noticed something
	exact := map[string]bool{} // and not only with all others
	reads := map[string]bool{} // rows whose tests read an example
	readers, err := h.readers(ctx, files, tests)
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, file := range files {
		users := readers[file]
		if len(users) == 0 {
			c.Unread = append(c.Unread, file)
			continue
		}
		for _, t := range users {
			for _, id := range rows[t] {
				reads[id] = true
			}
		}
		text, err := os.ReadFile(filepath.Join(h.Examples, file))
		if err != nil {
			return nil, fmt.Errorf("cannot read an example: %w", err)
		}
		for _, m := range Mutants(file, string(text)) {
			jobs = append(jobs, job{file: file, mutant: m, tests: users})
		}
	}
	finds := make([]*Find, len(jobs))
	err = h.each(ctx, len(jobs), func(i int, examples string) error {
		if h.Budget > 0 && time.Since(began) > h.Budget {
			return nil
		}
		find, err := h.try(ctx, jobs[i], examples, rows)
		finds[i] = find
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, f := range finds {
		if f == nil {
			c.Left++
			continue
		}
		c.Tried++
		c.Finds = append(c.Finds, *f)
		for _, id := range f.Noticed {
			red[id] = true
			exact[id] = exact[id] || !f.All
		}
	}
	for _, t := range tests {
		for _, id := range rows[t] {
			switch {
			case exact[id]:
			case red[id]:
				c.Broad = append(c.Broad, id)
			case reads[id]:
				c.Silent = append(c.Silent, id)
			default:
				c.NoYAML = append(c.NoYAML, id)
			}
		}
	}
	c.Broad, c.Silent, c.NoYAML = inOrder(c.Broad), inOrder(c.Silent), inOrder(c.NoYAML)
	return c, nil
}

type job struct {
	file   string
	mutant Mutant
	tests  []string
}

// try runs the tests of a document on one mutant of it, in a copy of the
// examples that is whole again afterwards.
func (h *Hunt) try(ctx context.Context, j job, examples string, rows map[string][]string) (*Find, error) {
	at := filepath.Join(examples, j.file)
	whole, err := os.ReadFile(at)
	if err != nil {
		return nil, fmt.Errorf("cannot read the copy of an example: %w", err)
	}
	if err := os.WriteFile(at, []byte(j.mutant.Without), 0o644); err != nil {
		return nil, fmt.Errorf("cannot write the copy of an example: %w", err)
	}
	f := &Find{File: j.file, Mutant: j.mutant}
	verdicts := h.verdicts(ctx, j.tests, examples)
	for _, t := range j.tests {
		if verdicts[t] == Failed {
			f.Tests = append(f.Tests, t)
			f.Noticed = append(f.Noticed, rows[t]...)
		}
	}
	f.Noticed = inOrder(f.Noticed)
	f.All = len(f.Tests) == len(j.tests) && len(j.tests) > 1
	h.Log("%s:%d %d of %d tests noticed", j.file, j.mutant.Line, len(f.Tests), len(j.tests))
	if err := os.WriteFile(at, whole, 0o644); err != nil {
		return nil, fmt.Errorf("cannot mend the copy of an example: %w", err)
	}
	return f, context.Cause(ctx)
}

// verdicts runs tests and cases, each top-level test once. What never came to
// its end has failed where the whole has, and was skipped otherwise.
func (h *Hunt) verdicts(ctx context.Context, names []string, examples string) map[string]Verdict {
	out := map[string]Verdict{}
	ran := map[string]map[string]Verdict{}
	failed := map[string]bool{}
	for _, name := range names {
		top, _, _ := strings.Cut(name, "/")
		if ran[top] == nil {
			ran[top], failed[top] = h.Test(ctx, top, examples)
		}
		v, ended := ran[top][name]
		switch {
		case ended:
			out[name] = v
		case failed[top]:
			out[name] = Failed
		default:
			out[name] = Skipped
		}
	}
	return out
}

// sound gives the tests that pass on the unchanged examples.
func (h *Hunt) sound(ctx context.Context, rows map[string][]string, c *Catch) []string {
	var names []string
	for name, ids := range rows {
		if len(h.Rows) == 0 || slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(h.Rows, id) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var good []string
	verdicts := h.verdicts(ctx, names, h.Examples)
	for _, name := range names {
		switch verdicts[name] {
		case Passed:
			good = append(good, name)
		case Skipped:
			c.Skipped = append(c.Skipped, name)
		default:
			c.Flawed = append(c.Flawed, name)
		}
	}
	h.Log("%d of %d tests pass on the unchanged examples", len(good), len(names))
	return good
}

// readers finds the tests that read each document: those that fail when it is
// no document any more.
func (h *Hunt) readers(ctx context.Context, files, tests []string) (map[string][]string, error) {
	found := make([][]string, len(files))
	err := h.each(ctx, len(files), func(i int, examples string) error {
		j := job{file: files[i], tests: tests, mutant: Mutant{Without: "[broken on purpose\n"}}
		f, err := h.try(ctx, j, examples, nil)
		if f != nil {
			found[i] = f.Tests
		}
		return err
	})
	out := map[string][]string{}
	for i, file := range files {
		out[file] = found[i]
	}
	return out, err
}

// each calls do for 0 to n-1, Parallel at a time, each worker with a copy of
// the examples of its own. The first error ends it.
func (h *Hunt) each(ctx context.Context, n int, do func(i int, examples string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range min(max(h.Parallel, 1), max(n, 1)) {
		dir := filepath.Join(h.Work, fmt.Sprintf("examples-%d", w))
		if _, err := os.Stat(dir); err != nil {
			if err := os.CopyFS(dir, os.DirFS(h.Examples)); err != nil {
				cancel(fmt.Errorf("cannot copy the examples: %w", err))
			}
		}
		wg.Go(func() {
			for i := range next {
				if err := do(i, dir); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// files gives the documents below the examples, without a test's own data.
func (h *Hunt) files() ([]string, error) {
	var out []string
	err := filepath.WalkDir(h.Examples, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		rel, err := filepath.Rel(h.Examples, path)
		if h.Example == "" || rel == h.Example || strings.HasPrefix(rel, h.Example+string(filepath.Separator)) {
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the examples: %w", err)
	}
	return out, nil
}

// inOrder sorts rows as the documents have them and leaves doubles out.
func inOrder(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int {
		if len(a) != len(b) && a[:2] == b[:2] {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(ids)
}
