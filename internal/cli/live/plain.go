package live

import (
	"context"
	"fmt"
	"io"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
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

// bar draws a bar of the given width.
func bar(width int, fraction float64, back bool) string {
	full := int(fraction*float64(width) + 0.5)
	full = max(0, min(width, full))
	text := ""
	for i := range width {
		if i < full {
			text += "━"
		} else {
			text += "─"
		}
	}
	if back {
		return show.Yellow(text[:full*len("━")]) + show.Faint(text[full*len("━"):])
	}
	return show.Blue(text[:full*len("━")]) + show.Faint(text[full*len("━"):])
}

// status is the moving part: bar, step n of m, phase, elapsed, expected end,
// and the last line of the step.
func (t *Track) status(now time.Time, width int) string {
	n, m := t.Position()
	what := fmt.Sprintf("step %d of %d", n, m)
	if t.Back {
		what = fmt.Sprintf("back, %d left", n)
	}
	head := fmt.Sprintf("%s · %s · %s", what, t.Current.Phase, show.Clock(now.Sub(t.Began)))
	if left, ok := t.Left(now); ok {
		if left < time.Second {
			head += " · nearly done"
		} else {
			head += fmt.Sprintf(" · about %s left, %s", show.Duration(left.Round(time.Second)), now.Add(left).Local().Format("15:04:05"))
		}
	}
	title := Title(t.Current, t.Dir)
	line := ""
	if t.Prog != nil && t.Prog.Total > 0 {
		line = fmt.Sprintf("%d of %d %s", t.Prog.Done, t.Prog.Total, t.Prog.Unit)
		if t.Prog.Unit == "bytes" {
			line = fmt.Sprintf("%s of %s", show.Bytes(t.Prog.Done), show.Bytes(t.Prog.Total))
		}
	}
	if t.Line != "" {
		line = show.Clean(t.Line)
	}
	return fmt.Sprintf("%s %s\n%s\n%s", bar(min(30, max(10, width-50)), t.Fraction(now), t.Back), head,
		show.Running(clip(title, width-2)), show.Faint(clip("  "+line, width)))
}

func clip(text string, width int) string {
	r := []rune(text)
	if width > 1 && len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}
