package live

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// Attacher gives the events of a run until its engine has ended.
type Attacher interface {
	Attach(ctx context.Context, id string, from int64, sink func(manage.Event)) (*manage.Run, error)
}

// Plain shows a run as lines: one when a step begins to matter, one when it
// has ended.
func Plain(ctx context.Context, out io.Writer, a Attacher, id string, from int64, t *Track) (*manage.Run, error) {
	return a.Attach(ctx, id, from, func(e manage.Event) {
		line := t.Apply(e)
		switch {
		case e.Kind == manage.EventEnded:
			n, m := t.Position()
			fmt.Fprintf(out, "%s [%2d/%d] %s\n", e.At.Local().Format("15:04:05"), n, m, line)
		case line != "":
			fmt.Fprintln(out, line)
		}
	})
}

// full and rest are the two parts of the bar.
const (
	full = "━"
	rest = "─"
)

// bar draws a bar of the given width.
func bar(width int, fraction float64, back bool) string {
	n := max(0, min(width, int(fraction*float64(width)+0.5)))
	paint := show.Blue
	if back {
		paint = show.Yellow
	}
	return paint(strings.Repeat(full, n)) + show.Faint(strings.Repeat(rest, width-n))
}

// Status is the moving part: bar, step n of m, phase, elapsed, expected end,
// and the last line of the step. What finds no room is left out, last first.
func (t *Track) Status(now time.Time, width int) string {
	n, m := t.Position()
	what := fmt.Sprintf("step %d of %d", n, m)
	if t.Back {
		what = fmt.Sprintf("back, %d left", n)
	}
	say := t.Language.Text
	head := []string{say(what), t.Current.Phase, show.Clock(now.Sub(t.Began))}
	if left, ok := t.Left(now); ok && left < time.Second {
		head = append(head, say("nearly done"))
	} else if ok {
		head = append(head, say(fmt.Sprintf("about %s left", show.Duration(left.Round(time.Second)))), now.Add(left).Local().Format("15:04:05"))
	}
	line := ""
	if t.Prog != nil && t.Prog.Total > 0 {
		line = fmt.Sprintf("%d of %d %s", t.Prog.Done, t.Prog.Total, t.Prog.Unit)
		if t.Prog.Unit == "bytes" {
			line = fmt.Sprintf("%s of %s", show.Bytes(t.Prog.Done), show.Bytes(t.Prog.Total))
		}
	}
	if t.Line != "" {
		line = t.Line
	}
	if t.Prog != nil && line != "" && t.Dir == run.Do {
		line = show.Until(line, t.Prog.Until, now)
	}
	size := min(30, max(10, width-60))
	return fmt.Sprintf("%s %s\n%s\n%s", bar(size, t.Fraction(now), t.Back), fit(head, width-size-1),
		show.Running(clip(say(Title(t.Current, t.Dir)), width-2)), show.Faint(strings.TrimRight(clip("  "+say(show.Clean(line)), width), " ")))
}

// fit joins as many parts as there is room for.
func fit(parts []string, width int) string {
	text := ""
	for i, p := range parts {
		switch {
		case p == "":
			continue
		case i > 0 && lipgloss.Width(text)+3+lipgloss.Width(p) > width:
			return text
		case text != "":
			text += " · "
		}
		text += p
	}
	return clip(text, width)
}

// clip cuts a text to width columns.
func clip(text string, width int) string {
	return ansi.Truncate(text, max(1, width), "…")
}
