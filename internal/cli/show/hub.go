package show

import "fmt"

// Hub says where the page is, and how to enter it: by a link, or, where there is
// none, by name and password.
func Hub(address, link, fingerprint, account string, root bool, width int) string {
	who := fmt.Sprintf("the page runs as the same account as this command (%s); as root it would have one of its own", account)
	if root {
		who = "the page runs as " + account + ", which has no rights on any product"
	}
	enter := wrap(faint.Render("sign in by name and password; upkeep hub people link NAME makes a one-time link"), "  ", "  ", width)
	if link != "" {
		enter = table("  ", rows{{faint.Render("enter by"), one(link)}, {"", faint.Render("works once, within an hour")}}, 1, 200)
	}
	if fingerprint != "" {
		enter += wrap(faint.Render("the certificate's SHA-256 is"), "  ", "  ", width) + "  " + one(fingerprint) + "\n"
	}
	return wrap(bold.Render("The page is at "+one(address)), green.Render("✓")+" ", "  ", width) + enter +
		wrap(faint.Render(one(who)), "  ", "  ", width) +
		wrap(faint.Render("Ctrl+C ends it; runs go on without it"), "  ", "  ", width)
}
