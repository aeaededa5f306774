package plan_test

import (
	"strings"
	"testing"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

func TestEntitled(t *testing.T) {
	p := &manifest.Product{ID: "itop", Triggers: map[string]manifest.Trigger{"setup": {}, "model-push": {Entitlement: "designer"}},
		Facts: map[string]manifest.Probe{"designer": {Source: "file", Args: []string{"${dir.conf}/designer.key"}}}}
	for _, c := range []struct {
		trigger string
		values  map[string]string
		want    string // empty: allowed
	}{
		{"", nil, ""},
		{"command", nil, ""},
		{"setup", nil, ""},
		{"setpu", nil, "it declares model-push, setup"},
		{"model-push", map[string]string{"designer": "K-1"}, ""},
		{"model-push", map[string]string{"designer": ""}, "looked for by file ${dir.conf}/designer.key"},
		{"model-push", map[string]string{"designer": "false"}, "which is not there"},
		{"model-push", nil, "no fact designer"},
	} {
		err := plan.Entitled(p, c.trigger, c.values)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %v: %v, want %q", c.trigger, c.values, err, c.want)
		}
	}
	if err := plan.Entitled(&manifest.Product{ID: "plain"}, "setup", nil); err == nil || !strings.Contains(err.Error(), "it declares none") {
		t.Errorf("a product without triggers: %v", err)
	}
}
