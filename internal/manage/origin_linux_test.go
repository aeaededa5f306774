package manage

import "testing"

func TestUnitOf(t *testing.T) {
	for text, want := range map[string]string{
		"0::/user.slice/user-1000.slice/session-4.scope\n":             "session-4.scope",
		"0::/system.slice/itop-hub.service\n":                          "itop-hub.service",
		"0::/system.slice/itop-hub.service/worker\n":                   "itop-hub.service",
		"12:pids:/\n1:name=systemd:/system.slice/cron.service\n0::/\n": "cron.service",
		"0::/\n": "", "": "", "nonsense": "", "0::/upkeep/service-x\n": "",
	} {
		if got := unitOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
