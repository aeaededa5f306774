package show

import (
	"fmt"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// watching says where an installation is against what is published, by what was
// seen last.
func watching(w *manage.Watching, command string, now time.Time, width Paper) string {
	var b strings.Builder
	line := func(mark, text string) { b.WriteString(wrap(one(text), "  "+mark+" ", "    ", width)) }
	careful, next := yellow.Render("!"), []string{}
	looked := "looked " + ago(now.Sub(w.Looked))
	installed := strings.Join(w.Installed, " and ")
	switch {
	case w.Looked.IsZero():
	case w.Published.Version == "":
		line("·", "nothing is published; "+looked)
	case w.Behind:
		line(blue.Render("▸"), fmt.Sprintf("%s: %s is published%s, installed is %s", looked, w.Published.Version, since(w.Published), installed))
		next = append(next, command+" plan --to "+w.Published.Version)
		if !w.Signed {
			next[0] = command + " plan --from RELEASE"
		}
	case len(w.Installed) == 0:
		line("·", fmt.Sprintf("%s: %s is published%s", looked, w.Published.Version, since(w.Published)))
	default:
		line(green.Render("✓"), fmt.Sprintf("up to date: %s, %s", installed, looked))
	}
	if f := w.Fetched; f != nil && f.Problem == "" && w.Wants() && f.Version == w.Published.Version {
		line(green.Render("✓"), f.Version+" is fetched already, and verified")
	}
	if i := w.Install; i != nil && i.Version == w.Published.Version && i.Why != "" && w.Wants() {
		line(careful, fmt.Sprintf("%s is not installed by itself: %s", i.Version, i.Why))
	}
	switch {
	case w.Problem != "" && !w.Since.IsZero():
		line(careful, fmt.Sprintf("has not looked with success since %s: %s", w.Since.Local().Format("2006-01-02 15:04"), w.Problem))
	case w.Lost:
		why := "no timer does (upkeep setup-host --feed hourly)"
		if w.Timer {
			why = "its timer does not run"
		}
		line(careful, fmt.Sprintf("nobody has looked since %s: %s", w.Looked.Local().Format("2006-01-02 15:04"), why))
	}
	if w.Late >= 24*time.Hour {
		line(careful, fmt.Sprintf("the product itself has seen %s only, for %s now", w.Detected.Version, age(w.Late)))
	}
	if f := w.Fetched; f != nil && f.Problem != "" {
		line(careful, fmt.Sprintf("%s could not be fetched ahead: %s", f.Version, f.Problem))
	}
	if w.Doubt() {
		next = append(next, command+" doctor")
	}
	for _, n := range next {
		b.WriteString(wrap(one(n), "    → ", "      ", width))
	}
	return b.String()
}

// since says when a version was published, or seen here first.
func since(s manage.Seen) string {
	switch {
	case !s.At.IsZero():
		return fmt.Sprintf(" (on %s)", s.At.Local().Format("2006-01-02"))
	case !s.First.IsZero():
		return fmt.Sprintf(" (seen %s)", s.First.Local().Format("2006-01-02 15:04"))
	}
	return ""
}
