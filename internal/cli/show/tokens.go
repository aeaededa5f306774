package show

import (
	"fmt"
	"time"
)

// Token is a machine's token as it is listed.
type Token struct {
	Name, Role, Only, By string
	Made, Ends           time.Time
}

// dated is a day, for people.
func dated(t time.Time) string { return t.Local().Format(time.DateOnly) }

func (t Token) scope() string {
	if t.Only == "" {
		return "every installation"
	}
	return one(t.Only) + " only"
}

// TokenMade shows a token, this once.
func TokenMade(t Token, secret string, width Paper) string {
	may := map[string]string{"viewer": "looking, at", "operator": "starting and deciding, of", "administrator": "everything, of"}[t.Role]
	return wrap(bold.Render(fmt.Sprintf("The token %s is for %s %s, until %s", one(t.Name), may, t.scope(), dated(t.Ends))), green.Render("✓")+" ", "  ", width) +
		"  " + secret + "\n" +
		wrap(faint.Render("It is shown once and kept nowhere. A program sends it as"), "  ", "  ", width) +
		"  " + faint.Render("Authorization: Bearer upk_…") + "\n"
}

// Tokens lists tokens.
func Tokens(list []Token, now time.Time, width Paper) string {
	if len(list) == 0 {
		return wrap("There is no token: no program can ask the hub. upkeep hub token add NAME makes one.", "", "", width)
	}
	r := rows{{bold.Render("token"), bold.Render("role"), bold.Render("for"), bold.Render("until"), bold.Render("made")}}
	for _, t := range list {
		until := dated(t.Ends)
		if !now.Before(t.Ends) {
			until = yellow.Render("! ended " + until)
		}
		r = append(r, []string{one(t.Name), t.Role, t.scope(), until, faint.Render(dated(t.Made) + " by " + one(t.By))})
	}
	return table("", r, 0, width)
}
