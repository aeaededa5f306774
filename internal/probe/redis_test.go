package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// redis is a server that speaks as much of the protocol as is asked for.
func redis(t *testing.T, password string, info string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go talk(c, password, info)
		}
	}()
	return l.Addr().String()
}

func talk(c net.Conn, password, info string) {
	defer c.Close()
	in, open := bufio.NewReader(c), password == ""
	for {
		var n int
		if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
			return
		}
		var words []string
		for range n {
			w, err := readReply(in)
			if err != nil {
				return
			}
			words = append(words, w)
		}
		switch {
		case words[0] == "AUTH" && words[len(words)-1] == password:
			open = true
			fmt.Fprint(c, "+OK\r\n")
		case words[0] == "AUTH":
			fmt.Fprint(c, "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
		case !open:
			fmt.Fprint(c, "-NOAUTH Authentication required.\r\n")
		case strings.HasPrefix(info, "raw "):
			fmt.Fprint(c, info[4:])
			return
		default:
			fmt.Fprintf(c, "$%d\r\n%s\r\n", len(info), info)
		}
	}
}

const info = "# Server\r\nredis_version:7.0.15\r\nos:Linux: 6.1\r\n\r\n# Clients\r\nconnected_clients:3\r\n"

func TestRedis(t *testing.T) {
	open, locked := redis(t, "", info), redis(t, "s3cret", info)
	e := New(Deps{Secrets: func(_ context.Context, ref plan.SecretRef) (string, error) {
		if ref.File == "gone" {
			return "", errors.New("no such file")
		}
		return ref.File, nil
	}})
	with := func(p plan.Probe, secret string) plan.Probe {
		p.Password = &plan.SecretRef{File: secret}
		return p
	}
	for _, r := range []row{
		{p: probe("redis", open, "expect=>= 6.2"), ok: true, got: "7.0.15", evidence: "redis_version of Redis at " + open + " is 7.0.15"},
		{p: probe("redis", open, "select=connected_clients", "expect=<= 2"), got: "3"},
		{p: probe("redis", open, "select=os"), ok: true, got: "Linux: 6.1"},
		{p: probe("redis", open, "select=role", "expect=none"), ok: true, got: "none", evidence: "says nothing of role"},
		{p: with(probe("redis", locked), "s3cret"), ok: true, got: "7.0.15"},
		{p: with(probe("redis", locked, "user=upkeep"), "s3cret"), ok: true, got: "7.0.15"},
		{p: with(probe("redis", locked, "expect=none"), "wrong"), err: "it does not let us in: WRONGPASS"},
		{p: with(probe("redis", locked, "expect=none"), "gone"), err: "cannot read its password: no such file"},
		{p: probe("redis", locked, "expect=none"), err: "it wants a password: give one by reference"},
		{p: probe("redis", redis(t, "", "raw HTTP/1.1 400 Bad Request\r\n"), "expect=none"), err: "it does not speak the protocol of Redis"},
		{p: probe("redis", redis(t, "", "raw $999999999\r\n"), "expect=none"), err: `its answer has the length "999999999"`},
		{p: probe("redis", redis(t, "", "raw $9\r\nshort"), "expect=none"), err: "its answer broke off"},
		{p: probe("redis", "127.0.0.1:1", "expect=none"), err: "connection refused"},
		{p: probe("redis", "redis://:pw@host", "expect=none"), err: "is no HOST:PORT"},
		{p: probe("redis", open, "user=x"), err: "it has a user, but no password"},
	} {
		r.check(t, e)
	}
}

// A server that never answers is left when its time has passed.
func TestRedisSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	row{p: probe("redis", l.Addr().String(), "timeout=100ms", "expect=none"), err: "no answer within 100ms"}.check(t, New(Deps{}))
}

func FuzzRedisReply(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "-ERR x\r\n", ":7\r\n", "$5\r\na\r\nb \r\n", "$-1\r\n", "$3\r\nabcd\r\n", "*1\r\n$1\r\na\r\n", "$0\r\n\r\n", "\r\n", "$9999999\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reply, err := readReply(bufio.NewReader(strings.NewReader(text)))
		if err != nil && reply != "" {
			t.Errorf("%q gives %q and %v", text, reply, err)
		}
		if len(reply) > len(text) {
			t.Errorf("%q gives %q", text, reply)
		}
		infoOf(reply, "redis_version")
	})
}
