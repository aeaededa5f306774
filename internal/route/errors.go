package route

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

// WithdrawnError says that the wanted release is withdrawn.
type WithdrawnError struct{ Version, Reason string }

func (e *WithdrawnError) Error() string {
	return fmt.Sprintf("%s is withdrawn: %s; choose another release with --to", e.Version, e.Reason)
}

// OlderError says that the wanted release is older than what is installed.
type OlderError struct{ From, To string }

func (e *OlderError) Error() string {
	return fmt.Sprintf("%s is older than the installed %s: Upkeep does not downgrade; to go back to a restore point use upkeep back", e.To, e.From)
}

// NoRouteError says that no supported way exists, what does, and what would
// help.
type NoRouteError struct {
	From, To string
	Reached  []string // versions that can be reached from From, the latest first
	Needs    []string // the sources that To supports
	Bars     []string // what stands in the way that there would be otherwise
	Help     string
}

func (e *NoRouteError) Error() string {
	msg := fmt.Sprintf("there is no supported way from %s to %s: %s can be reached from %s", e.From, e.To, e.To, orNothing(e.Needs))
	if len(e.Reached) > 0 {
		msg += fmt.Sprintf(", and from %s the releases at hand lead to %s", e.From, some(e.Reached))
	}
	for _, b := range e.Bars {
		msg += "; " + b
	}
	if e.Help != "" {
		msg += "; " + e.Help
	}
	return msg
}

// enough of a long list are named.
const enough = 8

// some lists a few of many.
func some(list []string) string {
	if len(list) <= enough {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(list[:enough], ", "), len(list)-enough)
}

func orNothing(s []string) string {
	if len(s) == 0 {
		return "nothing"
	}
	return strings.Join(s, " or ")
}

func (g *graph) noRoute(w Wish) error {
	last := len(g.versions) - 1
	e := &NoRouteError{From: w.From, To: w.To, Needs: sources(g.releases[last]), Bars: g.avoided()}
	for _, rank := range slices.Backward(g.reached()) {
		e.Reached = append(e.Reached, g.versions[rank])
	}
	required, err := g.unmet(last)
	if err != nil {
		return err
	}
	e.Bars = append(e.Bars, required...)
	e.Help = g.help(e, last)
	return e
}

// sources are the routes of a release in words.
func sources(r *manifest.Release) []string {
	var out []string
	for _, route := range r.Routes {
		if route.Via != "" {
			out = append(out, fmt.Sprintf("%s (via %s)", route.From, route.Via))
			continue
		}
		out = append(out, route.From)
	}
	return out
}

// unmet says which required fixes no way leads over.
func (g *graph) unmet(to int) (why []string, err error) {
	levels, err := g.levels(to)
	reached := g.reached()
	for _, l := range levels {
		if l.line.base <= 0 && l.rank > 0 && !slices.Contains(reached, l.rank) {
			why = append(why, fmt.Sprintf("%s, which carries the latest fixes of %s, comes first, and nothing leads from %s to it", g.versions[l.rank], l.route.Fixes.Required, g.versions[0]))
		}
	}
	return why, err
}

// help says what would help: mostly a release that is not at hand.
func (g *graph) help(e *NoRouteError, to int) string {
	if len(e.Bars) > 0 {
		return fmt.Sprintf("wait for a release that mends this, or ask the vendor; %s stays as it is", e.From)
	}
	missing := g.missing(to, true)
	if len(missing) == 0 {
		missing = g.missing(to, false)
	}
	if len(missing) > 0 {
		return fmt.Sprintf("the release %s is not at hand: get its bundle, and name with --from a folder that holds all of them", strings.Join(missing, " or "))
	}
	return fmt.Sprintf("ask the vendor which release leads on from %s", e.From)
}

// missing are the single versions that a release is reached from, or by way of,
// and that are not at hand: only those where the route is that of the installed
// version, or all.
func (g *graph) missing(to int, own bool) (out []string) {
	for _, r := range g.releases[to].Routes {
		v := r.Via
		if own {
			in, err := g.order.ParseRange(r.From)
			if ok, cerr := in.Contains(g.versions[0]); err != nil || cerr != nil || !ok {
				continue
			}
		}
		if v == "" {
			v = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(r.From), "="))
		}
		if g.order.Valid(v) != nil {
			continue // a range
		}
		later, err := g.order.Compare(v, g.versions[0])
		if _, here := g.find(v); here == 0 && err == nil && later > 0 && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
