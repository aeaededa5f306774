package route_test

import (
	"strings"

	"upkeep/internal/manifest"
)

// releases writes releases in short: "2.0: >= 1.0, < 2.0; * via 1.5" is
// release 2.0 with two routes. A route may end in "needs core of core,extras",
// with "by pick" behind it; the release in parts between bars: "| withdrawn
// REASON", "| fix 1.0 core,extras", "| not RANGE because REASON", and "where
// FACT" behind that.
func releases(texts ...string) []*manifest.Release {
	var out []*manifest.Release
	for _, text := range texts {
		parts := strings.Split(text, " | ")
		v, routes, _ := strings.Cut(parts[0], ": ")
		r := &manifest.Release{Version: v}
		for part := range strings.SplitSeq(routes, "; ") {
			if part != "" {
				r.Routes = append(r.Routes, routeOf(part))
			}
		}
		for _, part := range parts[1:] {
			word, rest, _ := strings.Cut(part, " ")
			switch word {
			case "withdrawn":
				r.Withdrawn = rest
			case "fix":
				i := strings.LastIndex(rest, " ")
				r.Fix = &manifest.Fix{Of: rest[:i], Families: strings.Split(rest[i+1:], ",")}
			case "not":
				from, reason, _ := strings.Cut(rest, " because ")
				reason, fact, conditional := strings.Cut(reason, " where ")
				b := manifest.Block{From: from, Reason: reason}
				if conditional {
					b.When = &manifest.When{Fact: fact}
				}
				r.Blocked = append(r.Blocked, b)
			}
		}
		out = append(out, r)
	}
	return out
}

func routeOf(text string) manifest.Route {
	text, needs, fixes := strings.Cut(text, " needs ")
	from, via, _ := strings.Cut(text, " via ")
	r := manifest.Route{From: from, Via: via}
	if fixes {
		needs, choose, _ := strings.Cut(needs, " by ")
		required, families, _ := strings.Cut(needs, " of ")
		r.Fixes = &manifest.Fixes{Required: required, Families: strings.Split(families, ",")}
		if choose != "" {
			r.Fixes.Choose = strings.Split(choose, ",")
		}
	}
	return r
}
