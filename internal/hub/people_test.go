package hub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

const password = "correct horse battery"

// Link has somebody, an administrator, enter by a link.
func (p *People) Link(name string) string {
	if i, err := p.Add("test", name, ask.Administrator); err == nil {
		return i.Code
	}
	i, err := p.Invite(name)
	if err != nil {
		panic(err)
	}
	return i.Code
}

// crowd is people with a clock that tests move.
type crowd struct {
	*People
	t   *testing.T
	now time.Time
}

func newCrowd(t *testing.T, store Store) *crowd {
	c := &crowd{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	c.People = NewPeople(func() time.Time { return c.now })
	c.cost = cost{time: 1, memory: 8, threads: 1} // a look takes no time
	if store != nil {
		c.store = store
	}
	return c
}

func (c *crowd) denied(what string, err error) {
	c.t.Helper()
	if ask.KindOf(err) != ask.Denied {
		c.t.Errorf("%s: %v, want it denied", what, err)
	}
}

func (c *crowd) must(what string, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// in is somebody with a password who has signed in.
func (c *crowd) in(name string) string {
	c.t.Helper()
	if _, err := c.Add("test", name, ask.Administrator); err == nil {
		c.must("a password", c.GivePassword(name, password))
	}
	in, err := c.SignIn(ask.SignIn{Name: name, Password: password})
	c.must("signing in", err)
	return in.Session
}

func (c *crowd) after(d time.Duration) { c.now = c.now.Add(d) }

func TestPeople(t *testing.T) {
	p := newCrowd(t, nil)
	_, err := p.Who("")
	p.denied("no session", err)
	old := p.Link("anna")
	code := p.Link("anna")
	_, err = p.Enter(old)
	p.denied("a link that another one has followed", err)
	in, err := p.Enter(code)
	if err != nil || in.Name != "anna" || in.Role != ask.Administrator {
		t.Fatalf("entering gives %v, %v", in, err)
	}
	_, err = p.Enter(code)
	p.denied("the link a second time", err)
	if who, err := p.Who(in.Session); err != nil || who.Name != "anna" {
		t.Errorf("who gives %v, %v", who, err)
	}
	for _, bad := range []string{code, "." + code, code + ".", strings.Split(in.Session, ".")[0], strings.Split(in.Session, ".")[0] + ".x", "x." + strings.Split(in.Session, ".")[1]} {
		_, err = p.Who(bad)
		p.denied("something in place of the session", err)
	}

	p.after(sessionIdle - time.Minute)
	if _, err := p.Who(in.Session); err != nil {
		t.Errorf("used in time: %v", err)
	}
	p.after(sessionIdle + time.Minute)
	_, err = p.Who(in.Session)
	p.denied("a session that was not used", err)

	code = p.Link("bert")
	p.after(linkLasts + time.Second)
	_, err = p.Enter(code)
	p.denied("a link that is too old", err)

	in, err = p.Enter(p.Link("bert"))
	p.must("entering", err)
	p.must("leaving", p.Leave(in.Session))
	_, err = p.Who(in.Session)
	p.denied("a session that was left", err)
}

// TestSessionsLast: sessions and what is counted outlive the hub; what is kept of
// secrets are sums.
func TestSessionsLast(t *testing.T) {
	store := &memory{}
	p := newCrowd(t, store)
	token := p.in("anna")
	code := p.Link("bert")
	id, secret, _ := strings.Cut(token, ".")
	for _, s := range []string{id, secret, code, password} {
		if strings.Contains(string(store.raw), s) {
			t.Errorf("%s is kept", s)
		}
	}
	again := newCrowd(t, store)
	if who, err := again.Who(token); err != nil || who.Name != "anna" || !who.Password {
		t.Errorf("after a start of the hub: %v, %v", who, err)
	}
	if _, err := again.Enter(code); err != nil {
		t.Errorf("the link after a start of the hub: %v", err)
	}
	for range nameFree {
		_, err := again.SignIn(ask.SignIn{Name: "anna", Password: "wrong, wrong"})
		again.denied("a wrong password", err)
	}
	_, err := newCrowd(t, store).SignIn(ask.SignIn{Name: "anna", Password: password})
	if err == nil || !strings.Contains(err.Error(), "wait") {
		t.Errorf("a start of the hub resets what was counted: %v", err)
	}
}

// TestStolenSession: a secret that was exchanged before is refused, and ends the
// session.
func TestStolenSession(t *testing.T) {
	p := newCrowd(t, nil)
	stolen := p.in("anna")
	if next, err := p.Renew(stolen); next != "" || err != nil {
		t.Fatalf("exchanged at once: %q, %v", next, err)
	}
	p.after(renewAfter + time.Second)
	lost, err := p.Renew(stolen)
	if lost == "" || err != nil {
		t.Fatalf("no new secret: %v", err)
	}
	if next, _ := p.Renew(stolen); next != "" {
		t.Error("a second one beside it")
	}
	if _, err := p.Who(stolen); err != nil {
		t.Errorf("before the new one was used: %v", err)
	}
	p.after(2 * offerAgain) // the browser has never heard of the first
	next, err := p.Renew(stolen)
	if next == "" || err != nil {
		t.Fatalf("no new secret: %v", err)
	}
	_, err = p.Who(lost)
	p.denied("one that another has followed", err)
	if _, err := p.Who(next); err != nil {
		t.Fatalf("the new one: %v", err)
	}
	if _, err := p.Who(stolen); err != nil {
		t.Errorf("asked at the same time: %v", err)
	}
	p.after(renewGrace + time.Second)
	if err := p.Lasts(stolen); err != nil {
		t.Errorf("who listens since before: %v", err)
	}
	_, err = p.Who(stolen)
	p.denied("the stolen one", err)
	if !strings.Contains(err.Error(), "copy") {
		t.Errorf("it is not said why: %v", err)
	}
	_, err = p.Who(next)
	p.denied("the session after that", err)
	p.denied("who listens since before", p.Lasts(stolen))
}

// TestSessionsEnd: what a session was given for may have changed.
func TestSessionsEnd(t *testing.T) {
	for name, do := range map[string]func(p *crowd, token string) error{
		"a password": func(p *crowd, _ string) error { return p.GivePassword("anna", password+" anew") },
		"a role":     func(p *crowd, _ string) error { return p.SetRole("ANNA", ask.Viewer) },
		"removed":    func(p *crowd, _ string) error { return p.Remove("anna") },
		"ended":      func(p *crowd, _ string) error { return p.EndSessions("anna") },
		"left":       func(p *crowd, token string) error { return p.LeaveAll(token) },
		"own password": func(p *crowd, token string) error {
			_, err := p.SetPassword(token, ask.Password{Old: password, New: password + " anew"})
			return err
		},
	} {
		p := newCrowd(t, nil)
		p.in("bert")
		one, two := p.in("anna"), p.in("anna")
		other := p.in("bert")
		p.must(name, do(p, one))
		for _, token := range []string{one, two} {
			_, err := p.Who(token)
			p.denied(name, err)
		}
		if _, err := p.Who(other); err != nil {
			t.Errorf("%s: somebody else's session: %v", name, err)
		}
	}
}

func TestSessionsMost(t *testing.T) {
	p := newCrowd(t, nil)
	first := p.in("anna")
	p.after(time.Minute)
	second := p.in("anna")
	for range sessionsMost - 1 {
		_, err := p.Enter(p.Link("anna"))
		p.must("entering", err)
	}
	_, err := p.Who(first)
	p.denied("the oldest of too many", err)
	if _, err := p.Who(second); err != nil {
		t.Error(err)
	}
}

// TestLoginFlood: guessing is slowed down for each name and for all, and whoever
// asks many times at once gains nothing.
func TestLoginFlood(t *testing.T) {
	p := newCrowd(t, nil)
	p.in("anna")
	try := func(name, password string) error {
		_, err := p.SignIn(ask.SignIn{Name: name, Password: password})
		return err
	}
	waits := func(err error) bool { return err != nil && strings.Contains(err.Error(), "wait ") }
	for i := range nameFree {
		if err := try("anna", "wrong, wrong"); waits(err) || err == nil {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if err := try("ANNA", password); !waits(err) {
		t.Errorf("one more than that: %v", err)
	}
	p.after(waitFirst + time.Second)
	if err := try("anna", "wrong, wrong"); waits(err) {
		t.Errorf("after a while: %v", err)
	}
	p.after(waitFirst + time.Second)
	if err := try("anna", password); !waits(err) {
		t.Errorf("the second time one waits as long as the first: %v", err)
	}
	p.after(waitFirst)
	if err := try("anna", password); err != nil {
		t.Errorf("the right one in the end: %v", err)
	}
	if err := try("anna", "wrong, wrong"); waits(err) {
		t.Errorf("the right one does not end the count: %v", err)
	}

	p.after(2 * allWithin)
	n, got := 0, make(chan error)
	for i := range 2 * allMost {
		go func() {
			_, err := p.SignIn(ask.SignIn{Name: fmt.Sprint("nobody", i), Password: "wrong, wrong"})
			got <- err
		}()
	}
	for range 2 * allMost {
		if errors.Is(<-got, errWrong) {
			n++
		}
	}
	if n != allMost {
		t.Errorf("%d passwords were looked at, want %d", n, allMost)
	}
	if err := try("anna", password); !waits(err) {
		t.Errorf("after a flood: %v", err)
	}
	p.after(allWithin)
	if err := try("anna", password); err != nil {
		t.Errorf("ten minutes after a flood: %v", err)
	}
}

// TestEnumeration: neither words nor time tell whether there is such a name.
func TestEnumeration(t *testing.T) {
	p := newCrowd(t, nil)
	p.in("anna")
	p.Link("bert") // has no password
	looks := 0     // at a password, which is what takes the time
	p.hashing = make(chan struct{})
	go func() {
		for range p.hashing {
			looks++
			p.hashing <- struct{}{}
		}
	}()
	looked := 0
	for range nameFree + 2 {
		said, took := map[string]string{}, map[string]int{}
		for _, name := range []string{"anna", "bert", "nobody", "a\r\nb", ""} {
			before := looks
			_, err := p.SignIn(ask.SignIn{Name: name, Password: "wrong, wrong"})
			said[name], took[name] = fmt.Sprint(ask.KindOf(err), err), looks-before
			looked += looks - before
		}
		for name, text := range said {
			if text != said["anna"] {
				t.Errorf("%q gives %s, anna %s", name, text, said["anna"])
			}
			if took[name] != took["anna"] {
				t.Errorf("of %q %d passwords are looked at, of anna %d", name, took[name], took["anna"])
			}
		}
		p.after(time.Second)
	}
	if looked < 5 {
		t.Errorf("only %d passwords were looked at", looked)
	}
	if h, ok := parseHash(p.cost.nobodys()); !ok || h.cost != p.cost {
		t.Errorf("nobody's password takes %+v, somebody's %+v", h.cost, p.cost)
	}
}

// TestLastAdministrator: somebody can always let others in.
func TestLastAdministrator(t *testing.T) {
	p := newCrowd(t, nil)
	token := p.in("anna")
	_, err := p.Add("anna", "bert", ask.Operator)
	p.must("adding", err)
	for what, err := range map[string]error{"removed": p.Remove("anna"), "made a viewer": p.SetRole("anna", ask.Viewer)} {
		if !errors.Is(err, errLast) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := p.Who(token); err != nil {
		t.Errorf("the refusal ends the session: %v", err)
	}
	p.must("another one", p.SetRole("bert", ask.Administrator))
	p.must("removing", p.Remove("anna"))
	if err := p.Remove("bert"); !errors.Is(err, errLast) {
		t.Errorf("the last one removed: %v", err)
	}
}

// TestNames: a name can do no harm in a log, a heading or an address.
func TestNames(t *testing.T) {
	p := newCrowd(t, nil)
	for _, name := range []string{"", " ", "a b", "a\r\nSet-Cookie: x=y", "a\x1b[2J", "<b>", "../x", "-rf", ".x", "а", "a\u202e", strings.Repeat("a", 65)} {
		if _, err := p.Add("test", name, ask.Viewer); ask.KindOf(err) != ask.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := p.Add("test", "anna", "god"); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a role that there is not: %v", err)
	}
	_, err := p.Add("test", "Anna", ask.Viewer)
	p.must("adding", err)
	if _, err := p.Add("test", "anna", ask.Viewer); ask.KindOf(err) != ask.Refused {
		t.Errorf("the same name: %v", err)
	}
	if err := p.SetRole("otto", ask.Viewer); ask.KindOf(err) != ask.Unknown {
		t.Errorf("nobody: %v", err)
	}
}

// TestFirst: whoever starts the hub can enter as long as no administrator could
// otherwise.
func TestFirst(t *testing.T) {
	p := newCrowd(t, nil)
	first, err := p.First("EXAMPLE\\anna")
	if err != nil || first.Name != "administrator" || first.Role != ask.Administrator {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := p.First("bert")
	if err != nil || second.Name != "administrator" {
		t.Errorf("the second start, by somebody else: %+v, %v", second, err)
	}
	in, err := p.Enter(second.Code)
	p.must("entering", err)
	if _, err := p.SetPassword(in.Session, ask.Password{New: password}); err != nil {
		t.Fatal(err)
	}
	if third, err := p.First("bert"); err != nil || third.Code != "" {
		t.Errorf("once there is a password: %+v, %v", third, err)
	}
}

func TestPasswords(t *testing.T) {
	p := newCrowd(t, nil)
	for _, bad := range []string{"", "short", "eleven char", "I am Anna, and that is it", "aaaaaaaaaaaaaaaa", strings.Repeat("ab", passwordMost)} {
		if _, err := p.Add("test", "anna", ask.Administrator); err != nil && ask.KindOf(err) != ask.Refused {
			t.Fatal(err)
		}
		if err := p.GivePassword("anna", bad); ask.KindOf(err) != ask.Invalid {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
	in, err := p.Enter(p.Link("anna"))
	p.must("entering", err)
	in, err = p.SetPassword(in.Session, ask.Password{New: password})
	p.must("the first one", err)
	if _, err := p.SetPassword(in.Session, ask.Password{New: password + " 2"}); ask.KindOf(err) != ask.Refused {
		t.Errorf("without the old one: %v", err)
	}
	if _, err := p.SetPassword(in.Session, ask.Password{Old: password, New: password + " 2"}); err != nil {
		t.Errorf("with the old one: %v", err)
	}
	forgot, err := p.Enter(p.Link("anna"))
	p.must("entering", err)
	p.after(linkLasts + time.Minute)
	if _, err := p.SetPassword(forgot.Session, ask.Password{New: password + " 3"}); ask.KindOf(err) != ask.Refused {
		t.Errorf("long after the link: %v", err)
	}
	p.after(time.Hour)
	forgot, err = p.Enter(p.Link("anna"))
	p.must("entering", err)
	if _, err := p.SetPassword(forgot.Session, ask.Password{New: password + " 3"}); err != nil {
		t.Errorf("right after the link: %v", err)
	}
}

// TestHash: a vector of the reference (argon2 -id -t 3 -m 16 -p 4), and files that
// somebody has written by hand.
func TestHash(t *testing.T) {
	p := NewPeople(time.Now)
	kept := p.hashed(password)
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=65536,t=3,p=4$") || !p.rightPassword(kept, password) || p.rightPassword(kept, password+" ") || p.hashed(password) == kept {
		t.Errorf("%s", kept)
	}
	for _, bad := range []string{"", "x", "$argon2id$v=19$m=4294967295,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=65536,t=0,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=65536,t=3,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", strings.Replace(kept, "argon2id", "argon2i", 1), kept + "$"} {
		if p.rightPassword(bad, "") || p.rightPassword(bad, password) {
			t.Errorf("%q is somebody's", bad)
		}
	}
	if _, ok := parseHash(rfc9106().nobodys()); !ok {
		t.Error("the hash of nobody cannot be read: it would take no time")
	}
}

func FuzzHash(f *testing.F) {
	f.Add(rfc9106().nobodys())
	f.Fuzz(func(t *testing.T, kept string) {
		if h, ok := parseHash(kept); ok && (h.memory > 1<<20 || h.time > 16 || len(h.key) < 16) {
			t.Errorf("%q is too much", kept)
		}
	})
}

func FuzzRoster(f *testing.F) {
	f.Add([]byte(`{"format":1,"accounts":[{"name":"anna","role":"viewer"}],"sessions":[{"id":"x"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := NewPeople(time.Now)
		p.store = &memory{raw: raw}
		_, _ = p.Who("x.y") // whatever is kept, nobody gets in by it
		_, _ = p.List()
	})
}

// TestPeopleGuessing: links are not guessed either.
func TestPeopleGuessing(t *testing.T) {
	p := newCrowd(t, nil)
	code := p.Link("anna")
	for range allMost {
		if _, err := p.Enter("guess"); err == nil {
			t.Fatal("a guess was right")
		}
	}
	if _, err := p.Enter(code); err == nil {
		t.Error("guessing is not slowed down")
	}
	p.after(2 * time.Minute)
	if _, err := p.Enter(code); err != nil {
		t.Errorf("the right one after a while: %v", err)
	}
}

// full is a store on a full disk.
type full struct{ *memory }

func (full) Change(f func([]byte) ([]byte, error)) error {
	return errors.New("no space left on device")
}

// TestPeopleFullDisk: who is there can go on looking; nobody comes in, and nothing
// is changed.
func TestPeopleFullDisk(t *testing.T) {
	p := newCrowd(t, nil)
	token, code := p.in("anna"), p.Link("bert")
	p.store = full{p.store.(*memory)}
	p.after(renewAfter + time.Minute)
	if _, err := p.Who(token); err != nil {
		t.Errorf("looking: %v", err)
	}
	for what, err := range map[string]error{
		"renewing": second(p.Renew(token)), "entering": second(p.Enter(code)), "signing in": second(p.SignIn(ask.SignIn{Name: "anna", Password: password})),
		"adding": second(p.Add("anna", "carl", ask.Viewer)), "leaving": p.Leave(token), "a role": p.SetRole("anna", ask.Viewer)} {
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRolesCover(t *testing.T) {
	for i, r := range ask.Roles() {
		for j, need := range ask.Roles() {
			if r.Covers(need) != (i >= j) {
				t.Errorf("%s covers %s: %v", r, need, r.Covers(need))
			}
		}
		if r.Covers("god") || ask.Role("").Covers(r) {
			t.Errorf("an unknown role counts beside %s", r)
		}
	}
}
