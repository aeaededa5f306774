package show

import (
	"fmt"
	"strings"

	"upkeep/internal/manage"
)

// Holds renders the register of holds.
func Holds(list []manage.Hold, command string, width Paper) string {
	if len(list) == 0 {
		return Good("nothing is held after a run") + "\n"
	}
	var b strings.Builder
	for _, h := range list {
		b.WriteString(holdLine(h, width))
		if h.Error != "" {
			b.WriteString(wrap(one(h.Error), "    ", "    ", width))
		} else if h.Evidence != "" {
			b.WriteString(wrap(faint.Render(one(h.Evidence)), "    ", "    ", width))
		}
		b.WriteString(endLine(h, command, width))
	}
	return b.String()
}

// holdLine says what is held, to what, since which run, and until when.
func holdLine(h manage.Hold, width Paper) string {
	if h.Run == "" { // it cannot be read
		return wrap(one(fmt.Sprintf("%s is held, and its entry cannot be read", h.ID)), yellow.Render("!")+" ", "  ", width)
	}
	sign := blue.Render("▸") + " "
	text := fmt.Sprintf("%s is held at %s, and was %s; since run %s, until %s", h.What, h.To, h.Was, h.Run, h.Until)
	switch {
	case h.Due:
		sign, text = yellow.Render("!")+" ", text+": its end has come"
	case !h.Ends.IsZero():
		text += " (" + h.Ends.Local().Format("2006-01-02 15:04") + ")"
	}
	return wrap(one(text), sign, "  ", width)
}

func endLine(h manage.Hold, command string, width Paper) string {
	line := command + " holds end "
	if h.Run == "" {
		line += "--keep "
	}
	return wrap(one(line+Quote(h.ID)), "  → ", "    ", width)
}

// HoldEnded says what came of a hold.
func HoldEnded(h manage.Hold, kept bool, width Paper) string {
	text := fmt.Sprintf("%s has back what it had: %s", h.What, h.Was)
	if kept {
		text = fmt.Sprintf("%s stays as it is; it is not held any more", h.What)
	}
	return wrap(one(text), green.Render("✓")+" ", "  ", width)
}

// statusHold is a line of the status: no probe was asked.
func statusHold(h manage.Hold, command string, width Paper) string {
	line := holdLine(h, width)
	switch {
	case h.Error != "":
		return line + wrap(one(h.Error), "    ", "    ", width)
	case h.Due:
		return line + endLine(h, command, width)
	case h.Asks:
		return line + wrap(one(command+" holds asks whether that is so"), "    ", "    ", width)
	}
	return line
}
