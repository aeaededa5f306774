package requirements

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Verdict is how a test ended.
type Verdict string

// The verdicts. A test that began and never ended has failed.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
)

// Test is one test or subtest that ran.
type Test struct {
	Package string
	Name    string // TestX, TestX/case
	Verdict Verdict
	Output  []string // its last lines, for a failed or skipped one
}

// Tests is what a stream of go test -json told.
type Tests struct {
	All    []*Test  // in the order in which they began
	Broken []string // what failed outside of any test: a build, a package
}

// outputMax bounds the lines that are kept of a test.
const outputMax = 150

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output, ImportPath string
	FailedBuild                               string
}

// ReadStream reads the output of go test -json to its end. Lines that are no
// events (a tool's own messages) count as broken. ended is called for every
// test that has ended; it may be nil.
func ReadStream(r io.Reader, ended func(*Test)) (*Tests, error) {
	out := &Tests{}
	byName := map[string]*Test{}
	failed := map[string]bool{} // packages with a test that failed
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				out.Broken = append(out.Broken, string(line))
			} else {
				out.take(e, byName, failed, ended)
			}
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("cannot read the results of the tests: %w", err)
		}
	}
}

func (out *Tests) take(e event, byName map[string]*Test, failed map[string]bool, ended func(*Test)) {
	if e.Test == "" {
		switch {
		case e.Action == "build-output":
			out.Broken = append(out.Broken, strings.TrimRight(e.Output, "\n"))
		case e.Action == "fail" && !failed[e.Package]:
			out.Broken = append(out.Broken, "package "+e.Package+" failed")
		}
		return
	}
	key := e.Package + " " + e.Test
	t := byName[key]
	if t == nil {
		t = &Test{Package: e.Package, Name: e.Test, Verdict: Failed}
		byName[key] = t
		out.All = append(out.All, t)
	}
	switch e.Action {
	case "output":
		t.Output = append(t.Output, strings.TrimRight(e.Output, "\n"))
		if len(t.Output) > outputMax {
			t.Output = t.Output[1:]
		}
		return
	case "pass":
		t.Verdict, t.Output = Passed, nil
	case "skip":
		t.Verdict = Skipped
	case "fail":
		t.Verdict = Failed
		failed[e.Package] = true
	default:
		return
	}
	if ended != nil {
		ended(t)
	}
}

// Failed lists the tests that failed, or did not end.
func (t *Tests) Failed() []*Test {
	var out []*Test
	for _, one := range t.All {
		if one.Verdict == Failed {
			out = append(out, one)
		}
	}
	return out
}
