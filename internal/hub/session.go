package hub

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// How long a link, a session and a session that is not used are good for.
const (
	linkLasts    = time.Hour
	sessionLasts = 30 * 24 * time.Hour
	sessionIdle  = 12 * time.Hour
)

// The secret of a session is exchanged every renewAfter. What a browser has asked
// with the one before it, at the same time, is answered within renewGrace, which is
// longer than any answer of the page takes; after that, somebody has a copy. A new
// one that the browser does not use is made anew after offerAgain.
const (
	renewAfter = time.Hour
	renewGrace = 15 * time.Minute
	offerAgain = time.Minute
)

// usedWithin is how much of a session's use is not kept when the hub ends.
const usedWithin = 5 * time.Minute

// sessionsMost is how many sessions a person may have. The oldest one ends.
const sessionsMost = 20

// session is somebody who has signed in. The browser has ID.SECRET, here are the
// sums. The secret changes, the ID stays.
type session struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret"`
	Next    string    `json:"next,omitempty"`   // was given to the browser, which has not used it yet
	Before  string    `json:"before,omitempty"` // the one that Secret has followed
	Renewed time.Time `json:"renewed"`          // when Secret was used first
	Offered time.Time `json:"offered,omitzero"` // when Next was made
	Name    string    `json:"name"`
	Made    time.Time `json:"made"`
	Used    time.Time `json:"used"`
	ByLink  bool      `json:"byLink,omitempty"`
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.Made) > sessionLasts || now.Sub(s.Used) > sessionIdle
}

// same compares sums in constant time. They are of secrets of full strength, so
// this is care rather than need.
func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// begin makes a session. A browser's earlier one is never gone on with: nobody can
// prepare a session for somebody else.
func (r *roster) begin(name string, now time.Time, byLink bool) string {
	id, secret := newCode(), newCode()
	n, oldest := 0, -1
	for i, s := range r.Sessions {
		if strings.EqualFold(s.Name, name) {
			if n++; oldest < 0 || s.Used.Before(r.Sessions[oldest].Used) {
				oldest = i
			}
		}
	}
	if n >= sessionsMost {
		r.Sessions = slices.Delete(r.Sessions, oldest, oldest+1)
	}
	r.Sessions = append(r.Sessions, session{ID: sum(id), Secret: sum(secret), Renewed: now, Name: name, Made: now, Used: now, ByLink: byLink})
	return id + "." + secret
}

var (
	errNobody = &ask.Error{Kind: ask.Denied, Text: "you are not signed in"}
	errEnded  = &ask.Error{Kind: ask.Denied, Text: "your session has ended"}
	errCopied = &ask.Error{Kind: ask.Denied, Text: "your session was ended, since somebody has come with a secret of it that was exchanged before: a copy of it may be about"}
)

// whose finds who has a session, in a roster that may be changed: what is to be
// kept of that is done when changed is true.
func (r *roster) whose(token string, now time.Time) (s *session, a *account, changed bool, err error) {
	id, secret, _ := strings.Cut(token, ".")
	if secret == "" {
		return nil, nil, false, errNobody
	}
	if s = r.session(sum(id)); s == nil {
		return nil, nil, false, errEnded
	}
	switch got := sum(secret); {
	case s.over(now):
		return nil, nil, false, errEnded
	case same(s.Secret, got):
	case same(s.Next, got):
		s.Before, s.Secret, s.Next, s.Renewed, changed = s.Secret, s.Next, "", now, true
	case same(s.Before, got) && now.Sub(s.Renewed) <= renewGrace:
	case same(s.Before, got):
		r.endSession(s.ID)
		return nil, nil, true, errCopied
	default:
		return nil, nil, false, errEnded
	}
	if a = r.account(s.Name); a == nil {
		return nil, nil, false, errEnded
	}
	if now.Sub(s.Used) > usedWithin {
		s.Used, changed = now, true
	}
	return s, a, changed, nil
}

func (r *roster) endSession(id string) {
	r.Sessions = slices.DeleteFunc(r.Sessions, func(s session) bool { return s.ID == id })
}

// Who gives the person behind a session.
func (p *People) Who(token string) (ask.Person, error) {
	_, a, err := p.who(token)
	return a, err
}

func (p *People) who(token string) (session, ask.Person, error) {
	now := p.now()
	r, err := p.look()
	if err != nil {
		return session{}, ask.Person{}, err
	}
	s, a, changed, err := r.whose(token, now)
	if changed {
		// the same on what is kept; that it cannot be kept is no reason to shut who is
		// there out, and who is shut out stays so by the time
		kept := p.change(func(r *roster) error { _, _, _, _ = r.whose(token, now); return nil })
		if kept != nil {
			p.log.Warn("what is known of a session cannot be kept", "why", kept)
		}
	}
	if errors.Is(err, errCopied) {
		p.log.Warn("a session was ended: an old secret of it came again")
	}
	if err != nil {
		return session{}, ask.Person{}, err
	}
	return *s, a.person(), nil
}

// Lasts says whether a session that somebody has shown once is still there, for those
// who listen for long: its secret may have been exchanged meanwhile.
func (p *People) Lasts(token string) error {
	r, err := p.look()
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(token, ".")
	if s := r.session(sum(id)); s == nil || s.over(p.now()) || r.account(s.Name) == nil {
		return errEnded
	}
	return nil
}

// Renew makes the next secret of a session, where it is time for one; otherwise it
// gives an empty one.
func (p *People) Renew(token string) (string, error) {
	now := p.now()
	due := func(s *session) bool {
		return now.Sub(s.Renewed) > renewAfter && now.Sub(s.Offered) > offerAgain
	}
	s, _, err := p.who(token)
	if err != nil || !due(&s) {
		return "", err
	}
	next := newCode()
	err = p.change(func(r *roster) error {
		s, _, _, err := r.whose(token, now)
		if err == nil && due(s) {
			s.Next, s.Offered = sum(next), now
		} else {
			next = ""
		}
		return err
	})
	if err != nil || next == "" {
		return "", err
	}
	id, _, _ := strings.Cut(token, ".")
	return id + "." + next, nil
}

// Leave ends a session.
func (p *People) Leave(token string) error {
	id, _, _ := strings.Cut(token, ".")
	return p.change(func(r *roster) error {
		if s, _, _, err := r.whose(token, p.now()); err == nil && s != nil {
			r.endSession(sum(id))
		}
		return nil
	})
}

// LeaveAll ends all sessions of who has this one.
func (p *People) LeaveAll(token string) error {
	return p.change(func(r *roster) error {
		s, _, _, err := r.whose(token, p.now())
		if err == nil {
			r.endSessions(s.Name)
		}
		return err
	})
}

func (a *account) person() ask.Person {
	return ask.Person{Name: a.Name, Role: a.Role, Password: a.Password != ""}
}

// cannotKeep says that what is known of people could not be written.
func cannotKeep(err error) error {
	return &ask.Error{Kind: ask.Broken, Text: fmt.Sprintf("cannot keep what was changed of accounts and sessions, so nothing was: %v", err)}
}
