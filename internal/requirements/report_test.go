package requirements

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stream is what go test -json prints for one test after the other.
func stream(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		action, test, _ := strings.Cut(l, " ")
		b.WriteString(`{"Action":"` + action + `","Package":"p"`)
		if test != "" {
			b.WriteString(`,"Test":"` + test + `"`)
		}
		if action == "output" {
			b.WriteString(`,"Output":"why\n"`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestReport(t *testing.T) {
	rows := []Row{{"S1-1", "a"}, {"S1-2", "b"}}
	for _, tt := range []struct {
		name, in string
		ok       bool
		want     string
	}{
		{"no test", "", true, "S1-1 open\nS1-2 open\n0 of 2 proven, 0 by stand-in\n"},
		{"proven", stream("run TestA_S1_1", "pass TestA_S1_1", "pass"), true,
			"S1-1 proven TestA_S1_1\nS1-2 open\n1 of 2 proven, 0 by stand-in\n"},
		{"stand-in", stream("run TestA_S1_1_standin", "pass TestA_S1_1_standin"), true,
			"S1-1 stand-in TestA_S1_1_standin\nS1-2 open\n0 of 2 proven, 1 by stand-in\n"},
		{"the real one counts", stream("pass TestA_S1_1_standin", "pass TestB_S1_1"), true,
			"S1-1 proven TestB_S1_1\nS1-2 open\n1 of 2 proven, 0 by stand-in\n"},
		{"all must pass", stream("pass TestA_S1_1_S1_2", "output TestB_S1_1", "fail TestB_S1_1", "fail"), false,
			"S1-1 open (TestB_S1_1 failed)\nS1-2 proven TestA_S1_1_S1_2\n! TestB_S1_1 failed\n1 of 2 proven, 0 by stand-in\n"},
		{"skipped proves nothing", stream("skip TestA_S1_1"), true,
			"S1-1 open (TestA_S1_1 skipped)\nS1-2 open\n0 of 2 proven, 0 by stand-in\n"},
		{"began and never ended", stream("run TestA_S1_1"), false,
			"S1-1 open (TestA_S1_1 failed)\nS1-2 open\n! TestA_S1_1 failed\n0 of 2 proven, 0 by stand-in\n"},
		{"a table", stream("run TestT_S1", "run TestT_S1/S1_1", "run TestT_S1/S1_2", "pass TestT_S1/S1_1", "fail TestT_S1/S1_2", "fail TestT_S1"), false,
			"S1-1 proven TestT_S1/S1_1\nS1-2 open (TestT_S1/S1_2 failed)\n! TestT_S1/S1_2 failed\n1 of 2 proven, 0 by stand-in\n"},
		{"a table that dies before its cases", stream("run TestT_S1", "fail TestT_S1", "fail"), false,
			"S1-1 open\nS1-2 open\n! TestT_S1 failed\n0 of 2 proven, 0 by stand-in\n"},
		{"no such row", stream("pass TestA_S1_99"), false,
			"S1-1 open\nS1-2 open\n! TestA_S1_99 names S1-99, and there is no such row\n0 of 2 proven, 0 by stand-in\n"},
		{"does not build", `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: no\n"}` + "\n" + stream("fail"), false,
			"S1-1 open\nS1-2 open\n! p.go:1: no\n! package p failed\n0 of 2 proven, 0 by stand-in\n"},
		{"not json", "panic: x\n", false, "S1-1 open\nS1-2 open\n! panic: x\n0 of 2 proven, 0 by stand-in\n"},
		{"other tests do not count", stream("run TestA", "fail TestA", "fail"), true, "S1-1 open\nS1-2 open\n0 of 2 proven, 0 by stand-in\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tests, err := ReadStream(strings.NewReader(tt.in), nil)
			if err != nil {
				t.Fatal(err)
			}
			rep := Judge(rows, tests)
			var b strings.Builder
			if err := rep.Write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" || rep.OK() != tt.ok {
				t.Errorf("ok %v: %s", rep.OK(), diff)
			}
		})
	}
}

func TestStreamKeepsWhyATestFailed(t *testing.T) {
	var ended []string
	tests, err := ReadStream(strings.NewReader(stream("run TestA", "output TestA", "fail TestA", "run TestB", "pass TestB")), func(x *Test) {
		ended = append(ended, x.Name+" "+string(x.Verdict))
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"TestA failed", "TestB passed"}, ended); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"why"}, tests.All[0].Output); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add(stream("run TestA_S1_1", "output TestA_S1_1", "pass TestA_S1_1", "pass"))
	f.Add("{}\nx\n{\"Action\":\"fail\",\"Package\":\"p\"}")
	f.Fuzz(func(t *testing.T, text string) {
		tests, err := ReadStream(strings.NewReader(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		rep := Judge([]Row{{"S1-1", "a"}}, tests)
		if l := rep.Lines[0]; l.State != Open && len(l.Tests) == 0 {
			t.Errorf("proven by nothing: %q", text)
		}
	})
}
