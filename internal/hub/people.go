package hub

import (
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// People knows who has an account and who is there. It is safe for use by several
// goroutines; and by several processes, where its store is.
type People struct {
	store   Store
	now     func() time.Time
	log     *slog.Logger
	cost    cost
	hashing chan struct{}
}

// NewPeople begins with nobody, and keeps nothing.
func NewPeople(now func() time.Time) *People {
	return PeopleIn(&memory{}, now, slog.New(slog.DiscardHandler))
}

// PeopleIn knows the people of a store.
func PeopleIn(store Store, now func() time.Time, log *slog.Logger) *People {
	return &People{store: store, now: now, log: log, cost: rfc9106(), hashing: make(chan struct{}, hashingMost)}
}

func (p *People) look() (*roster, error) {
	raw, err := p.store.Read()
	if err != nil {
		return nil, err
	}
	return parseRoster(raw)
}

// change changes what is known, durably; when f fails, nothing.
func (p *People) change(f func(*roster) error) error {
	var mine error
	err := p.store.Change(func(old []byte) ([]byte, error) {
		r, err := parseRoster(old)
		if err != nil {
			return nil, err
		}
		r.sweep(p.now())
		if mine = f(r); mine != nil {
			return nil, mine
		}
		return json.Marshal(r)
	})
	if err == nil || mine != nil && errors.Is(err, mine) {
		return mine
	}
	return cannotKeep(err)
}

// names are what accounts may be called. They stand in logs, in addresses and in
// headings, so they have no blanks and no letters that look like others.
var names = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$`)

func goodName(name string) error {
	if !names.MatchString(name) {
		return &ask.Error{Kind: ask.Invalid, Text: "a name has up to 64 letters (a to z), digits and . _ @ + -, and begins with a letter or a digit"}
	}
	return nil
}

func goodRole(r ask.Role) error {
	if !slices.Contains(ask.Roles(), r) {
		return &ask.Error{Kind: ask.Invalid, Text: "a role is viewer, operator or administrator"}
	}
	return nil
}

func noAccount(name string) error {
	return &ask.Error{Kind: ask.Unknown, Text: "there is no account " + name + ": upkeep hub people lists them"}
}

// errLast: somebody must be able to let others in.
var errLast = &ask.Error{Kind: ask.Refused, Text: "this is the only administrator: make somebody else one first"}

func (r *roster) onlyAdministrator(a *account) bool {
	return a.Role == ask.Administrator && !slices.ContainsFunc(r.Accounts, func(o account) bool { return o.Role == ask.Administrator && o.Name != a.Name })
}

// List gives all accounts, by name.
func (p *People) List() (ask.People, error) {
	r, err := p.look()
	if err != nil {
		return ask.People{}, err
	}
	r.sweep(p.now())
	out := ask.People{People: []ask.PersonRow{}}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		row := ask.PersonRow{Person: a.person(), Since: a.Since, By: a.By, Last: r.onlyAdministrator(a)}
		for _, s := range r.Sessions {
			if strings.EqualFold(s.Name, a.Name) {
				row.Sessions++
				if s.Used.After(row.Seen) {
					row.Seen = s.Used
				}
			}
		}
		for _, l := range r.Links {
			if strings.EqualFold(l.Name, a.Name) {
				row.Invited = l.Made.Add(linkLasts)
			}
		}
		out.People = append(out.People, row)
	}
	slices.SortFunc(out.People, func(a, b ask.PersonRow) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out, nil
}

// Add makes an account, with a one-time link.
func (p *People) Add(by, name string, role ask.Role) (ask.Invitation, error) {
	if err := errors.Join(goodName(name), goodRole(role)); err != nil {
		return ask.Invitation{}, err
	}
	var out ask.Invitation
	err := p.change(func(r *roster) error {
		if a := r.account(name); a != nil {
			return &ask.Error{Kind: ask.Refused, Text: "there is an account " + a.Name + " already: change its role, or make a new link for it"}
		}
		r.Accounts = append(r.Accounts, account{Name: name, Role: role, Since: p.now(), By: by})
		out = r.invite(r.account(name), p.now(), true)
		return nil
	})
	return out, err
}

// invite makes a one-time link. Those that were made before for the same person
// are no good any more.
func (r *roster) invite(a *account, now time.Time, invited bool) ask.Invitation {
	code := newCode()
	r.Links = slices.DeleteFunc(r.Links, func(l link) bool { return l.Name == a.Name })
	r.Links = append(r.Links, link{Sum: sum(code), Name: a.Name, Made: now, Invited: invited})
	return ask.Invitation{Person: a.person(), Code: code, Until: now.Add(linkLasts)}
}

// Invite makes another one-time link for somebody.
func (p *People) Invite(name string) (ask.Invitation, error) {
	var out ask.Invitation
	err := p.on(name, func(r *roster, a *account) error { out = r.invite(a, p.now(), true); return nil })
	return out, err
}

// First makes the link of who starts the hub, an administrator, as long as no
// administrator can sign in with a password; otherwise it makes none, and the code
// is empty.
func (p *People) First(name string) (ask.Invitation, error) {
	if goodName(name) != nil {
		name = "administrator"
	}
	var out ask.Invitation
	err := p.change(func(r *roster) error {
		if slices.ContainsFunc(r.Accounts, func(a account) bool { return a.Role == ask.Administrator && a.Password != "" }) {
			return nil
		}
		a := r.account(name)
		if a == nil || a.Role != ask.Administrator {
			if i := slices.IndexFunc(r.Accounts, func(a account) bool { return a.Role == ask.Administrator }); i >= 0 {
				a = &r.Accounts[i]
			} else if a != nil {
				a.Role = ask.Administrator // nobody is one: whoever starts the hub has all rights anyway
			} else {
				r.Accounts = append(r.Accounts, account{Name: name, Role: ask.Administrator, Since: p.now(), By: "upkeep hub"})
				a = r.account(name)
			}
		}
		out = r.invite(a, p.now(), false)
		return nil
	})
	if err != nil {
		return ask.Invitation{}, err // what was made is not kept
	}
	return out, nil
}

// on changes something of an account.
func (p *People) on(name string, f func(*roster, *account) error) error {
	return p.change(func(r *roster) error {
		a := r.account(name)
		if a == nil {
			return noAccount(name)
		}
		return f(r, a)
	})
}

// SetRole gives somebody another role, and ends the sessions that were begun with
// the one before.
func (p *People) SetRole(name string, role ask.Role) error {
	if err := goodRole(role); err != nil {
		return err
	}
	return p.on(name, func(r *roster, a *account) error {
		switch {
		case a.Role == role:
			return nil
		case r.onlyAdministrator(a):
			return errLast
		}
		a.Role = role
		r.endSessions(a.Name)
		return nil
	})
}

// Remove takes an account away, with its sessions and links.
func (p *People) Remove(name string) error {
	return p.on(name, func(r *roster, a *account) error {
		if r.onlyAdministrator(a) {
			return errLast
		}
		gone := a.Name
		r.endSessions(gone)
		r.Links = slices.DeleteFunc(r.Links, func(l link) bool { return l.Name == gone })
		r.Accounts = slices.DeleteFunc(r.Accounts, func(a account) bool { return a.Name == gone })
		return nil
	})
}

// EndSessions ends all sessions of somebody.
func (p *People) EndSessions(name string) error {
	return p.on(name, func(r *roster, a *account) error { r.endSessions(a.Name); return nil })
}
