package local

import (
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/feature"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// TestStages: only what a wish needs is a stage, and what stands in the way is open.
func TestStages(t *testing.T) {
	blocked := ask.Finding{ID: "php", Level: "blocker"}
	for _, tt := range []struct {
		name  string
		guide ask.Guide
		want  string
	}{
		{"nothing", ask.Guide{}, "ready plan"},
		{"up to date", ask.Guide{Readiness: ask.Readiness{UpToDate: true}, Tasks: []ask.Asked{{Open: true}}}, "ready"},
		{"up to date, with choices", ask.Guide{Readiness: ask.Readiness{UpToDate: true}, Groups: make([]ask.Group, 1)}, "ready choices"},
		{"a blocker", ask.Guide{Readiness: ask.Readiness{Findings: []ask.Finding{blocked}}}, "ready! plan!"},
		{"a warning", ask.Guide{Readiness: ask.Readiness{Findings: []ask.Finding{{Level: "warning"}}}}, "ready plan"},
		{"a blocker that is waived", ask.Guide{Readiness: ask.Readiness{Findings: []ask.Finding{{Level: "blocker", Waived: "anna: why"}}}}, "ready plan"},
		{"one that a review settles", ask.Guide{Readiness: ask.Readiness{Findings: []ask.Finding{{Level: "blocker", Settled: ask.StageReview}}}, Scripts: 2, Undecided: 1}, "ready review! plan"},
		{"a blocker that an answer may be missing for", ask.Guide{Readiness: ask.Readiness{Findings: []ask.Finding{blocked}}, Tasks: []ask.Asked{{Kind: ask.AskedAnswer, Open: true}}}, "ready tasks! plan!"},
		{"a task", ask.Guide{Tasks: []ask.Asked{{Kind: ask.AskedTask, Open: true}}}, "ready tasks! plan"},
		{"values that are only shown", ask.Guide{Params: []ask.Param{{Fixed: true}}}, "ready plan"},
		{"values", ask.Guide{Params: []ask.Param{{}}}, "ready params plan"},
		{"a wrong one", ask.Guide{Params: []ask.Param{{Fixed: true, Problem: "x"}}}, "ready params! plan"},
		{"a conflict", ask.Guide{Groups: make([]ask.Group, 1), Refused: []string{"x"}}, "ready choices! plan"},
		{"a backup to be left out", ask.Guide{Safety: ask.Safety{Optional: true}}, "ready safety plan"},
		{"several hops", ask.Guide{Safety: ask.Safety{Route: []string{"1", "2", "3"}}}, "ready safety plan"},
		{"to be fetched first", ask.Guide{Needs: true}, "ready! plan!"},
	} {
		var got []string
		for _, s := range stages(tt.guide) {
			text := string(s.Stage)
			if s.Open {
				text += "!"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
	}
}

func TestGroups(t *testing.T) {
	got := groups([]feature.State{{Path: "a", Group: "g"}, {Path: "h", Group: "g", Hidden: true}, {Path: "b", Group: "f", One: true, Locked: true, Chosen: true}, {Path: "b/c", Group: "f", Why: "x"}}, []string{"a"})
	if text := fmt.Sprint(got); text != "[{g false [{a   0 false false true false }]} {f true [{b   0 true true false true } {b/c   1 false false false false x}]}]" {
		t.Error(text)
	}
}

// TestReadinessSettled: what a later stage settles is told apart.
func TestReadinessSettled(t *testing.T) {
	r := readiness("p", manage.Readiness{Findings: []manage.Finding{{ID: "a", Level: "blocker"}, {ID: "b", Person: true}, {ID: "c", Review: true}}})
	if !r.Blocked || r.Findings[0].Settled != "" || r.Findings[1].Settled != ask.StageTasks || r.Findings[2].Settled != ask.StageReview {
		t.Errorf("%+v", r)
	}
}

// TestNotEdited: a script that a browser would change is not edited on a page.
func TestNotEdited(t *testing.T) {
	for text, fine := range map[string]bool{"SELECT 1;\n": true, "a\r\nb\tc é\r\n": true, "": true, "a\x00": false, "a\rb": false, "\uFEFFx": false, "a\u202Eb": false, "\xff": false, strings.Repeat("x", editMost+1): false} {
		if got := notEdited(text) == ""; got != fine {
			t.Errorf("%.20q is edited on a page: %v", text, got)
		}
	}
}

func TestLines(t *testing.T) {
	var l lines
	for i := range saidMost + 5 {
		fmt.Fprintf(&l, "10 %%\rline %d\r\n", i)
	}
	if len(l) != saidMost || l[0] != "line 5" {
		t.Errorf("%d lines, the first is %q", len(l), l[0])
	}
}
