package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// MadeKeys says what keys were made, and what to do with each kind.
func MadeKeys(list []manage.MadeKey, width Paper) string {
	var b strings.Builder
	var found rows
	for _, k := range list {
		state := "with a passphrase"
		if !k.Encrypted {
			state = "without a passphrase"
		}
		found = append(found, []string{Good(one(k.Name)), one(k.File), faint.Render(state)})
	}
	b.WriteString(table("", found, 1, width))
	say := func(prefix, text string) {
		if slices.ContainsFunc(list, func(k manage.MadeKey) bool { return strings.HasPrefix(k.Name, prefix) }) {
			b.WriteString(wrap(text, "  → ", "    ", width))
		}
	}
	b.WriteString("\n")
	say("root", "root: give each to another person, on a medium that lies in a safe, with one copy in another. Three of five make or replace all other keys; they are needed once a year.")
	say("targets", "targets: give each to another person, offline. Two of three say which key signs which product; they are needed once a year, and for a new product.")
	say("release", "release: for whoever publishes; best on a computer of its own.")
	say("snapshot", "snapshot and timestamp: onto the computer that has the feed, readable by the account of its timer only.")
	b.WriteString(wrap("What ends in .pub anybody may have. A passphrase that is lost cannot be found again.", "  → ", "    ", width))
	return b.String()
}

// AppliedDoc is what came of a change of a feed, for machines.
type AppliedDoc struct {
	Live    any `json:"live"`
	Pending any `json:"pending"`
}

// AppliedJSON never has null for a list.
func AppliedJSON(a manage.FeedApplied) AppliedDoc {
	out := AppliedDoc{a.Live, a.Pending}
	if a.Live == nil {
		out.Live = []struct{}{}
	}
	if a.Pending == nil {
		out.Pending = []struct{}{}
	}
	return out
}

// Applied says what is live, and what waits for whom.
func Applied(a manage.FeedApplied, dir string, width Paper) string {
	var b strings.Builder
	for _, l := range a.Live {
		b.WriteString(wrap(one(fmt.Sprintf("%s %d is live, until %s", l.Role, l.Version, date(l.Expires))), green.Render("✓")+" ", "  ", width))
	}
	b.WriteString(pending(a.Pending, dir, width))
	if len(a.Live) == 0 && len(a.Pending) == 0 {
		b.WriteString(Good("nothing to do: everything is live") + "\n")
	}
	return b.String()
}

