package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Accounts lists who has an account.
func Accounts(list []ask.PersonRow, now time.Time, width Paper) string {
	if len(list) == 0 {
		return wrap("nobody has an account yet: upkeep hub makes the first one, and prints its link", faint.Render("·")+" ", "  ", width)
	}
	var out rows
	for _, p := range list {
		state := "not signed in"
		if p.Sessions > 0 {
			state = fmt.Sprintf("%s, last seen %s ago", count(p.Sessions, "session", "sessions"), ago(now.Sub(p.Seen)))
		}
		how := "password"
		if !p.Password {
			how = "no password"
		}
		if !p.Invited.IsZero() {
			how += ", link until " + p.Invited.Local().Format("15:04")
		}
		out = append(out, []string{one(p.Name), string(p.Role), how, faint.Render(state)})
	}
	return table("", out, 3, width)
}

// Invitation shows a link that was just made. Bare: where the page is is not known.
func Invitation(name, role, link string, bare bool, width Paper) string {
	s := wrap(one(fmt.Sprintf("%s (%s) can enter by this link, once, within an hour:", name, role)), green.Render("✓")+" ", "  ", width) + "  " + one(link) + "\n"
	if bare {
		s += wrap(faint.Render("the page has not been served yet: put its address before"), "  ", "  ", width)
	}
	return s + wrap(faint.Render("whoever has the link is "+one(name)+": pass it on by a way that nobody else reads"), "  ", "  ", width)
}

// Audit lists changes, latest first.
func Audit(a ask.Audit, now time.Time, width Paper) string {
	if len(a.Acts) == 0 {
		return wrap("nothing was changed on the page yet", faint.Render("·")+" ", "  ", width)
	}
	var b strings.Builder
	for _, act := range a.Acts {
		sign := map[ask.ActResult]string{ask.ActDone: green.Render("✓"), ask.ActRefused: yellow.Render("!"), ask.ActFailed: red.Render("✗")}[act.Result]
		if sign == "" {
			sign = blue.Render("?")
		}
		line := fmt.Sprintf("%s  %s  %s", act.At.Local().Format("2006-01-02 15:04:05"), bold.Render(one(act.By)), one(act.Do))
		var on []string
		for k, v := range act.On {
			if k == "digest" {
				v = v[:min(12, len(v))]
			}
			on = append(on, one(k)+" "+one(v))
		}
		slices.Sort(on)
		if len(on) > 0 {
			line += "  " + strings.Join(on, ", ")
		}
		b.WriteString(wrap(line, sign+" ", "    ", width))
		text := one(act.Text)
		if act.Result != ask.ActDone {
			if text = strings.TrimSuffix(string(act.Result)+": "+text, ": "); act.Result == ask.ActOpen {
				text = "no result was noted: it is under way, or whoever did it was killed"
			}
		}
		if text != "" {
			b.WriteString(wrap(faint.Render(text), "    ", "    ", width))
		}
	}
	if a.More {
		b.WriteString(faint.Render("  earlier ones with --limit") + "\n")
	}
	return b.String()
}

// AuditReport says what verifying has found.
func AuditReport(r manage.AuditReport, compared bool, width Paper) string {
	var b strings.Builder
	for _, x := range r.Breaks {
		where := fmt.Sprintf("after entry %d: ", x.After)
		if x.After == 0 {
			where = "at the beginning: "
		}
		b.WriteString(wrap(one(where+x.Text), red.Render("✗")+" ", "  ", width))
	}
	if len(r.Breaks) > 0 {
		b.WriteString(wrap("somebody who can write the hub's folder has changed the audit log; what stands in it cannot be relied on from there on. Compare it with a backup, and look who could", "  ", "  ", width))
	} else {
		b.WriteString(wrap(fmt.Sprintf("%d entries, each follows the one before it", r.Entries), green.Render("✓")+" ", "  ", width))
	}
	if r.Mended > 0 || r.Torn {
		n := r.Mended
		if r.Torn {
			n++
		}
		b.WriteString(wrap(count(n, "place", "places")+" torn by a power cut or a full disk, in front of changes that were not made", faint.Render("·")+" ", "  ", width))
	}
	if len(r.Open) > 0 {
		b.WriteString(wrap(count(len(r.Open), "change", "changes")+" without a result: under way, or killed", faint.Render("·")+" ", "  ", width))
	}
	if r.Entries > 0 {
		b.WriteString(wrap(fmt.Sprintf("last entry %d:%s", r.HeadN, r.Head), "  ", "  ", Paper{200, width.Language}))
	}
	if !compared {
		b.WriteString(wrap(faint.Render("a cut at the very end shows only by an entry that was noted elsewhere: --head N:SUM, from the hub's log"), "  ", "  ", width))
	}
	return b.String()
}
