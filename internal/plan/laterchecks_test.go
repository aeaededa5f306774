package plan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

func TestEarly(t *testing.T) {
	for _, tt := range []struct {
		check string
		early bool
	}{
		{`{id: c, probe: {os: version, expect: ">= 12"}}`, true},
		{`{id: c, probe: {memory: total, expect: ">= 4GB"}}`, true},
		{`{id: c, probe: {free: "${dir.data}", expect: ">= 4GB"}}`, true},
		{`{id: c, probe: {pending-restart: os}}`, true},
		{`{id: c, probe: {ask: Is it so}}`, true},
		{`{id: c, probe: {command: [php, -v], as: shop}}`, true},
		{`{id: c, probe: {exists: /etc/shop.licence}}`, true},
		{`{id: c, probe: {package: nginx}}`, true},
		{`{id: c, probe: {tcp: "ldap.example.org:389"}}`, true},
		{`{id: c, probe: {log: /var/log/shop.log}, level: warning, acknowledge: each}`, true},
		{`{id: c, probe: {tcp: "127.0.0.1:389"}}`, false},
		{`{id: c, probe: {port: "8080"}}`, false},
		{`{id: c, probe: {package: shop-web}}`, false},
		{`{id: c, probe: {command: [/srv/shop/app/web, --check], as: shop}}`, false},
		{`{id: c, probe: {file: "${dir.data}/VERSION", expect: "2"}}`, false},
		{`{id: c, probe: {exists: /srv/shop/app}}`, false},
		{`{id: c, probe: {sql: SELECT 1}}`, false},
		{`{id: c, probe: {service: web}}`, false},
		{`{id: c, probe: {http: "http://127.0.0.1/"}}`, false},
	} {
		product := with(shop, `dirs: {data: /srv/data}`, `components: {app: {kind: tree, at: /srv/shop/app}, web: {kind: package, packages: [shop-web]}, data: {kind: sqlite, at: /srv/shop.db}}`)
		in := input(t, product, v2, with(v3, "checks: ["+tt.check+"]"))
		r, err := plan.NewResolver(in.Hops[1].Product, in.Site, in.Facts)
		if err != nil {
			t.Fatal(err)
		}
		way := []*manifest.Release{in.Hops[0].Release, in.Hops[1].Release}
		if got := plan.Early(r, way, 1)(way[1].Checks[0]); got != tt.early {
			t.Errorf("%s can be told now: %v, want %v", tt.check, got, tt.early)
		}
		way[0].Checks = way[1].Checks
		if !plan.Early(r, way, 1)(way[1].Checks[0]) {
			t.Errorf("%s is said by the first release too, and not told now", tt.check)
		}
	}
}

// What a later hop wants of the machine stops the run before it begins; what it
// wants of the product is checked between the hops.
func TestChecksOfLaterHops(t *testing.T) {
	later := with(v3, `checks: [{id: memory, probe: {memory: total, expect: ">= 4GB"}}, {id: schema, probe: {sql: "SELECT version FROM meta", expect: "2"}}, {id: hint, level: warning, probe: {sql: "SELECT 1"}}]`)
	in := input(t, shop, v2, later)
	in.Facts.Checks[plan.CheckKey("3.0", "memory")] = plan.CheckResult{OK: true}
	var checks []string
	for _, s := range compile(t, in).Steps {
		if s.Verb == "check" {
			checks = append(checks, s.ID+" "+strings.Join(ids(t, s), ","))
		}
	}
	if got, want := strings.Join(checks, "; "), "check memory; h2.check schema"; got != want {
		t.Errorf("the steps are %s, want %s", got, want)
	}
	in.Facts.Checks[plan.CheckKey("3.0", "memory")] = plan.CheckResult{Evidence: "2GB"}
	_, err := plan.Compile(in)
	var refusal *plan.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "check memory (of the later hop to 3.0): 2GB") {
		t.Errorf("the error is %v", err)
	}
}

func ids(t *testing.T, s plan.Step) (out []string) {
	t.Helper()
	var p plan.CheckParams
	if err := json.Unmarshal(s.Params, &p); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Checks {
		out = append(out, c.ID)
	}
	return out
}
