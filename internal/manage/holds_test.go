package manage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/plan"
	holds "upkeep/internal/step/hold/register"
	"upkeep/internal/step/record/setting"
)

// A span counts from the end of the run; a day counts to its end; what a probe
// ends is not known from files.
func TestWhenAHoldIsDue(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	rows := []journal.Run{{ID: "open", Opened: at(1, 0)}, {ID: "r", Opened: at(1, 0), Closed: at(2, 0)}}
	day := plan.Lasting{For: 24 * time.Hour}
	for name, c := range map[string]struct {
		run   string
		lasts plan.Lasting
		now   time.Time
		due   bool
		asks  bool
	}{
		"a span, not yet":                 {"r", day, at(2, 23), false, false},
		"a span, from the end of the run": {"r", day, at(3, 0), true, false},
		"of a run that is open":           {"open", day, at(9, 0), false, false},
		"of a run that nobody remembers":  {"gone", day, at(2, 0), true, false},
		"a day, in it":                    {"r", plan.Lasting{On: "2026-03-05"}, at(5, 23), false, false},
		"a day, over":                     {"r", plan.Lasting{On: "2026-03-05"}, at(6, 0), true, false},
		"a probe":                         {"r", plan.Lasting{Probe: &plan.Probe{Source: "exists", Args: []string{"/"}}}, at(9, 0), false, true},
	} {
		in := &Installation{State: t.TempDir(), FS: durable.OS()}
		e := holds.Entry{ID: "setting.x", Run: c.run, Since: at(1, 0), Hold: plan.HoldParams{Setting: &plan.Setting{ID: "x"}, To: "on", Lasts: &c.lasts},
			Was: holds.Values{Setting: &setting.Value{Text: "off", Present: true}}}
		raw, err := e.Encode()
		if err == nil {
			err = holds.Put(in.FS, in.State, e.ID, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		list, err := in.registered(rows, c.now)
		if err != nil || len(list) != 1 || list[0].Due != c.due || list[0].Asks != c.asks || list[0].Was != "off" {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
}

// What is no entry is none, and what cannot be read hides no other.
func TestTheRegisterOfHoldsIsReadAsFarAsItCan(t *testing.T) {
	in := &Installation{State: t.TempDir(), FS: durable.OS()}
	if list, err := in.registered(nil, time.Now()); err != nil || len(list) != 0 {
		t.Errorf("without a register: %v, %v", list, err)
	}
	if err := os.Mkdir(holds.Dir(in.State), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".upkeep-tmp-1": "{", "notes.txt": "mine", "setting.a.json": "{", "setting.b.json": `{"format": 7}`, "setting.c.json": `{"format": 1, "id": "setting.x"}`,
		"setting.d.json": `{"format": 1, "id": "setting.x", "hold": {"setting": {"id": "x"}, "lasts": {"on": "2026-03-05"}}}`} {
		if err := os.WriteFile(filepath.Join(holds.Dir(in.State), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := in.registered(nil, time.Now())
	var got []string
	for _, h := range list {
		got = append(got, h.ID)
		if h.Error == "" || h.Due {
			t.Errorf("%+v", h)
		}
	}
	if ids := strings.Join(got, " "); err != nil || ids != "setting.a setting.b setting.c setting.d" {
		t.Errorf("%s, %v", ids, err)
	}
	if _, err := in.heldBy("r"); err == nil {
		t.Error("a run is taken back, and what it holds is not known")
	}
}

func TestNoHoldError(t *testing.T) {
	for _, c := range []struct {
		known []string
		want  string
	}{
		{nil, `there is no hold "setting.gard": nothing is held`},
		{[]string{"setting.guard", "service.x"}, `there is no hold "setting.gard": did you mean setting.guard?`},
		{[]string{"service.x", "service.y"}, `there is no hold "setting.gard": known: service.x, service.y`},
	} {
		if got := (&NoHoldError{ID: "setting.gard", Known: c.known}).Error(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
