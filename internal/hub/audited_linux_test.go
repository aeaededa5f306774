package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/hub/ask"
)

// ledger is an audit log in memory.
type ledger struct {
	mu          sync.Mutex
	lines       []string
	full, ended error
}

func (l *ledger) Begin(by, role, do string, on map[string]string) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return 0, l.full
	}
	l.lines = append(l.lines, fmt.Sprint(by, " ", role, " ", do, " ", on))
	return int64(len(l.lines)), nil
}

func (l *ledger) End(n int64, result, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.lines = append(l.lines, fmt.Sprint(n, " ", result, " ", text))
	}
	return l.ended
}

func (l *ledger) Acts(ask.AuditQuery) (ask.Audit, error) { return ask.Audit{Head: "h"}, nil }

func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.lines
	l.lines = nil
	return out
}

func (f *fake) Check(context.Context, string, ask.Wish) (ask.Readiness, error) {
	return ask.Readiness{}, nil
}

func (f *fake) Decide(context.Context, string, ask.Decision) (ask.Started, error) {
	return ask.Started{}, &ask.Error{Kind: ask.Refused, Text: "the barrier is passed"}
}

func (f *fake) Done(context.Context, string, ask.Word) (ask.Started, error) {
	return ask.Started{}, errors.New("the disk has failed")
}

// TestAudited: every change names who does it before it is made, and what has come
// of it; secrets are not noted, and looking is not.
func TestAudited(t *testing.T) {
	f, p, l := &fake{started: make(chan string, 9)}, NewPeople(time.Now), &ledger{}
	p.cost = cost{time: 1, memory: 8, threads: 1}
	c := ask.NewClient(serveWith(t, New(f, p, slog.New(slog.DiscardHandler)).Auditing(l), os.Getuid()), func(c net.Conn) error { return FromAccount(c, os.Getuid()) })
	ctx := context.Background()
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	me := c.As(in.Session)
	one := func(_ any, err error) string { return fmt.Sprint(err) }
	q := ask.RunQuery{Installation: "notes", Run: "r1"}
	for _, tt := range []struct {
		do   func() string
		said string
		want []string
	}{
		{func() string { return "" }, "", []string{"anna administrator enter by a link map[]", "1 done "}},
		{func() string {
			return one(me.Overview(ctx)) + one(me.Check(ctx, ask.Wish{})) + one(me.People(ctx)) + one(me.Audit(ctx, ask.AuditQuery{}))
		}, "<nil><nil><nil><nil>", nil},
		{func() string {
			return one(me.Start(ctx, ask.Yes{Wish: ask.Wish{Installation: "notes", To: "3.0", Waivers: map[string]string{"cron": "they may"}}, Digest: "d"}))
		}, "<nil>", []string{"anna administrator start map[digest:d installation:notes to:3.0 waive cron:they may]", "1 done run r1"}},
		{func() string { return one(me.Decide(ctx, ask.Decision{RunQuery: q, Choice: "back", Why: "no"})) }, "the barrier is passed", []string{"anna administrator decide map[choice:back installation:notes run:r1 why:no]", "1 refused the barrier is passed"}},
		{func() string { return one(me.Done(ctx, ask.Word{RunQuery: q, Step: "x"})) }, "the disk has failed", []string{"anna administrator done map[installation:notes run:r1 step:x]", "1 failed the disk has failed"}},
		{func() string { return one(me.AddPerson(ctx, ask.Person{Name: "bert", Role: ask.Viewer})) }, "<nil>", []string{"anna administrator person-add map[name:bert role:viewer]", "1 done "}},
		{func() string { return fmt.Sprint(me.RemovePerson(ctx, ask.Name{Name: "anna"})) }, errLast.Text, []string{"anna administrator person-remove map[name:anna]", "1 refused " + errLast.Text}},
		{func() string { return one(me.SetPassword(ctx, ask.Password{Old: "secret-old", New: "secret-new-one"})) }, "<nil>", []string{"anna administrator password map[]", "1 done "}},
		{func() string {
			return one(c.SignIn(ctx, ask.SignIn{Name: "Anna", Password: "secret-new-one", From: "192.0.2.7"}))
		}, "<nil>", []string{"anna administrator sign in map[from:192.0.2.7]", "1 done "}},
		{func() string { return one(c.SignIn(ctx, ask.SignIn{Name: "anna", Password: "secret-wrong"})) }, errWrong.Text, nil},
	} {
		if said := tt.do(); said != tt.said {
			t.Errorf("it gives %q, want %q", said, tt.said)
		}
		got := l.take()
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Error(d)
		}
		if strings.Contains(fmt.Sprint(got), "secret") {
			t.Errorf("a secret is noted: %s", got)
		}
	}
}

// TestAuditFull: what cannot be noted is not done.
func TestAuditFull(t *testing.T) {
	f, p, l := &fake{started: make(chan string, 9)}, NewPeople(time.Now), &ledger{}
	p.cost = cost{time: 1, memory: 8, threads: 1}
	c := ask.NewClient(serveWith(t, New(f, p, slog.New(slog.DiscardHandler)).Auditing(l), os.Getuid()), nil)
	ctx := context.Background()
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	me := c.As(in.Session)
	l.full = errors.New("no space left on device")
	var e *ask.Error
	if _, err := me.Start(ctx, ask.Yes{Digest: "d"}); !errors.As(err, &e) || e.Kind != ask.Refused || !strings.Contains(e.Text, "audit log") || !strings.Contains(strings.Join(e.Reasons, " "), "no space left") {
		t.Errorf("starting: %+v", e)
	}
	if len(f.started) > 0 {
		t.Error("a run was started that nobody has noted")
	}
	if err := me.SetRole(ctx, ask.Person{Name: "anna", Role: ask.Viewer}); ask.KindOf(err) != ask.Refused {
		t.Errorf("a role: %v", err)
	}
	code := p.Link("bert")
	if _, err := c.Enter(ctx, code); ask.KindOf(err) != ask.Refused {
		t.Errorf("entering: %v", err)
	}
	if all, _ := p.List(); all.People[1].Sessions != 0 {
		t.Error("a session is left that is in no log")
	}
	if _, err := me.Overview(ctx); err != nil {
		t.Errorf("looking: %v", err)
	}
	l.full, l.ended = nil, errors.New("no space left on device")
	if _, err := me.Start(ctx, ask.Yes{Digest: "d"}); err != nil || len(f.started) != 1 {
		t.Errorf("the disk is full at the end of it: %v", err)
	}
}

func TestNotedTogether(t *testing.T) {
	got := on(ask.Together{Yeses: []ask.Yes{{Wish: ask.Wish{Installation: "shop", To: "3.0"}, Digest: "ab"}, {Wish: ask.Wish{Installation: "notes"}, Digest: "cd"}}})
	if len(got) != 2 || got["shop"] != "3.0, plan ab" || got["notes"] != "the latest, plan cd" {
		t.Errorf("the audit log has %v of several upgrades", got)
	}
}
