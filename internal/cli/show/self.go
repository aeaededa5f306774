package show

import (
	"fmt"
	"strings"

	"upkeep/internal/manage"
)

// OwnUpgrade says which release of Upkeep would come, and where it is from.
func OwnUpgrade(u *manage.OwnUpgrade, width Paper) string {
	var b strings.Builder
	if u.UpToDate {
		b.WriteString(Good(fmt.Sprintf("Upkeep is up to date: %s", one(u.Now))) + "\n")
	} else {
		b.WriteString(bold.Render(fmt.Sprintf("Upkeep %s → %s", one(u.Now), one(u.To))) + "\n")
		signed := u.Signed
		if signed == "" {
			signed = "not checked: its sums show that it is whole, not whose it is"
		}
		list := rows{{faint.Render(width.Word("program")), one(u.Program)}}
		if u.Release != "" { // it has been fetched
			list = append(list, []string{faint.Render(width.Word("release")), one(u.Release)}, []string{faint.Render(width.Word("digest")), one(u.Digest[:12])},
				[]string{faint.Render(width.Word("signature")), one(signed)}, []string{faint.Render(width.Word("kept")), one(u.Kept)})
		}
		b.WriteString(table("  ", list, 1, width))
	}
	for _, n := range u.Notes {
		b.WriteString(wrap(one(n), "  "+yellow.Render("!")+" ", "    ", width))
	}
	return b.String()
}

// OwnTool says what is done before an upgrade is planned.
func OwnTool(t *manage.OwnTool, width Paper) string {
	title := t.Title
	if title == "" {
		title = "The product's own tool is upgraded before the upgrade is planned"
	}
	var words []string
	for _, w := range t.Command {
		words = append(words, Quote(w))
	}
	return wrap(bold.Render(one(title)), "", "", width) + table("  ", rows{
		{faint.Render(width.Word("command")), one(strings.Join(words, " "))},
		{faint.Render(width.Word("account")), one(t.Account())},
	}, 1, width) + wrap(faint.Render("It is no part of the run: nothing takes it back."), "  ", "  ", width)
}
