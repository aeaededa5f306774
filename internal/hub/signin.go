package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"upkeep/internal/hub/ask"
)

// Wrong ones in a row of a name are answered at once nameFree times; then one has
// to wait for waitFirst, and twice as long after each further one, waitMost at
// most. Of all names together allMost wrong ones are read in allWithin. What is
// counted lasts over a start of the hub.
const (
	nameFree       = 5
	waitFirst      = 30 * time.Second
	waitMost       = 15 * time.Minute
	allMost        = 30
	allWithin      = 10 * time.Minute
	triesForgotten = time.Hour
)

// What is counted for all names, and for links, whose codes nobody guesses.
const (
	allNames = "all"
	allLinks = "links"
)

// passwordMost bounds a password, in bytes; passwordLeast is in characters.
const (
	passwordMost  = 1024
	passwordLeast = 12
)

// tries are wrong ones in a row.
type tries struct {
	N     int       `json:"n"`
	At    time.Time `json:"at"` // the last; of all names: the first of the count
	Until time.Time `json:"until,omitzero"`
}

var errWrong = &ask.Error{Kind: ask.Denied, Text: "the name or the password is wrong"}

// errWait says the same whether there is such a name or not.
func errWait(until, now time.Time, what string) error {
	wait := max(until.Sub(now), time.Second).Round(time.Second)
	return &ask.Error{Kind: ask.Denied, Text: fmt.Sprintf("there were too many wrong %s in a row: wait %s, then try again; a one-time link works at once (upkeep hub people link NAME)", what, wait)}
}

// waits says why one has to wait.
func (r *roster) waits(key string, now time.Time) error {
	if t := r.Tries[key]; now.Before(t.Until) {
		return errWait(t.Until, now, "passwords for this name")
	}
	if t := r.Tries[allNames]; now.Before(t.Until) {
		return errWait(t.Until, now, "passwords")
	}
	return nil
}

// attempt counts one that may be wrong, before it is looked at: of many at a time
// none goes uncounted.
func (r *roster) attempt(key string, now time.Time) {
	if r.Tries == nil {
		r.Tries = map[string]tries{}
	}
	t := r.Tries[key]
	if t.N++; t.N >= nameFree {
		t.Until = now.Add(min(waitMost, waitFirst<<min(t.N-nameFree, 10)))
	}
	t.At = now
	r.Tries[key] = t
	all := r.Tries[allNames]
	if now.Sub(all.At) > allWithin {
		all = tries{At: now}
	}
	if all.N++; all.N >= allMost {
		all.Until = all.At.Add(allWithin)
	}
	r.Tries[allNames] = all
}

// right takes back what attempt has counted.
func (r *roster) right(key string) {
	delete(r.Tries, key)
	if all, ok := r.Tries[allNames]; ok {
		if all.N--; all.N < allMost {
			all.Until = time.Time{}
		}
		r.Tries[allNames] = all
	}
}

func nameKey(name string) string { return "name " + sum(strings.ToLower(name)) }

// SignIn makes a session of a name and its password.
func (p *People) SignIn(s ask.SignIn) (ask.Entered, error) {
	if len(s.Password) > passwordMost || len(s.Name) > 1000 {
		return ask.Entered{}, errWrong
	}
	key := nameKey(s.Name)
	r, err := p.look()
	if err == nil {
		err = r.waits(key, p.now())
	}
	if err != nil {
		return ask.Entered{}, err
	}
	kept, name, closed := p.cost.nobodys(), "", false
	err = p.change(func(r *roster) error {
		if err := r.waits(key, p.now()); err != nil {
			return err
		}
		r.attempt(key, p.now())
		closed = r.waits(key, p.now()) != nil
		if a := r.account(s.Name); a != nil && a.Password != "" {
			kept, name = a.Password, a.Name
		}
		return nil
	})
	if err != nil {
		return ask.Entered{}, err
	}
	right := p.rightPassword(kept, s.Password)
	if !right || name == "" {
		p.log.Warn("a wrong password", "name", clipped(s.Name), "from", clipped(s.From), "closed", closed)
		return ask.Entered{}, errWrong
	}
	var out ask.Entered
	err = p.on(name, func(r *roster, a *account) error {
		if a.Password != kept {
			return errWrong // it was changed meanwhile
		}
		r.right(key)
		out = ask.Entered{Session: r.begin(a.Name, p.now(), false), Person: a.person()}
		return nil
	})
	return out, err
}

