package requirements

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Pattern selects the tests whose names carry rows. A table test whose cases
// carry the rows says so in its own name: TestReadiness_S4/S4_48, or, where
// they are rows of several documents, TestCommands_S/declined_S1_14.
const Pattern = `_S([0-4](_|$)|$)`

// GoTest runs the tests of a package whose names match a pattern, the slow ones
// too, and gives how each ended. ended is called as they end.
func GoTest(ctx context.Context, root, pkg, pattern string, limit time.Duration, ended func(*Test)) (*Tests, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout", limit.String(), "-run", pattern, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "UPKEEP_SLOW=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot run the tests: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot run the tests: %w", err)
	}
	tests, err := ReadStream(out, ended)
	if err != nil {
		io.Copy(io.Discard, out) // so that the tests can end
	}
	werr := cmd.Wait()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(stderr.String()) {
		tests.Broken = append(tests.Broken, strings.TrimRight(line, "\n"))
	}
	if werr != nil && len(tests.Broken) == 0 && !anyFailed(tests) {
		tests.Broken = append(tests.Broken, "go test: "+werr.Error())
	}
	return tests, nil
}

func anyFailed(tests *Tests) bool {
	for _, t := range tests.All {
		if t.Verdict == Failed {
			return true
		}
	}
	return false
}
