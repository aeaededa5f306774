package requirements

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRowsAreComplete(t *testing.T) {
	rows, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range rows {
		got[r.ID[:2]]++
	}
	want := map[string]int{"S0": 39, "S1": 26, "S2": 31, "S3": 60, "S4": 51}
	if diff := cmp.Diff(want, got); diff != "" || len(rows) != Count {
		t.Errorf("%d rows: %s", len(rows), diff)
	}
}

func TestParseRowsRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"S3-46 without a tab\n", "rows.txt:1"},
		{"S3-1\tone\nS3-1\tone\n", "rows.txt:2: S3-1 is there twice"},
		{"S9-1\tno such document\n", "want ID"},
		{"S3-1\t \n", "want ID"},
	} {
		if _, err := parseRows(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ids     []string
		standIn bool
	}{
		{"TestParkedPage_S3_46", []string{"S3-46"}, false},
		{"TestHooks_S3_49_S3_56", []string{"S3-49", "S3-56"}, false},
		{"TestRetry_S3_47_standin", []string{"S3-47"}, true},
		{"TestReadiness_S4", nil, false},
		{"TestReadiness_S4/S4_48", []string{"S4-48"}, false},
		{"TestReadiness_S4/S4_8_old_dotnet_standin", []string{"S4-8"}, true},
		{"TestHooks_S3_49/one", nil, false},
		{"TestPlain_standin", nil, false},
		{"TestS3_46", nil, false},
		{"TestBOSS3_46", nil, false},
		{"TestX_S9_1", []string{"S9-1"}, false},
		{"TestX_S3_", nil, false},
		{"", nil, false},
	} {
		ids, standIn := Named(tt.name)
		if diff := cmp.Diff(tt.ids, ids); diff != "" || standIn != tt.standIn {
			t.Errorf("%s: stand-in %v, %s", tt.name, standIn, diff)
		}
	}
}

func FuzzNamed(f *testing.F) {
	f.Add("TestHooks_S3_49_S3_56_standin")
	f.Add("TestReadiness_S4/S4_48")
	f.Fuzz(func(t *testing.T, name string) {
		ids, standIn := Named(name)
		for _, id := range ids {
			if !strings.Contains(name, strings.Replace(id, "-", "_", 1)) {
				t.Errorf("%q does not carry %s", name, id)
			}
		}
		if standIn && len(ids) == 0 {
			t.Errorf("%q: a stand-in for nothing", name)
		}
	})
}
