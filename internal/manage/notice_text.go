package manage

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/notify"
	"upkeep/internal/site"
)

// notice is what people are told of.
type notice struct {
	event    site.Event
	run      string
	from, to string
	begins   time.Time
	ends     time.Time // as forecast
	outage   time.Duration
	affected []string
	by       string
	why      string
	step     string
	back     bool // it takes an earlier upgrade back
	work     bool // something of it is left to be done
	shut     bool // users are still kept out

	product, installation, host, document string
	zone                                  *time.Location
}

// words put a notice into a title of one line and a text.
func (n notice) words(audience string) (title, text string) {
	p := notify.Line(n.product)
	if audience == site.Users {
		title, text = n.forUsers(p)
	} else {
		title, text = n.forAdministrators(p)
	}
	return title, strings.TrimRight(text, "\n") + "\n"
}

func (n notice) at(t time.Time) string { return t.In(n.zone).Format(timeForm) }

// facts are lines of a label and what is so; what is empty is left out.
func facts(pairs ...string) string {
	wide := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			wide = max(wide, len(pairs[i]))
		}
	}
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if v := notify.Line(pairs[i+1]); v != "" {
			fmt.Fprintf(&b, "%-*s  %s\n", wide+1, pairs[i]+":", v)
		}
	}
	return b.String()
}

func (n notice) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return n.at(t)
}

func (n notice) length() string {
	if n.outage <= 0 {
		return ""
	}
	return "about " + span(n.outage)
}

func (n notice) way() string {
	switch {
	case n.to == "":
		return ""
	case n.from == "":
		return "to " + n.to
	}
	return fmt.Sprintf("from %s to %s", n.from, n.to)
}

// what and done are what a run is, and what becomes of the product by it.
func (n notice) what() string {
	if n.back {
		return "way back"
	}
	return "upgrade"
}

func (n notice) done() string {
	if n.back {
		return "put back"
	}
	return "upgraded"
}

// forUsers is for those who work with the product: when it is away, for how long,
// and what of it.
func (n notice) forUsers(p string) (string, string) {
	times := facts("Begins", n.time(n.begins), "Expected end", n.time(n.ends), "Not available for", n.length(), "What is concerned", strings.Join(n.affected, ", "))
	if n.shut {
		n.event = site.Waits // whatever else is so: they are not let in yet
	}
	switch n.event {
	case site.Planned:
		title := fmt.Sprintf("%s will not be available on %s", p, n.at(n.begins))
		if n.outage > 0 {
			title += ", for " + n.length()
		}
		return title, fmt.Sprintf("%s will be upgraded %s.\n\n%s\nPlease save your work before. You will be told when it is over.\n", p, n.way(), times)
	case site.Off:
		return fmt.Sprintf("%s stays available: the work of %s does not take place", p, n.at(n.begins)), fmt.Sprintf("The upgrade of %s that was announced for %s does not take place then. You will be told of another time.\n", p, n.at(n.begins))
	case site.Started:
		return p + " is being " + n.done() + " now", fmt.Sprintf("%s is being %s %s, and will not be available for a while.\n\n%s\nYou will be told when it is over.\n", p, n.done(), n.way(), times)
	case site.Waits:
		return p + " is away for longer than planned", fmt.Sprintf("The work on %s takes longer than planned; its administrator has to look at it. You will be told when it is over.\n", p)
	case site.WentBack:
		return p + " is available again, as it was", fmt.Sprintf("The upgrade of %s did not come about. It is on %s as before.\n", p, n.from)
	case site.Finished:
		return fmt.Sprintf("%s is available again, on %s", p, n.to), fmt.Sprintf("%s was %s %s and is available again.\n\n%s", p, n.done(), n.way(), facts("Was not available for", n.length()))
	case trying:
		return "A test of the notifications of " + p, "This is a test. Nothing is going to happen, and nothing has happened.\n"
	}
	return n.forAdministrators(p)
}

// forAdministrators says what happened, to what, why, and what to do now.
func (n notice) forAdministrators(p string) (string, string) {
	command := func(line string) string {
		return fmt.Sprintf("\n  on %s: upkeep --installation %s %s\n", n.host, n.document, line)
	}
	head := facts("Installation", n.installation+" on "+n.host, "Run", n.run, "Version", n.way(), "Begins", n.time(n.begins), "Expected end", n.time(n.ends), "Outage", n.length(),
		"Affected", strings.Join(n.affected, ", "), "By", n.by, "At step", n.step, "Why", n.why)
	switch n.event {
	case site.Planned:
		return fmt.Sprintf("%s: the upgrade to %s begins on %s", p, n.to, n.at(n.begins)), "It begins by itself.\n\n" + head + "\nTo have it not begin:" + command("schedule cancel")
	case site.Off:
		return fmt.Sprintf("%s: the upgrade to %s of %s does not begin", p, n.to, n.at(n.begins)), "Nothing was changed.\n\n" + head + "\nTo look, and to give it again:" + command("plan")
	case site.Started:
		return fmt.Sprintf("%s: the %s to %s has begun", p, n.what(), n.to), head + "\nTo watch it:" + command("resume")
	case site.Waits:
		return fmt.Sprintf("%s WAITS FOR YOU: the %s to %s does not go on by itself", p, n.what(), n.to), "Nothing happens before somebody decides.\n\n" + head + "\nWhat can be done, and what each choice means:" + command("status")
	case site.WentBack:
		title := fmt.Sprintf("%s: the %s to %s did not come about, and it is on %s as before", p, n.what(), n.to, n.from)
		if n.from == "" {
			title = fmt.Sprintf("%s: %s was not installed, and what was made is taken away again", p, n.to)
		}
		return title, head + "\nTo see why:" + command("runs show "+n.run)
	case site.Finished:
		title := fmt.Sprintf("%s is on %s, verified", p, n.to)
		if n.work {
			title = fmt.Sprintf("%s is on %s, and work remains", p, n.to)
		}
		return title, head + "\nWhat it did:" + command("runs show "+n.run)
	case site.PointFailed:
		return p + ": the timer's restore point was not made", head + "\nTo look at it:" + command("doctor")
	case site.ProofFailed:
		return p + ": a restore point could not be proven", "Do not rely on it before it is.\n\n" + head + "\nTo make another one:" + command("backup create")
	case site.FeedUnseen:
		return p + ": nobody has seen its releases for long", "A new release, also one that closes a hole, would not be noticed.\n\n" + head + "\nTo look at it:" + command("doctor")
	case trying:
		return "A test of the notifications of " + p, "This is a test. Nothing has happened.\n\n" + head
	}
	return p + ": " + string(n.event), head
}
