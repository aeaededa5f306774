package hub

import (
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

func TestPeople(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := NewPeople(func() time.Time { return now })
	denied := func(what string, err error) {
		t.Helper()
		if ask.KindOf(err) != ask.Denied {
			t.Errorf("%s: %v, want it denied", what, err)
		}
	}
	_, err := p.Who("")
	denied("no session", err)
	old := p.Link("anna")
	code := p.Link("anna")
	_, err = p.Enter(old)
	denied("a link that another one has followed", err)
	in, err := p.Enter(code)
	if err != nil || in.Name != "anna" {
		t.Fatalf("entering gives %v, %v", in, err)
	}
	_, err = p.Enter(code)
	denied("the link a second time", err)
	if who, err := p.Who(in.Session); err != nil || who.Name != "anna" {
		t.Errorf("who gives %v, %v", who, err)
	}
	_, err = p.Who(code)
	denied("the code in place of the session", err)

	now = now.Add(sessionIdle - time.Minute)
	if _, err := p.Who(in.Session); err != nil {
		t.Errorf("used in time: %v", err)
	}
	now = now.Add(sessionIdle + time.Minute)
	_, err = p.Who(in.Session)
	denied("a session that was not used", err)

	code = p.Link("bert")
	now = now.Add(linkLasts + time.Second)
	_, err = p.Enter(code)
	denied("a link that is too old", err)

	in, err = p.Enter(p.Link("bert"))
	if err != nil {
		t.Fatal(err)
	}
	p.Leave(in.Session)
	_, err = p.Who(in.Session)
	denied("a session that was left", err)
}

func TestPeopleGuessing(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := NewPeople(func() time.Time { return now })
	code := p.Link("anna")
	for range wrongMost {
		if _, err := p.Enter("guess"); err == nil {
			t.Fatal("a guess was right")
		}
	}
	if _, err := p.Enter(code); err == nil {
		t.Error("guessing is not slowed down")
	}
	now = now.Add(2 * time.Minute)
	if _, err := p.Enter(code); err != nil {
		t.Errorf("the right one after a while: %v", err)
	}
}

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
