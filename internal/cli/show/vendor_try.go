package show

import (
	"fmt"
	"time"

	"upkeep/internal/manage"
)

// TrialWay is one way that was tried.
type TrialWay struct {
	manage.TrialWay
	Broke   string  `json:"broke,omitempty"` // where; empty: it holds, forward and back
	Why     string  `json:"why,omitempty"`
	Seconds float64 `json:"seconds"`
}

// TrialDoc is all that was tried of a product.
type TrialDoc struct {
	Product string     `json:"product"`
	Ways    []TrialWay `json:"ways"`
}

// Broken is how many ways break.
func (d TrialDoc) Broken() (n int) {
	for _, w := range d.Ways {
		if w.Broke != "" {
			n++
		}
	}
	return n
}

// Tried says whether a way holds, and where it breaks.
func Tried(w TrialWay, width Paper) string {
	text := "from " + w.From
	if w.To != "" {
		text = way(append(append([]string{w.From}, w.Over...), w.To)...)
	}
	took := Duration(time.Duration(w.Seconds * float64(time.Second)))
	if w.Broke == "" {
		return wrap(one(text+": upgraded, taken back, and as it was")+"  "+faint.Render(took), green.Render("✓")+" ", "  ", width)
	}
	return wrap(one(text+" breaks: "+w.Broke)+"  "+faint.Render(took), red.Render("✗")+" ", "  ", width) + lines(w.Why, "    ")
}

// TrialEnd sums up.
func TrialEnd(d TrialDoc, width Paper) string {
	broken, all := d.Broken(), len(d.Ways)
	if all == 0 {
		return Careful("there is no way to try") + "\n"
	}
	if broken == 0 {
		return "\n" + Good(fmt.Sprintf("%s of %s hold, forward and back", count(all, "way", "ways"), one(d.Product))) + "\n"
	}
	return "\n" + wrap(fmt.Sprintf("%d of %s of %s break: %s", broken, count(all, "way", "ways"), one(d.Product), "do not publish what they lead to"), red.Render("✗")+" ", "  ", width)
}