// Enter makes a session of the code of a one-time link, once.
func (p *People) Enter(code string) (ask.Entered, error) {
	var out ask.Entered
	wrong := &ask.Error{Kind: ask.Denied, Text: "this link was used already, or is too old, or another one has taken its place: upkeep hub people link NAME makes a new one"}
	waits := func(r *roster) error {
		if t, now := r.Tries[allLinks], p.now(); t.N >= allMost && now.Sub(t.At) <= time.Minute {
			return errWait(t.At.Add(time.Minute), now, "links")
		}
		return nil
	}
	r, err := p.look()
	if err == nil {
		err = waits(r) // before anything is locked
	}
	if err != nil {
		return out, err
	}
	enter := func(r *roster) error {
		now := p.now()
		if err := waits(r); err != nil {
			return err
		}
		i := slices.IndexFunc(r.Links, func(l link) bool { return same(l.Sum, sum(code)) && now.Sub(l.Made) <= linkLasts })
		if i < 0 {
			return wrong
		}
		l := r.Links[i]
		a := r.account(l.Name)
		r.Links = slices.Delete(r.Links, i, i+1)
		if a == nil {
			return wrong
		}
		out = ask.Entered{Session: r.begin(a.Name, now, true), Person: a.person(), Invited: l.Invited}
		return nil
	}
	err = p.change(enter)
	if errors.Is(err, wrong) {
		// guessing 130 bits is hopeless; what is counted keeps the disk quiet
		counted := p.change(func(r *roster) error {
			if r.Tries == nil {
				r.Tries = map[string]tries{}
			}
			t := r.Tries[allLinks]
			if p.now().Sub(t.At) > time.Minute {
				t = tries{At: p.now()}
			}
			t.N++
			r.Tries[allLinks] = t
			return nil
		})
		if counted != nil {
			return ask.Entered{}, counted
		}
	}
	return out, err
}

// goodPassword says what a password lacks.
func goodPassword(name, password string) error {
	switch {
	case len(password) > passwordMost:
		return &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a password has at most %d bytes", passwordMost)}
	case utf8.RuneCountInString(password) < passwordLeast:
		return &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a password has at least %d characters: a few words in a row are good and easy to keep in mind", passwordLeast)}
	case len(name) > 3 && strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return &ask.Error{Kind: ask.Invalid, Text: "a password must not have your name in it"}
	case strings.Count(password, password[:1]) == len(password):
		return &ask.Error{Kind: ask.Invalid, Text: "a password that is one character over and over is guessed at once"}
	}
	return nil
}

// GivePassword gives somebody a password, and ends all sessions of the person. In
// the terminal nobody is asked for the old one.
func (p *People) GivePassword(name, password string) error {
	if err := goodPassword(name, password); err != nil {
		return err
	}
	kept := p.hashed(password)
	return p.on(name, func(r *roster, a *account) error {
		a.Password = kept
		r.endSessions(a.Name)
		delete(r.Tries, nameKey(a.Name))
		return nil
	})
}

// SetPassword gives who has the session a password, ends all sessions of the
// person, and begins a new one.
func (p *People) SetPassword(token string, w ask.Password) (ask.Entered, error) {
	s, who, err := p.who(token)
	if err == nil {
		err = goodPassword(who.Name, w.New)
	}
	if err != nil {
		return ask.Entered{}, err
	}
	if who.Password && !(s.ByLink && p.now().Sub(s.Made) <= linkLasts) {
		if err := p.old(who.Name, w.Old); err != nil {
			return ask.Entered{}, err
		}
	}
	kept := p.hashed(w.New)
	var out ask.Entered
	err = p.change(func(r *roster) error {
		_, a, _, err := r.whose(token, p.now())
		if err != nil {
			return err
		}
		a.Password = kept
		r.endSessions(a.Name)
		r.Links = slices.DeleteFunc(r.Links, func(l link) bool { return l.Name == a.Name })
		out = ask.Entered{Session: r.begin(a.Name, p.now(), false), Person: a.person()}
		return nil
	})
	return out, err
}

// old looks at the password that somebody has had so far, counted as a sign-in is:
// who has found an open window must not be able to guess.
func (p *People) old(name, password string) error {
	key, kept := nameKey(name), ""
	err := p.on(name, func(r *roster, a *account) error {
		if err := r.waits(key, p.now()); err != nil {
			return &ask.Error{Kind: ask.Refused, Text: err.Error()}
		}
		r.attempt(key, p.now())
		kept = a.Password
		return nil
	})
	if err != nil {
		return err
	}
	if len(password) > passwordMost || !p.rightPassword(kept, password) {
		return &ask.Error{Kind: ask.Refused, Text: "the password that you have had so far is another one"}
	}
	return p.change(func(r *roster) error { r.right(key); return nil })
}

func clipped(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}
