package plan_test

import (
	"errors"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

func TestReboot(t *testing.T) {
	units := with(shop, `services: [{id: web, as: shop, ports: ["8080"]}]`)
	enabled := plan.SystemdUnit{Unit: "web.service", Load: "loaded", Start: "enabled"}
	for _, c := range []struct {
		name, product, phase string
		boot                 string
		unit                 plan.SystemdUnit
		want                 string // of the refusal
	}{
		{"while it is stopped", shop, "before-install", "", plan.SystemdUnit{}, ""},
		{"a unit, while it is stopped", units, "after-install", "", enabled, ""},
		{"a unit that comes back", units, "start-of-run", "", enabled, ""},
		{"no boot unit", units, "before-install", "upkeep setup-host was not given on this machine", enabled, "give upkeep setup-host first"},
		{"what does not come back", shop, "start-of-run", "", plan.SystemdUnit{}, "service web does not start with the machine"},
		{"a disabled unit", units, "start-of-run", "", plan.SystemdUnit{Unit: "web.service", Load: "loaded", Start: "disabled"}, "web.service is disabled"},
		{"behind the barrier", units, "end-of-run", "", enabled, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(t, c.product, with(v2, "+"+c.phase+": [{reboot: here}]"))
			in.Facts.Boot = c.boot
			in.Facts.Systemd = map[string]plan.SystemdUnit{"web": c.unit}
			p, err := plan.Compile(in)
			if c.want != "" {
				var refusal *plan.Refusal
				if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("the error is %v, want a refusal with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Steps {
				if s.Verb == "reboot" && (s.Class == plan.Irreversible) == (c.phase == "end-of-run") {
					return
				}
			}
			t.Errorf("no reboot of the right class in the plan")
		})
	}
}
