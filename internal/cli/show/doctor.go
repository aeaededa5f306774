package show

import (
	"fmt"
	"regexp"
	"strings"

	"upkeep/internal/manage"
)

// Diagnosis renders what the doctor has found, with what helps.
func Diagnosis(d manage.Diagnosis, command string, width Paper) string {
	var b strings.Builder
	b.WriteString(bold.Render(one(d.Product)) + "  " + faint.Render(one(d.Installation)) + "\n\n")
	if d.UnderWay != "" {
		b.WriteString(wrap(Clean(d.UnderWay)+" is under way: services are stopped and users kept out on purpose", blue.Render("▸")+" ", "  ", width))
		return b.String() + "\n" + table("  ", rows{{faint.Render("watch it"), command + " resume"}, {faint.Render("undo it"), command + " cancel"}}, 1, width)
	}
	for _, s := range d.Symptoms {
		b.WriteString(symptom(s, command, width))
	}
	for _, f := range d.Fine {
		b.WriteString(wrap(Clean(f), green.Render("✓")+" ", "  ", width))
	}
	if len(d.Symptoms) == 0 {
		b.WriteString("\n" + Good("nothing is wrong that can be seen from here") + "\n")
	}
	return b.String()
}

func symptom(s manage.Symptom, command string, width Paper) string {
	b := SymptomHead(s, width)
	for _, r := range s.Try {
		b += Remedy(r, command, false, width)
	}
	return b + Otherwise(s, width) + "\n"
}

// SymptomHead says what is wrong, and what was read.
func SymptomHead(s manage.Symptom, width Paper) string {
	var b strings.Builder
	if s.Error != "" {
		b.WriteString(wrap(Clean(s.Text), yellow.Render("!")+" ", "  ", width))
		b.WriteString(wrap(Clean(s.Error), "    ", "    ", width))
	} else {
		b.WriteString(wrap(Clean(s.Text), red.Render("✗")+" ", "  ", width))
	}
	if s.Evidence != "" {
		b.WriteString(wrap(Clean(s.Evidence), "    ", "    ", width))
	}
	return b.String()
}

// Otherwise says whom to turn to.
func Otherwise(s manage.Symptom, width Paper) string {
	if s.Else == "" {
		return ""
	}
	return wrap(Clean("otherwise: "+s.Else), "    ", "    ", width)
}

// Remedy is a line about what helps: what would be typed, or what to do. While
// the doctor is fixing it need not say that it can.
func Remedy(r manage.Remedy, command string, fixing bool, width Paper) string {
	b := wrap(Clean(remedy(r, command, fixing)), "  → ", "    ", width)
	for _, inner := range r.During {
		b += Inner(inner, command, width)
	}
	return b
}

// Inner is a line about what is done while services are stopped.
func Inner(r manage.Remedy, command string, width Paper) string {
	return wrap(Clean(remedy(r, command, true)), "    · ", "      ", width)
}

// remedy is the text of the line.
func remedy(r manage.Remedy, command string, fixing bool) string {
	line := ""
	switch {
	case len(r.During) > 0:
		line = holds(r)
		if !fixing {
			line += " (" + command + " doctor --fix does it)"
		}
	case len(r.Upkeep) > 0:
		line = command + " " + quoted(r.Upkeep)
	case len(r.Command) > 0:
		line = quoted(r.Command)
		if r.As != "" {
			line += " (as " + r.As + ")"
		}
	case r.Service != "":
		line = r.Do + " " + r.Service
		if !fixing {
			line += " (" + command + " doctor --fix does it)"
		}
	case r.Wait > 0:
		line = "wait " + Duration(r.Wait)
	}
	switch {
	case line == "":
		line = r.Text
	case r.Text != "":
		line += ": " + r.Text
	}
	if r.Retry > 0 {
		line += fmt.Sprintf("; up to %d times more, every %s", r.Retry, Duration(r.Every))
	}
	return line
}

// holds says which services are stopped for a while, and which are left alone.
func holds(r manage.Remedy) string {
	line := "nothing of what would be stopped for this runs"
	if len(r.Stops) > 0 {
		names := strings.Join(r.Stops, ", ")
		line = "stop " + names + "; do what follows; start " + names + " again, whatever comes of it"
	}
	if len(r.Idle) > 0 {
		line += "; what does not run stays so: " + strings.Join(r.Idle, ", ")
	}
	return line
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = Quote(w)
	}
	return strings.Join(out, " ")
}

// Quote writes a word as a shell takes it.
func Quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// SupportBundle says what was written, what is missing, and to look first.
func SupportBundle(s manage.SupportBundle, width Paper) string {
	var b strings.Builder
	b.WriteString(wrap(Clean("written: "+s.Path+", which only you can read"), green.Render("✓")+" ", "  ", width))
	for _, h := range s.Holds {
		b.WriteString("    " + faint.Render(Clean(h)) + "\n")
	}
	for _, m := range s.Missing {
		b.WriteString(wrap(Clean(m), yellow.Render("!")+" ", "  ", width))
	}
	b.WriteString("\n" + wrap("secrets were taken out; logs may name people. Look through it before you send it:", "  ", "  ", width))
	b.WriteString(wrap("tar --zstd -xOf "+Quote(s.Path)+" | less", "  → ", "    ", width))
	return b.String()
}
