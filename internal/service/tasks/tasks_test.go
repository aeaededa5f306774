package tasks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTimer(t *testing.T) {
	for _, tt := range []struct{ name, out, want, err string }{
		{`\Vendor\Refresh`, `{"name":"Refresh","enabled":true,"state":3,"last":"2026-01-02T03:04:05Z","next":"2026-01-03T03:04:05Z","result":0}`, "enabled active 2026-01-02 2026-01-03 success", ""},
		{`Refresh`, `{"name":"Refresh","enabled":false,"state":1,"last":"1999-11-30T00:00:00Z","next":"","result":267011}`, "disabled inactive - - ", ""},
		{`Refresh`, `{"name":"Refresh","enabled":true,"state":4,"last":"2026-01-02T03:04:05Z","next":"","result":267009}`, "enabled active 2026-01-02 - running", ""},
		{`Refresh`, `{"name":"Refresh","enabled":true,"state":3,"last":"2026-01-02T03:04:05Z","next":"","result":-2147024894}`, "enabled inactive 2026-01-02 - 0x80070002", ""},
		{`Refresh`, "\ufeff{}\r\n", "none", ""},
		{`Refresh`, "Access is denied.", "", "cannot read what PowerShell says"},
		{`Ref*`, "", "", "cannot be the name"},
		{`\Vendor\`, "", "", "cannot be the name"},
		{`fails`, "", "", "cannot ask for the scheduled task fails: exit code 1"},
	} {
		var env []string
		got, found, err := Tasks{Run: func(_ context.Context, args, e []string) ([]byte, error) {
			env = e
			if strings.Contains(strings.Join(args, " "), "Refresh") {
				t.Error("the name is a part of the program")
			}
			if tt.name == "fails" {
				return nil, errors.New("exit code 1")
			}
			return []byte(tt.out), nil
		}}.Timer(t.Context(), tt.name)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			continue
		}
		if err != nil {
			continue
		}
		day := func(s string) string {
			if strings.HasPrefix(s, "0001") {
				return "-"
			}
			return s
		}
		text := "none"
		if found {
			active := map[bool]string{true: "active", false: "inactive"}[got.Active]
			text = strings.Join([]string{got.Enabled, active, day(got.Last.Format("2006-01-02")), day(got.Next.Format("2006-01-02")), got.Result}, " ")
		}
		if text != tt.want {
			t.Errorf("%s: %q, want %q", tt.out, text, tt.want)
		}
		if strings.HasPrefix(tt.name, `\Vendor`) && !slices.Equal(env, []string{`UPKEEP_TASK_PATH=\Vendor\`, "UPKEEP_TASK=Refresh"}) {
			t.Errorf("asked with %q", env)
		}
	}
}
