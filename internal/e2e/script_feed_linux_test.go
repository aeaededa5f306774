package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func scriptFeed(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 0)
	s.feed = s.Site.Feed(args...)
	ts.Setenv("FEED", s.feed.Dir)
	ts.Check(s.feed.WriteKeys(filepath.Join(s.feed.Dir, "..", "feed-keys")))
}

func scriptPublish(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 2)
	for _, file := range args[1:] {
		ts.Check(s.feed.Release(args[0], ts.MkAbs(file)))
	}
}

func scriptFeedChange(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	f := s.feed
	switch len(args) {
	case 1:
		ts.Check(f.Change(f.Promote(f.Product, args[0])))
	case 2:
		ts.Check(f.Change(f.Withdraw(f.Product, args[0], args[1])))
	case 3:
		ts.Check(f.Change(f.Block(f.Product, args[0], args[1], args[2])))
	}
}

func scriptResign(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(of(ts, args, 1).feed.Resign(time.Duration(days) * 24 * time.Hour))
}

func scriptPush(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts, args, 1)
	text, err := os.ReadFile(s.Push(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(s.Marks, args[0]+".tar.zst"), text, 0o644))
}
