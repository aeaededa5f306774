package plan_test

import (
	"errors"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// Units of systemd need no account of the document: their files say it. What
// the run could not start again is refused before anything is stopped.
func TestUnits(t *testing.T) {
	product := with(shop, `services: [{id: web, ports: ["8080"]}]`)
	for _, c := range []struct {
		name   string
		unit   plan.SystemdUnit
		change func(*plan.Input)
		want   string // of the refusal; empty: a plan
		note   string
	}{
		{"runs", plan.SystemdUnit{Unit: "web.service", Load: "loaded", Start: "enabled"}, nil, "", ""},
		{"disabled", plan.SystemdUnit{Unit: "web.service", Load: "loaded", Start: "disabled"}, nil, "", ""},
		{"masked, and runs", plan.SystemdUnit{Unit: "web.service", Load: "masked"}, nil, "the administrator has masked web.service", ""},
		{"cannot be read, and runs", plan.SystemdUnit{Unit: "web.service", Load: "bad-setting", Broken: "it is bad-setting"}, nil, "systemd cannot start web.service", ""},
		{"masked, and stopped", plan.SystemdUnit{Unit: "web.service", Load: "masked"},
			func(in *plan.Input) { in.Facts.Services["web"] = false }, "", "service web is masked by the administrator: the run leaves it so"},
		{"is not there", plan.SystemdUnit{Unit: "web.service", Load: "not-found"},
			func(in *plan.Input) { in.Facts.Services["web"] = false }, "", "there is no unit web.service on this machine"},
		{"not root", plan.SystemdUnit{Unit: "web.service", Load: "loaded"},
			func(in *plan.Input) { in.Facts.Root, in.Facts.Account = false, "shop" }, "only root can stop and start", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(t, product, strings.Replace(v2, "as: shop", "as: root", 1))
			in.Facts.Services = map[string]bool{"web": true}
			in.Facts.Systemd = map[string]plan.SystemdUnit{"web": c.unit}
			if c.change != nil {
				c.change(&in)
			}
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
			if _, ok := p.Find("stop.web"); ok != in.Facts.Services["web"] {
				t.Errorf("stop.web in the plan: %v", ok)
			}
			if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("notes:\n%s\nwant %q", notes, c.note)
			}
		})
	}
}

// A service that is none of the product's, such as a supervisor that would
// start again what is stopped, is held as a unit of the machine.
func TestHoldOnAUnitOfTheMachine(t *testing.T) {
	p := compile(t, input(t, shop, with(v2, `+start-of-run: [{hold: {service: monit}, to: stopped, until: verify}]`)))
	if _, ok := p.Find("hold.monit"); !ok {
		t.Error("the plan does not hold it")
	}
}
