package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// Feed shows what is installed, what its files say, and what was published.
func Feed(v *manage.FeedView, command string, now time.Time, width Paper) string {
	var b strings.Builder
	b.WriteString(feedHead(v, now, width))
	var list rows
	for _, u := range v.Installed {
		since, detected := "", ""
		if !u.Since.IsZero() {
			since = "since " + u.Since.Local().Format("2006-01-02 15:04")
		}
		switch {
		case u.Detected != "" && u.Detected != u.Version:
			detected = yellow.Render("its files say " + one(u.Detected))
		case u.Detected != "":
			detected = faint.Render("its files say so, too")
		}
		list = append(list, []string{one(u.Unit), one(u.Version), since, detected})
	}
	if len(list) > 0 {
		b.WriteString("\n" + heading(width.Word("Installed")) + table("  ", list, 3, width))
	}
	b.WriteString("\n" + heading(width.Word("Published")))
	if len(v.Releases) == 0 {
		return b.String() + "  " + faint.Render("nothing is known") + "\n"
	}
	list = nil
	for i := len(v.Releases) - 1; i >= 0; i-- { // the newest first
		list = append(list, feedRelease(v.Releases[i], width))
	}
	b.WriteString(table("  ", list, 4, width))
	if v.Detected.Version != "" {
		at := ""
		if !v.Detected.At.IsZero() {
			at = v.Detected.At.Local().Format("2006-01-02 15:04")
		}
		b.WriteString("\n" + heading("Detected by the product itself") + table("  ", rows{{"  " + one(v.Detected.Version), at}}, 3, width))
	}
	if v.Doubt || v.Problem != "" {
		b.WriteString("\n" + wrap(one("Something keeps releases from being seen: "+command+" doctor says what helps."), yellow.Render("!")+" ", "  ", width))
	} else {
		b.WriteString("\n" + wrap(faint.Render(one("A newer version was published, and is not here? "+command+" doctor says what helps.")), "", "", width))
	}
	return b.String()
}

func feedRelease(r manage.FeedRelease, width Paper) []string {
	mark, about := " ", []string{}
	if r.Installed {
		mark = green.Render("✓")
		about = append(about, width.Word("installed"))
	}
	switch {
	case r.Channel == "": // a page only tells of it
	case r.Here == "whole":
		about = append(about, width.Word("here"))
	case r.Fetch < r.Whole:
		about = append(about, fmt.Sprintf("%s to fetch by patch (%s whole)", plan.Size(r.Fetch), plan.Size(r.Whole)))
	default:
		about = append(about, plan.Size(r.Fetch)+" to fetch")
	}
	if r.Upkeep != "" {
		about = append(about, "needs Upkeep "+r.Upkeep)
	}
	text := faint.Render(one(strings.Join(about, "; ")))
	if r.Withdrawn != "" {
		mark, text = red.Render("✗"), red.Render("withdrawn: ")+one(r.Withdrawn)
	}
	seen := ""
	if !r.Seen.IsZero() {
		seen = "seen " + r.Seen.Local().Format("2006-01-02 15:04")
	}
	published := ""
	if !r.Published.IsZero() {
		published = r.Published.Local().Format("2006-01-02 15:04")
	}
	row := []string{mark + " " + one(r.Version)}
	if r.Channel != "" {
		row = append(row, r.Channel)
	}
	row = append(row, published, faint.Render(seen))
	if len(about) > 0 || r.Withdrawn != "" {
		row = append(row, text)
	}
	return row
}

