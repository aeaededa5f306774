package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/plan"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// row is one probe and what must come of it. got "unknown" is an error that
// says err; got "none" is no value.
type row struct {
	name     string
	p        plan.Probe
	ok       bool
	got      string
	evidence string // part of it
	err      string // part of it
}

func (r row) check(t *testing.T, e *Evaluator) {
	t.Helper()
	name := r.name
	if name == "" {
		name = fmt.Sprintf("%s %q select %q expect %q", r.p.Source, r.p.Args, r.p.Select, r.p.Expect)
	}
	v, err := e.Check(context.Background(), r.p)
	if (err != nil) != (r.err != "") || err != nil && !strings.Contains(err.Error(), r.err) {
		t.Errorf("%s: error %v, want %q", name, err, r.err)
		return
	}
	if err != nil {
		if v.OK || v.Got != "unknown" || v.Evidence == "" {
			t.Errorf("%s: an error has the verdict %+v", name, v)
		}
		var own *Error
		if !errors.As(err, &own) || own.Source != r.p.Source {
			t.Errorf("%s: error %#v does not name its source", name, err)
		}
		return
	}
	if v.OK != r.ok || v.Got != r.got || !strings.Contains(v.Evidence, r.evidence) {
		t.Errorf("%s: %+v, want ok %v, got %q, evidence with %q", name, v, r.ok, r.got, r.evidence)
	}
	if strings.Contains(v.Evidence, "\n") {
		t.Errorf("%s: the evidence has several lines: %q", name, v.Evidence)
	}
}

func probe(source, arg string, rest ...string) plan.Probe {
	p := plan.Probe{Source: source, Args: []string{arg}}
	for _, r := range rest {
		key, value, _ := strings.Cut(r, "=")
		switch key {
		case "select":
			p.Select = value
		case "expect":
			p.Expect = append(p.Expect, value)
		case "as":
			p.As = value
		default:
			if p.Params == nil {
				p.Params = map[string]string{}
			}
			p.Params[key] = value
		}
	}
	return p
}

// counted is a database that tells when it is closed.
type counted struct {
	database.Database
	closed *int
}

func (c counted) Close() error {
	*c.closed++
	return c.Database.Close()
}

func itoa(n int) string { return strconv.Itoa(n) }

// waitFor waits for what another process is about to do.
func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}
