package show

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"upkeep/internal/manage"
)

// UserView is what a product's user saw during an upgrade.
type UserView struct {
	Asked int           // how often she asked
	Out   time.Duration // how long she was not served
	Page  string        // what she read meanwhile
}

// Users renders it.
func Users(v UserView, width Paper) string {
	text := fmt.Sprintf("a user who asked %d times was not served for %s", v.Asked, bold.Render(Duration(v.Out)))
	if v.Page == "" {
		return wrap(text, "  ", "  ", width)
	}
	return wrap(text+", and read:", "  ", "  ", width) + wrap(Faint("“"+clipText(one(v.Page), 200)+"”"), "  ", "  ", width)
}

func clipText(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}

// Fingerprints renders two fingerprints side by side.
func Fingerprints(a, b manage.Fingerprint, width Paper) string {
	list := rows{{faint.Render(width.Word("what")), faint.Render(width.Word("before")), faint.Render(width.Word("after")), ""}}
	add := func(what string, x, y map[string]string) {
		keys := slices.Sorted(maps.Keys(x))
		for k := range y {
			if _, ok := x[k]; !ok {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			same := green.Render("✓")
			if x[k] != y[k] {
				same = red.Render("✗")
			}
			list = append(list, []string{what + " " + one(k), short(x[k]), short(y[k]), same})
		}
	}
	add("version of", a.Versions, b.Versions)
	add("files of", a.Files, b.Files)
	add("data of", a.Data, b.Data)
	add("service", a.Services, b.Services)
	add("mode", a.Modes, b.Modes)
	return table("  ", list, 0, width)
}

func short(s string) string {
	if len(s) == 64 {
		return s[:16] + "…"
	}
	return one(s)
}

// ClickDemo says what there is to click in the demonstration.
func ClickDemo(product string, notes int, width Paper) string {
	return wrap(fmt.Sprintf("Notes 1.0 runs at %s with %d notes of its users. 3.0 is wanted, and can be reached only from 2.0.", product, notes), "  ", "  ", width) + "\n" +
		table("  ", rows{
			{bold.Render("1"), "enter by the link below"},
			{bold.Render("2"), "open notes, see whether it is ready, and look at the plan"},
			{bold.Render("3"), "start it; close the tab, come back, look at the run"},
		}, 1, width) + "\n"
}

// Click says how to see the demonstration in a browser.
func Click(width Paper) string {
	return "\n" + wrap("To click the same in a browser: "+bold.Render("upkeep demo console")+", or "+bold.Render("make demo-console")+" in a checkout.", "  ", "  ", width)
}
