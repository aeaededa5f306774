package requirements

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// Pattern selects the tests whose names carry rows. A table test whose cases
// carry the rows says so in its own name: TestReadiness_S4/S4_48, or, where
// they are rows of several documents, TestCommands_S/declined_S1_14.
const Pattern = `_S([0-4](_|$)|$)`

// Suite is the compiled tests of a package that are run, and judged, together.
type Suite struct {
	*Binary
	Pattern string // of the names of top-level tests
	// Beside is a command with its arguments that a second lane runs first; then
	// that lane helps with the tests. Without one there is one lane.
	Beside []string
	Log    io.Writer   // what Beside has written, once it has ended
	Ended  func(*Test) // called for every test as it ends; never twice at a time
}

// bunch is how many tests one process runs: neighbours, which often need the
// same things made once.
const bunch = 4

// Run runs the tests, the slow ones too, and gives how each ended. A Beside that
// fails is broken, as is a process that fails without a test that does.
func (s *Suite) Run(ctx context.Context) (*Tests, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	todo := make(chan []string)
	go func() {
		defer close(todo)
		for some := range slices.Chunk(names, bunch) {
			todo <- some
		}
	}()
	all := &Tests{}
	var mu sync.Mutex
	lane := func() {
		for some := range todo {
			got := s.process(ctx, some, func(t *Test) {
				mu.Lock()
				defer mu.Unlock()
				s.Ended(t)
			})
			mu.Lock()
			all.All, all.Broken = append(all.All, got.All...), append(all.Broken, got.Broken...)
			mu.Unlock()
		}
	}
	var lanes sync.WaitGroup
	lanes.Go(lane)
	if len(s.Beside) > 0 {
		lanes.Go(func() {
			cmd := exec.CommandContext(ctx, s.Beside[0], s.Beside[1:]...)
			out, err := cmd.CombinedOutput()
			mu.Lock()
			_, _ = s.Log.Write(out)
			if err != nil {
				all.Broken = append(all.Broken, strings.Join(s.Beside, " ")+": "+err.Error())
			}
			mu.Unlock()
			lane()
		})
	}
	lanes.Wait()
	return all, ctx.Err()
}

// names lists the top-level tests of the pattern.
func (s *Suite) names(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, s.Path, "-test.list", cmp.Or(s.Pattern, "."))
	cmd.Dir = s.Dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the tests: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "Test") {
			names = append(names, name)
		}
	}
	return names, nil
}

// process runs some tests in a process of their own.
func (s *Suite) process(ctx context.Context, names []string, ended func(*Test)) *Tests {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", s.Path, "-test.v=test2json",
		"-test.run", "^("+strings.Join(names, "|")+")$", "-test.timeout", s.Limit.String())
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "UPKEEP_SLOW=1", "UPKEEP_BIN="+s.Upkeep)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return &Tests{Broken: []string{fmt.Sprintf("%s cannot be run: %v", strings.Join(names, ", "), err)}}
	}
	tests, err := ReadStream(out, ended)
	if err != nil {
		tests.Broken = append(tests.Broken, err.Error())
		_, _ = io.Copy(io.Discard, out) // so that the tests can end
	}
	if err := cmd.Wait(); err != nil && len(tests.Broken) == 0 && !anyFailed(tests) {
		tests.Broken = append(tests.Broken, fmt.Sprintf("%s: %v", strings.Join(names, ", "), err))
	}
	return tests
}

func anyFailed(tests *Tests) bool {
	for _, t := range tests.All {
		if t.Verdict == Failed {
			return true
		}
	}
	return false
}
