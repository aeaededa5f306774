package plan_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
)

// proofs gives when the dumps of each step of the plan are proven.
func proofs(t *testing.T, p *plan.Plan) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range p.Steps {
		if !slices.Contains([]string{"precopy", "backup", "restore"}, s.Verb) {
			continue
		}
		var params plan.BackupParams
		if err := json.Unmarshal(s.Params, &params); err != nil {
			t.Fatal(err)
		}
		out[s.ID] = params.Proof["data"]
	}
	return out
}

// TestProveDumps: dumps are proven as far as rights, room and the limit of the
// step allow; what is left out is said, with the reason, and what is asked for
// and cannot be done is refused.
func TestProveDumps(t *testing.T) {
	const note = "the dump of data is read back and not restored to prove it: "
	for _, c := range []struct {
		name, site string
		change     func(f *plan.Facts)
		mode       string // "" for refused
		says       string // note or reason
	}{
		{"by itself", "", nil, plan.ProveAlways, ""},
		{"not wanted", "\nbackup: {prove: never}", nil, plan.ProveNo, note + "the installation document says backup: {prove: never}"},
		{"only ahead", "\nbackup: {prove: ahead}", nil, plan.ProveAhead, "a dump of data that is made in the outage is read back and not restored: the installation document says backup: {prove: ahead}"},
		{"no right", "", func(f *plan.Facts) {
			f.Scratch["data"] = plan.ScratchFact{Problem: "account shop may not create databases"}
		}, plan.ProveNo, note + "account shop may not create databases"},
		{"no right, and asked for", "\nbackup: {prove: ahead}", func(f *plan.Facts) {
			f.Scratch["data"] = plan.ScratchFact{Problem: "account shop may not create databases"}
		}, "",
			"the dump of data cannot be proven by restoring it, as backup: {prove: ahead} in the installation document asks: account shop may not create databases"},
		{"the server is elsewhere", "", func(f *plan.Facts) { f.Scratch["data"] = plan.ScratchFact{Bytes: 1} }, plan.ProveNo, note + "how much room the database's server has is not known from here"},
		{"the server is elsewhere, and asked for", "\nbackup: {prove: always}", func(f *plan.Facts) { f.Scratch["data"] = plan.ScratchFact{Bytes: 1} }, plan.ProveAlways, ""},
		{"no room", "", func(f *plan.Facts) { f.Volumes = map[string]plan.Volume{"/tmp": {ID: "t", Free: 1<<20 - 1}} }, plan.ProveNo, note + "the run and a scratch database need 1.0 MiB on the volume of /tmp"},
		{"just enough", "", func(f *plan.Facts) { f.Volumes = map[string]plan.Volume{"/tmp": {ID: "t", Free: 1 << 20}} }, plan.ProveAlways, ""},
		{"not enough beside the rest", "", func(f *plan.Facts) {
			f.Volumes = map[string]plan.Volume{"/tmp": {ID: "t", Free: 60 << 20}, "/var/lib/upkeep/points": {ID: "t", Free: 60 << 20}}
			f.Scratch["data"] = plan.ScratchFact{Dir: "/tmp", Bytes: 20 << 20}
		}, plan.ProveNo, note + "the run and a scratch database need"},
		{"no room, and asked for", "\nbackup: {prove: always}", func(f *plan.Facts) { f.Volumes = map[string]plan.Volume{"/tmp": {ID: "t", Free: 5}} }, "", "cannot be proven by restoring it, as backup: {prove: always}"},
		{"it would take too long", "\nlimits: {backup: 1m}", func(f *plan.Facts) { f.Databases["data"] = 10 << 30 }, plan.ProveAhead, "longer than the limit of the step (limits: {backup: 1m0s}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := inputAt(t, here+c.site, shop, v2)
			if c.change != nil {
				c.change(&in.Facts)
			}
			p, err := plan.Compile(in)
			var refused *plan.Refusal
			if c.mode == "" {
				if !errors.As(err, &refused) || !strings.Contains(strings.Join(refused.Reasons, "\n"), c.says) {
					t.Fatalf("%v; want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(p.Notes, "\n")
			if !strings.Contains(notes, c.says) || c.says == "" && strings.Contains(notes, "restored") {
				t.Errorf("notes:\n%s\nwant %q", notes, c.says)
			}
			want := c.mode
			if want == plan.ProveNo {
				want = ""
			}
			for step, got := range proofs(t, p) {
				if got != want {
					t.Errorf("step %s proves %q, want %q", step, got, want)
				}
			}
		})
	}
}

// TestProofForecast: the proof counts in the forecast, in the outage only where
// it is made there, and its room among the needs.
func TestProofForecast(t *testing.T) {
	took := map[string]plan.Forecast{}
	for _, mode := range []string{"never", "ahead", "always"} {
		in := inputAt(t, here+"\nbackup: {prove: "+mode+"}", shop, v2)
		in.Facts.Databases["data"] = 1 << 30
		in.Facts.Volumes = map[string]plan.Volume{"/tmp": {ID: "t", Free: 10 << 30}}
		in.Facts.Scratch["data"] = plan.ScratchFact{Dir: "/tmp", Bytes: 3 << 30}
		p, err := plan.Compile(in)
		if err != nil {
			t.Fatal(err)
		}
		took[mode] = plan.Estimate(p, in)
		room := int64(0)
		for _, n := range took[mode].Space {
			if n.Volume == "t" {
				room = n.Bytes
			}
		}
		if want := map[string]int64{"never": 0, "ahead": 3 << 30, "always": 3 << 30}[mode]; room != want {
			t.Errorf("%s: a scratch database needs %d, want %d", mode, room, want)
		}
	}
	const least = 40 * time.Second // 1 GiB at 20 MiB a second, and a little
	if took["ahead"].Outage != took["never"].Outage || took["ahead"].Total < took["never"].Total+least || took["always"].Outage < took["never"].Outage+least {
		t.Errorf("outages %v, %v, %v; in all %v, %v", took["never"].Outage, took["ahead"].Outage, took["always"].Outage, took["never"].Total, took["ahead"].Total)
	}
}
