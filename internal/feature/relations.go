package feature

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// there are the components of what is chosen: what several features bring is
// there once, and what none brings always.
func (s *solving) there() map[string]bool {
	out := map[string]bool{}
	for _, id := range s.declared {
		by := s.bringers[id]
		out[id] = len(by) == 0 || slices.ContainsFunc(by, func(n int) bool { return s.why[n] != "" })
	}
	return out
}

// relations refuses components without what they need, or with what they do not
// go with.
func (s *solving) relations(there map[string]bool) {
	for _, id := range s.declared {
		if !there[id] {
			continue
		}
		for _, n := range s.components[id].needs {
			if why := s.unmet(n, there); why != "" {
				s.refuse("%s needs %s: %s", s.said(id), n, why)
			}
		}
		for _, n := range s.components[id].conflicts {
			if s.unmet(n, there) == "" {
				s.refuse("%s does not go with %s: leave one of them out", s.said(id), s.said(n.Name))
			}
		}
	}
}

// said names a component with the features that bring it.
func (s *solving) said(id string) string {
	var by []string
	for _, n := range s.bringers[id] {
		if s.why[n] != "" {
			by = append(by, s.features[n].path)
		}
	}
	if len(by) == 0 {
		return id
	}
	return fmt.Sprintf("%s (of %s)", id, strings.Join(by, ", "))
}

// unmet says what is missing of a need; empty: it is met.
func (s *solving) unmet(n manifest.Need, there map[string]bool) string {
	switch {
	case n.Name != "":
		return s.lacks(n, there)
	case n.All != nil:
		var missing []string
		for _, sub := range n.All {
			if why := s.unmet(sub, there); why != "" {
				missing = append(missing, why)
			}
		}
		return strings.Join(missing, "; ")
	}
	var missing []string
	for _, sub := range n.Any {
		why := s.unmet(sub, there)
		if why == "" {
			return ""
		}
		missing = append(missing, why)
	}
	return strings.Join(missing, ", and ")
}

// lacks says why one component does not meet a need.
func (s *solving) lacks(n manifest.Need, there map[string]bool) string {
	by := s.bringers[n.Name]
	switch _, known := s.components[n.Name]; {
	case !known:
		return fmt.Sprintf("%s has no %s", s.version, n.Name)
	case !there[n.Name]:
		return fmt.Sprintf("choose %s, which brings %s", s.names(by), n.Name)
	case n.Range == "":
		return ""
	}
	v := s.version
	r, err := s.order.ParseRange(n.Range)
	if err != nil { // a component may have versions of its own
		r, err = s.dotted.ParseRange(n.Range)
	}
	if err != nil {
		return err.Error()
	}
	switch ok, err := r.Contains(v); {
	case err != nil:
		return fmt.Sprintf("%s is on %s: %v", n.Name, v, err)
	case !ok:
		return fmt.Sprintf("%s is on %s then", n.Name, v)
	}
	return ""
}

// closed says why a feature that is not chosen cannot be; empty: it can.
func (s *solving) closed(n int, there map[string]bool) string {
	f := s.features[n]
	if f.parent >= 0 && s.why[f.parent] == "" {
		return "it lies below " + s.features[f.parent].path
	}
	if f.one != "" {
		for o, other := range s.features {
			if other.one == f.one && s.locked[o] {
				return other.path + " is installed, and cannot be exchanged or taken out"
			}
		}
	}
	added := map[string]bool{}
	for _, id := range f.Components {
		if !there[id] {
			added[id], there[id] = true, true
		}
	}
	defer func() {
		for id := range added {
			there[id] = false
		}
	}()
	for _, id := range f.Components {
		for _, need := range s.components[id].needs {
			if why := s.unmet(need, there); why != "" {
				return fmt.Sprintf("%s needs %s: %s", id, need, why)
			}
		}
		for _, need := range s.components[id].conflicts {
			if s.unmet(need, there) == "" {
				return fmt.Sprintf("%s does not go with %s", id, s.said(need.Name))
			}
		}
	}
	return ""
}

// inOrder gives the components that are there, each after what it needs and
// otherwise as the document has them. What depends on itself is refused, with
// the circle.
func (s *solving) inOrder(there map[string]bool) []string {
	const open, done = 1, 2
	state := map[string]int{}
	var out, path []string
	var visit func(id string)
	visit = func(id string) {
		switch {
		case !there[id] || state[id] == done:
			return
		case state[id] == open:
			circle := append(slices.Clone(path[slices.Index(path, id):]), id)
			s.refuse("components depend on one another in a circle: %s: report it to the vendor", strings.Join(circle, " → "))
			return
		}
		state[id] = open
		path = append(path, id)
		for _, n := range s.components[id].needs {
			n.Each(func(name, _ string) { visit(name) })
		}
		path = path[:len(path)-1]
		state[id] = done
		out = append(out, id)
	}
	for _, id := range s.declared {
		visit(id)
	}
	return out
}
