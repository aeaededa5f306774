package plan

import (
	"encoding/json"
	"slices"
	"strings"
)

// Rights are the steps that something runs under one account in.
type Rights struct {
	Account string   `json:"account"`
	Steps   []string `json:"steps"`
	// More says that they are more than those of Upkeep's own process, or root's.
	More bool `json:"more,omitempty"`
}

// Rights lists whose rights the plan uses, and where: the accounts of commands,
// services and hooks, those with more rights than others first. What Upkeep
// does by itself it does with the rights of its own process.
func (p *Plan) Rights() []Rights {
	var out []Rights
	for _, s := range p.Steps {
		for _, as := range accounts(s) {
			i := slices.IndexFunc(out, func(r Rights) bool { return r.Account == as })
			if i < 0 {
				i = len(out)
				out = append(out, Rights{Account: as, More: as == "root"})
			}
			out[i].Steps = append(out[i].Steps, s.ID)
		}
	}
	slices.SortStableFunc(out, func(a, b Rights) int {
		switch {
		case a.More == b.More:
			return strings.Compare(a.Account, b.Account)
		case a.More:
			return -1
		}
		return 1
	})
	return out
}

// accounts are those under which a step runs something: its own, and those of
// the commands in its parameters, also of the ones that take it back.
func accounts(s Step) []string {
	var out []string
	add := func(as string) {
		if as != "" && !slices.Contains(out, as) {
			out = append(out, as)
		}
	}
	add(s.As)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if as, ok := v["as"].(string); ok {
				add(as)
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	var params any
	if json.Unmarshal(s.Params, &params) == nil {
		walk(params)
	}
	slices.Sort(out)
	return out
}
