// Package show turns the values of the model into what a terminal shows:
// plans, runs, results. It is pure: text in, text out, so that every screen
// has a golden file. Colours are ANSI; the writer at the edge takes them away
// where they are not wanted. It imports the model and lipgloss.
package show

import (
	"fmt"
	"time"

	"charm.land/lipgloss/v2"

	"upkeep/internal/plan"
)

// Styles: green is good, yellow wants attention, red is wrong, blue is under
// way; never colour alone.
var (
	bold   = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	blue   = lipgloss.NewStyle().Foreground(lipgloss.Blue)
)

// Good, Bad, Careful and Running begin lines that say so.
func Good(text string) string    { return green.Render("✓") + " " + text }
func Bad(text string) string     { return red.Render("✗") + " " + text }
func Careful(text string) string { return yellow.Render("!") + " " + text }
func Running(text string) string { return blue.Render("▸") + " " + text }

// Back begins a line about the return to the old state.
func Back(text string) string { return yellow.Render("↩") + " " + text }

// Faint renders a text that is there when looked for.
func Faint(text string) string { return faint.Render(text) }

// Bold renders a text that is seen first.
func Bold(text string) string { return bold.Render(text) }

// Duration writes a span for people: 340 ms, 8.4 s, 2 min 05 s, 1 h 12 min.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// Clock writes a running time as 1:05 or 1:02:05.
func Clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Blue and Yellow colour what is under way, and what goes back.
func Blue(text string) string   { return blue.Render(text) }
func Yellow(text string) string { return yellow.Render(text) }

// Bytes writes a number of bytes for people.
func Bytes(n int64) string { return plan.Size(n) }
