package show

import "fmt"

// Hub says where the page is, and how to enter it: by a link, or, where there is
// none, by name and password.
func Hub(address, link, fingerprint, account string, root, unit bool, width Paper) string {
	who := fmt.Sprintf("the page runs as the same account as this command (%s); as root it would have one of its own", account)
	if root {
		who = "the page runs as " + account + ", which has no rights on any product"
	}
	enter, ends := rows{{faint.Render("enter by"), one(link)}, {"", faint.Render("works once, within an hour")}}, "Ctrl+C ends it; runs go on without it"
	if link == "" {
		enter = rows{{faint.Render("enter by"), "name and password, or a link that upkeep hub link prints"}}
	}
	if unit {
		ends = "runs go on when it ends"
	}
	text := table("  ", enter, 1, Paper{200, width.Language})
	if fingerprint != "" {
		text += wrap(faint.Render("the certificate's SHA-256 is"), "  ", "  ", width) + "  " + one(fingerprint) + "\n"
	}
	return wrap(bold.Render("The page is at "+one(address)), green.Render("✓")+" ", "  ", width) + text +
		wrap(faint.Render(one(who)), "  ", "  ", width) +
		wrap(faint.Render(ends), "  ", "  ", width)
}

// NewLink shows a one-time link.
func NewLink(link string, width Paper) string {
	return table("  ", rows{{faint.Render("enter by"), one(link)}, {"", faint.Render("works once, within an hour")}}, 1, Paper{200, width.Language})
}