func date(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// pending lists drafts, each with what to do now.
func pending(list []manage.FeedPending, dir string, width Paper) string {
	var b strings.Builder
	for _, p := range list {
		text := fmt.Sprintf("%s %d waits", p.Role, p.Version)
		if len(p.Have) > 0 {
			text += ", signed by " + strings.Join(p.Have, ", ")
		}
		now := ""
		if p.Missing > 0 {
			text += fmt.Sprintf(": it needs %s of %s", count(p.Missing, "more signature", "more signatures"), strings.Join(p.Of, ", "))
			now = "upkeep vendor sign " + Quote(p.File) + " --key FILE, where a key is; then upkeep vendor feed apply " + Quote(dir)
		} else {
			text += ": it has its signatures, and waits for " + p.Waits
			if strings.HasPrefix(p.Waits, "the keys") {
				now = "upkeep vendor feed apply " + Quote(dir) + " --key FILE, where these keys are"
			}
		}
		b.WriteString(wrap(one(text), yellow.Render("!")+" ", "  ", width))
		if now != "" {
			b.WriteString(wrap(one(now), "  → ", "    ", width))
		}
	}
	return b.String()
}

// FeedDraft says what is signed.
func FeedDraft(d manage.FeedDraft, path string, signed bool, width Paper) string {
	var b strings.Builder
	b.WriteString(heading(one(fmt.Sprintf("%s %d, until %s", d.Role, d.Version, date(d.Expires)))))
	for _, r := range d.Rules {
		b.WriteString(wrap(one(fmt.Sprintf("%s: %d of %s", r.Role, r.Needs, strings.Join(r.Keys, ", "))), "  ", "    ", width))
	}
	if n := len(d.Targets); n > 0 {
		b.WriteString(wrap(count(n, "file", "files")+": "+one(strings.Join(d.Targets[max(0, n-8):], ", ")), "  ", "    ", width))
	}
	who := "nobody has signed it"
	if len(d.Signed) > 0 {
		who = "signed by " + strings.Join(d.Signed, ", ")
	}
	if !signed {
		b.WriteString(wrap(one(who), "  ", "    ", width))
		return b.String()
	}
	b.WriteString(wrap(one(who), green.Render("✓")+" ", "  ", width))
	b.WriteString(wrap(one("carry "+path+" on to whoever signs next, or back into the folder pending of the feed; then: upkeep vendor feed apply FEED"), "  → ", "    ", width))
	return b.String()
}

// FeedReport renders who has signed what, what ends when, and the releases.
func FeedReport(r manage.FeedReport, width Paper) string {
	var b strings.Builder
	b.WriteString(heading(width.Word("Roles")))
	var list rows
	for _, role := range r.Roles {
		sign, end := Good(one(role.Role)), "until "+date(role.Expires)
		switch role.Level {
		case manage.FeedExpired:
			sign, end = Bad(one(role.Role)), "ended on "+date(role.Expires)
		case manage.FeedSoon:
			sign = Careful(one(role.Role))
			end += fmt.Sprintf(" (less than %d days)", role.Alarm)
		}
		list = append(list, []string{sign, fmt.Sprint(role.Version), end, one(fmt.Sprintf("signed by %s; %d of %s", strings.Join(role.Signed, ", "), role.Needs, count(len(role.Keys), "key", "keys")))})
	}
	b.WriteString(table("", list, 3, width))
	b.WriteString(pending(r.Pending, r.Feed, width))
	for _, product := range r.Products {
		b.WriteString("\n" + heading(one(product)))
		var list rows
		for _, x := range r.Releases[product] {
			state, note := Good(one(x.Version)), ""
			if x.Withdrawn != "" {
				state, note = Bad(one(x.Version)), "withdrawn: "+x.Withdrawn
			}
			patches := 0
			for _, p := range x.Payloads {
				patches += len(p.Patches)
			}
			list = append(list, []string{state, x.Channel, date(x.Published), count(patches, "patch", "patches"), one(note)})
		}
		if len(list) == 0 {
			b.WriteString("nothing is published yet\n")
		}
		b.WriteString(table("", list, 4, width))
	}
	if r.Level() != manage.FeedFine {
		for _, role := range r.Roles {
			if role.Level != manage.FeedFine {
				b.WriteString(wrap(one("upkeep vendor feed renew "+Quote(r.Feed)+" "+role.Role+" --key FILE"), "  → ", "    ", width))
			}
		}
	}
	return b.String()
}

// PublicationDoc is what came of publishing, for machines.
type PublicationDoc struct {
	manage.FeedPublished
	AppliedDoc
}

// PublicationJSON is the same as Publication for machines.
func PublicationJSON(p manage.FeedPublication) PublicationDoc {
	return PublicationDoc{p.FeedPublished, AppliedJSON(p.FeedApplied)}
}

// Publication says what a bundle has become.
func Publication(p manage.FeedPublication, feed string, width Paper) string {
	var b strings.Builder
	r := p.Release
	head := fmt.Sprintf("%s %s in %s", p.Product, r.Version, r.Channel)
	if p.Again {
		head += ": it was there already"
	}
	b.WriteString(wrap(one(head)+"  "+faint.Render(r.Digest[:12]), green.Render("✓")+" ", "  ", width))
	for _, name := range slices.Sorted(maps.Keys(r.Payloads)) {
		pl := r.Payloads[name]
		text := name + " " + Bytes(pl.Bytes)
		for _, d := range pl.Patches {
			text += fmt.Sprintf(", as a patch %s", Bytes(d.Bytes))
		}
		b.WriteString(wrap(one(text), "  ", "    ", width))
	}
	for _, s := range p.Skipped {
		b.WriteString(wrap(one(s+": a patch would not be worth it"), "  ", "    ", width))
	}
	b.WriteString(Applied(p.FeedApplied, feed, width))
	return b.String()
}
