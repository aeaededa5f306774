package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// TriggerCommand is the trigger of a run that a person starts by a command.
const TriggerCommand = "command"

// Entitled refuses a trigger that the product does not declare, and one whose
// entitlement is not there. Values are the named facts as they were read.
func Entitled(p *manifest.Product, trigger string, values map[string]string) error {
	if trigger == "" || trigger == TriggerCommand {
		return nil
	}
	t, known := p.Triggers[trigger]
	if !known {
		have := "it declares none"
		if len(p.Triggers) > 0 {
			have = "it declares " + strings.Join(slices.Sorted(maps.Keys(p.Triggers)), ", ")
		}
		return &Refusal{Reasons: []string{fmt.Sprintf("%s has no trigger %q: %s; leave --trigger out when you start it yourself", p.ID, trigger, have)}}
	}
	if t.Entitlement == "" {
		return nil
	}
	v, read := values[t.Entitlement]
	switch {
	case !read:
		return &Refusal{Reasons: []string{fmt.Sprintf("the trigger %s needs the entitlement %s, and the product's document does not say how that is told: it has no fact %s", trigger, t.Entitlement, t.Entitlement)}}
	case !truth(v, ""):
		why := "it was not found"
		if probe := p.Facts[t.Entitlement]; probe.Source != "" && len(probe.Args) > 0 {
			why = fmt.Sprintf("it was looked for by %s %s", probe.Source, strings.Join(probe.Args, " "))
		}
		return &Refusal{Reasons: []string{fmt.Sprintf("the trigger %s needs the entitlement %s, which is not there: %s; the vendor gives it", trigger, t.Entitlement, why)}}
	}
	return nil
}
