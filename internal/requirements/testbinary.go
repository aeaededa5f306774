package requirements

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Binary is the compiled tests of a package: a test of it can be run many
// times without building again.
type Binary struct {
	Path   string
	Dir    string // the package's folder
	Upkeep string // the upkeep that the tests drive
	Limit  time.Duration
}

// Compile builds the tests of the package in a folder of the module, and
// upkeep itself, into work.
func Compile(ctx context.Context, root, folder, work string, limit time.Duration) (*Binary, error) {
	b := &Binary{Path: filepath.Join(work, "tests"), Dir: filepath.Join(root, folder), Upkeep: filepath.Join(work, "upkeep"), Limit: limit}
	for _, args := range [][]string{
		{"test", "-c", "-o", b.Path, "./" + filepath.ToSlash(folder)},
		{"build", "-o", b.Upkeep, "./cmd/upkeep"},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build: go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return b, nil
}

// Test runs one top-level test with its cases on a folder of examples. What
// does not end within the limit has failed.
func (b *Binary) Test(ctx context.Context, top, examples string) (ended map[string]Verdict, failed bool) {
	ctx, cancel := context.WithTimeout(ctx, b.Limit+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Path, "-test.run", "^"+regexp.QuoteMeta(top)+"$", "-test.v", "-test.timeout", b.Limit.String())
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), "UPKEEP_SLOW=1", "UPKEEP_EXAMPLES="+examples, "UPKEEP_BIN="+b.Upkeep)
	cmd.WaitDelay = 5 * time.Second // children that keep the output open
	out, err := cmd.CombinedOutput()
	return verdictLines(string(out)), err != nil
}

var verdictLine = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) \(`)

// verdictLines reads how tests ended from the output of go test -v.
func verdictLines(out string) map[string]Verdict {
	ended := map[string]Verdict{}
	for _, m := range verdictLine.FindAllStringSubmatch(out, -1) {
		ended[m[2]] = map[string]Verdict{"PASS": Passed, "FAIL": Failed, "SKIP": Skipped}[m[1]]
	}
	return ended
}

// List gives the rows of every test and subtest of the binary whose own name
// carries any. Subtests are known only from a run, so all of these tests are
// run once.
func (b *Binary) List(ctx context.Context, limit time.Duration) (map[string][]string, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", b.Path, "-test.v=test2json", "-test.run", Pattern, "-test.timeout", limit.String())
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), "UPKEEP_SLOW=1", "UPKEEP_BIN="+b.Upkeep)
	out, _ := cmd.Output() // failing tests are named later on
	tests, err := ReadStream(bytes.NewReader(out), nil)
	if err != nil {
		return nil, err
	}
	rows := map[string][]string{}
	for _, t := range tests.All {
		if ids, _ := Named(t.Name); len(ids) > 0 {
			rows[t.Name] = inOrder(ids)
		}
	}
	return rows, nil
}
