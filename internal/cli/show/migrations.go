package show

import (
	"fmt"
	"path"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// Migrations lists the scripts of a release, and how the databases have them.
func Migrations(m *manage.Migrations, command string, width Paper) string {
	var b strings.Builder
	fmt.Fprintf(&b, "scripts of %s\n", one(m.Release))
	component := ""
	for _, s := range m.Scripts {
		if s.Component != component {
			component = s.Component
			fmt.Fprintf(&b, "\n%s\n", bold.Render(one(component)))
		}
		b.WriteString(migrationLine(s, width))
	}
	if w := m.Wrong(); len(w) > 0 {
		b.WriteString("\n" + repairHint(w[0], command, width))
	}
	return b.String()
}

// migrationLine is a script in one line, and what is to be said of it below.
func migrationLine(s manage.Migration, width Paper) string {
	sign, text := green.Render("✓"), s.State
	switch s.State {
	case manage.ScriptPending:
		sign = faint.Render("·")
		if s.Contract {
			text = "after the barrier"
		}
		if s.Due != nil {
			text = "waits until " + s.Due.Local().Format("2006-01-02 15:04")
			if time.Now().After(*s.Due) {
				sign, text = yellow.Render("!"), "its time has come"
			}
		}
	case manage.ScriptOther:
		text = "applied, of another release"
	case manage.ScriptEdited:
		text = "edited by the site"
		if s.Note != nil {
			text += fmt.Sprintf(" (sha256 %.12s in the place of the vendor's %.12s)", s.Note.Was, s.SHA256)
		}
		text += ", applied"
	case manage.ScriptByHand:
		text = "done by hand, recorded as applied"
	case manage.ScriptBegun, manage.ScriptFailed:
		sign = yellow.Render("!")
	case manage.ScriptChanged, manage.ScriptUnclear:
		sign = red.Render("✗")
	}
	if s.Applied != nil {
		text += " " + minute(s.Applied.At)
		if n, took := s.Took(); n > 0 {
			text += fmt.Sprintf(", %d statements in %s", n, took)
		}
	}
	out := wrap(one(s.Script+"  "+text), sign+" ", "    ", width)
	if s.Note != nil {
		out += wrap(faint.Render(one(fmt.Sprintf("%s, %s: %s", s.Note.By, minute(s.Note.At), s.Note.Why))), "    ", "    ", width)
	}
	if s.Why != "" {
		out += wrap(one(s.Why), "    ", "    ", width)
	}
	return out
}

func minute(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return at
	}
	return t.Local().Format("2006-01-02 15:04")
}

// repairHint says what to do about a script that does not fit the release.
func repairHint(s manage.Migration, command string, width Paper) string {
	text := "ask the vendor what became of it"
	switch s.State {
	case manage.ScriptChanged:
		text = "ask the vendor: a script that was published must not change. Where what was applied is as good:"
	case manage.ScriptBegun, manage.ScriptUnclear:
		text = "look what of it is there and finish it by hand, or go back by a restore point; then:"
	}
	return wrap(text, "", "", width) + wrap(one(fmt.Sprintf("%s migrations repair %s --why TEXT", command, Quote(path.Base(s.Script)))), "  → ", "    ", width)
}

// Validated says whether all that was applied fits the release.
func Validated(m *manage.Migrations, command string, width Paper) string {
	w := m.Wrong()
	if len(w) == 0 {
		n := 0
		for _, s := range m.Scripts {
			if s.Applied != nil {
				n++
			}
		}
		return Good(fmt.Sprintf("%d scripts are applied, each as %s has it", n, one(m.Release))) + "\n"
	}
	var b strings.Builder
	for _, s := range w {
		b.WriteString(migrationLine(s, width) + repairHint(s, command, width))
	}
	return b.String()
}

// Recorded says what is recorded now.
func Recorded(r *manage.Recorded, width Paper) string {
	if len(r.Scripts) == 0 {
		return Good("all scripts of "+one(r.Release)+" are recorded already") + "\n"
	}
	return wrap(one(fmt.Sprintf("recorded as applied, as %s has them: %s", r.Release, strings.Join(r.Scripts, ", "))), green.Render("✓")+" ", "  ", width)
}

// Contracts says which waiting scripts were carried out.
func Contracts(c *manage.Contracts, width Paper) string {
	var b strings.Builder
	for _, s := range c.Done {
		b.WriteString(wrap(one("carried out: "+s), green.Render("✓")+" ", "  ", width))
	}
	for _, w := range c.Waiting {
		b.WriteString(wrap(one(fmt.Sprintf("%s waits until %s", w.Scripts, w.Until.Local().Format("2006-01-02 15:04"))), faint.Render("·")+" ", "  ", width))
	}
	if b.Len() == 0 {
		return Good("no script waits") + "\n"
	}
	return b.String()
}
