package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// Rehearsal renders what the migrations did on copies of the data.
func Rehearsal(r *manage.Rehearsal, width Paper) string {
	var b strings.Builder
	if r.UpToDate {
		return Good(fmt.Sprintf("%s is the version wanted: there is nothing to rehearse", one(r.From))) + "\n"
	}
	b.WriteString("\n" + bold.Render(fmt.Sprintf("Rehearsal of %s → %s", one(r.From), one(r.To))) + "  " + faint.Render("on copies of the data") + "\n\n")
	var took time.Duration
	for _, d := range r.Result.Databases {
		b.WriteString(wrap(fmt.Sprintf("%s: %d rows, %s, copied and compared in %s", one(d.Component), d.Rows, Bytes(d.Bytes), Duration(d.Copied)), "  ", "  ", width))
		for _, s := range d.Steps {
			took += s.Took
			if s.Error != "" {
				b.WriteString(wrap(Clean(s.Title), "  "+red.Render("✗")+" ", "    ", width) + wrap(Clean(s.Error), "    ", "    ", width))
				continue
			}
			b.WriteString(wrap(Clean(s.Title)+"  "+Duration(s.Took), "  "+green.Render("✓")+" ", "    ", width))
			var list rows
			for _, sc := range s.Scripts {
				list = append(list, []string{faint.Render(one(sc.Name)), faint.Render(Duration(sc.Took))})
			}
			if len(list) > 1 {
				b.WriteString(table("      ", list, 0, width))
			}
		}
		for _, l := range d.Left {
			b.WriteString(leftOut(l.Title, l.Why, width))
		}
	}
	for _, l := range r.Left {
		b.WriteString(leftOut(l.Title, l.Why, width))
	}
	b.WriteString("\n")
	if f := r.Result.Failed(); f != nil {
		b.WriteString(wrap("the upgrade would fail here and go back; nothing was changed. Report it to the vendor, with what is special about these data", red.Render("✗")+" ", "  ", width))
	} else {
		b.WriteString(wrap(fmt.Sprintf("what was rehearsed goes through, in %s; nothing was changed, and the next plan forecasts by it", Duration(took)), green.Render("✓")+" ", "  ", width))
	}
	return b.String()
}

func leftOut(title, why string, width Paper) string {
	return wrap("not rehearsed: "+Clean(title)+": "+Clean(why), "  "+yellow.Render("!")+" ", "    ", width)
}
