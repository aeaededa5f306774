package show

import (
	"fmt"
	"strings"

	"upkeep/internal/plan"
)

// planRights says in one place, before the start, with whose rights things
// run, and whose rights people need.
func planRights(p *plan.Plan, width Paper) string {
	var b strings.Builder
	for _, r := range p.Rights() {
		mark := ""
		if r.More {
			mark = yellow.Render("!") + " "
		}
		b.WriteString(wrap(mark+one(fmt.Sprintf("as %s: %s", r.Account, strings.Join(r.Steps, ", "))), "  ", "    ", width))
	}
	for _, s := range p.Steps {
		for _, t := range []*plan.Task{s.Task, s.TaskBack} {
			if t != nil && t.Privilege != "" {
				b.WriteString(wrap(one(fmt.Sprintf("a person with the rights of %s: %s", t.Privilege, s.ID)), "  ", "    ", width))
				break
			}
		}
	}
	for _, a := range p.People {
		if a.Privilege != "" {
			b.WriteString(wrap(one(fmt.Sprintf("a person with the rights of %s, before it starts: %s", a.Privilege, a.ID)), "  ", "    ", width))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	own := "what is not listed Upkeep does by itself"
	if p.Account != "" {
		own += ", as " + p.Account
	}
	return heading(width.Word("Rights")) + b.String() + wrap(faint.Render(one(own)), "  ", "    ", width) + "\n"
}
