package manage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSince(t *testing.T) {
	disk := Finding{ID: "disk", Release: "2", Level: "blocker", OK: true, Evidence: "20 GB"}
	full, moved, unread, waived := disk, disk, disk, disk
	full.OK, full.Evidence = false, "1 GB"
	moved.Evidence = "19 GB"
	unread.OK, unread.Error = false, "no answer"
	waived = full
	waived.Waived = "Anna: soon"
	fuller := full
	fuller.Evidence = "0.9 GB"
	plan := Finding{ID: "plan", Level: "blocker", Evidence: "a run is open"}
	other := Finding{ID: "plan", Level: "blocker", Evidence: "no route"}
	for _, c := range []struct {
		name        string
		before, now []Finding
		want        []Finding
	}{
		{"nothing", []Finding{disk}, []Finding{disk}, nil},
		{"a value moves", []Finding{disk}, []Finding{moved}, nil},
		{"a value moves where it is wrong", []Finding{full}, []Finding{fuller}, nil},
		{"it fails", []Finding{disk}, []Finding{full}, []Finding{full}},
		{"it holds again", []Finding{full}, []Finding{disk}, []Finding{disk}},
		{"it cannot be read", []Finding{full}, []Finding{unread}, []Finding{unread}},
		{"it is waived", []Finding{full}, []Finding{waived}, []Finding{waived}},
		{"the waiver ends", []Finding{waived}, []Finding{full}, []Finding{full}},
		{"a new check that holds", nil, []Finding{disk}, nil},
		{"a new check that does not", nil, []Finding{full}, []Finding{full}},
		{"what the plan says, of several", []Finding{plan}, []Finding{plan, other}, []Finding{other}},
		{"and is gone", []Finding{plan, other}, []Finding{other}, []Finding{{ID: "plan", Level: "blocker", OK: true, Evidence: "no longer: a run is open"}}},
		{"a check of a release that is no longer the target", []Finding{full}, nil, []Finding{{ID: "disk", Level: "blocker", OK: true, Release: "2", Evidence: "no longer: 1 GB"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, Readiness{Findings: c.now}.Since(Readiness{Findings: c.before})); d != "" {
				t.Error(d)
			}
		})
	}
}