func feedHead(v *manage.FeedView, now time.Time, width Paper) string {
	var b strings.Builder
	pinned := v.Channel + ", no root is pinned yet"
	switch {
	case v.Told:
		pinned = "tells versions; nobody has signed them"
	case v.Root != "":
		pinned = v.Channel + ", root " + v.Root[:min(12, len(v.Root))]
	}
	b.WriteString(table("", rows{{bold.Render(one(v.Product)), one(v.Feed), faint.Render(pinned)}}, 1, width))
	switch {
	case v.Looked.IsZero() && v.Problem == "":
		b.WriteString(wrap("Nobody has looked at it yet: upkeep feed refresh does.", yellow.Render("!")+" ", "  ", width))
	case v.Looked.IsZero():
	case v.Told:
		b.WriteString(wrap(fmt.Sprintf("Looked at %s (%s).", ago(now.Sub(v.Looked)), v.Looked.Local().Format("2006-01-02 15:04")), "", "", width))
	default:
		b.WriteString(wrap(fmt.Sprintf("Looked at %s (%s); its word holds until %s.", ago(now.Sub(v.Looked)), v.Looked.Local().Format("2006-01-02 15:04"), v.Until.Local().Format("2006-01-02 15:04")), "", "", width))
	}
	if v.Expired {
		b.WriteString(wrap("Its word does not hold any more: upgrades wait until its vendor has signed it anew. Nothing else does.", yellow.Render("!")+" ", "  ", width))
	}
	if v.Problem != "" {
		b.WriteString(wrap(one(fmt.Sprintf("The last look, at %s: %s", v.Tried.Local().Format("2006-01-02 15:04"), v.Problem)), yellow.Render("!")+" ", "  ", width))
	}
	return b.String()
}

// ago says for people how long ago something was.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return age(d) + " ago"
}

// FeedRefreshed says what is new.
func FeedRefreshed(fresh []string, width Paper) string {
	text := "Nothing new."
	if len(fresh) > 0 {
		text = "New: " + strings.Join(fresh, ", ")
	}
	return wrap(one(text), green.Render("✓")+" ", "  ", width)
}

// Fetched says what was fetched.
func Fetched(f manage.FeedFetched, width Paper) string {
	if len(f.Releases) == 0 {
		return Good("nothing is to be fetched: what is installed is the latest of the channel") + "\n"
	}
	what := fmt.Sprintf("%s: whole and verified", strings.Join(f.Releases, ", "))
	switch {
	case f.Files == 0:
		what += "; all of it was here"
	case len(f.Patched) > 0:
		what += fmt.Sprintf("; %s fetched, by patch: %s", plan.Size(f.Bytes), strings.Join(f.Patched, ", "))
	default:
		what += fmt.Sprintf("; %s fetched", plan.Size(f.Bytes))
	}
	text := wrap(one(what), green.Render("✓")+" ", "  ", width)
	for _, n := range f.Notes {
		text += wrap(one(n), yellow.Render("!")+" ", "  ", width)
	}
	return text
}

// Exported says what can be carried away.
func Exported(file string, versions []string, bytes int64, until time.Time, width Paper) string {
	return wrap(one(fmt.Sprintf("%s has %s, with all that proves it (%s)", file, strings.Join(versions, ", "), plan.Size(bytes))), green.Render("✓")+" ", "  ", width) +
		wrap(fmt.Sprintf("The feed's word holds until %s: bring it there before.", until.Local().Format("2006-01-02 15:04")), "  ", "  ", width)
}

// Imported says what came, and how old it is.
func Imported(versions []string, made, until time.Time, command string, now time.Time, width Paper) string {
	what := "the feed is known as of then; no release came along"
	if len(versions) > 0 {
		what = strings.Join(versions, ", ") + ": whole and verified"
	}
	text := wrap(one(what), green.Render("✓")+" ", "  ", width) +
		wrap(fmt.Sprintf("Made %s, by what the file says; the feed's word holds until %s.", ago(now.Sub(made)), until.Local().Format("2006-01-02 15:04")), "  ", "  ", width)
	if len(versions) > 0 {
		text += wrap(one(fmt.Sprintf("Next: %s plan --to %s", command, versions[len(versions)-1])), "  ", "  ", width)
	}
	return text
}
