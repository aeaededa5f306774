package probe

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/plan"
)

// The server of Debian's package, with a password and with an account of its own.
func TestRedisReal(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	version := ""
	for _, name := range []string{"redis-tools", "liblzf1", "libjemalloc2", "liblua5.1-0", "lua-cjson", "lua-bitop"} {
		p, err := lab.FetchPackage(t.Context(), "bookworm", name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("dpkg-deb", "-x", p.Deb, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if name == "redis-tools" {
			_, version, _ = strings.Cut(p.Version, ":")
			version, _, _ = strings.Cut(version, "-")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	libs, err := filepath.Glob(dir + "/usr/lib/*-linux-gnu")
	if err != nil || len(libs) != 1 {
		t.Fatal(libs, err)
	}
	cmd := exec.Command(dir+"/usr/bin/redis-check-rdb", "--port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", "s3cret", "--user", "upkeep", "on", ">acl-pw", "+info")
	cmd.Args[0] = "redis-server" // one program with several names
	cmd.Dir, cmd.Env = dir, []string{"LD_LIBRARY_PATH=" + libs[0]}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	e := New(Deps{Secrets: func(_ context.Context, ref plan.SecretRef) (string, error) { return ref.File, nil }})
	with := func(secret string, rest ...string) plan.Probe {
		p := probe("redis", address, rest...)
		p.Password = &plan.SecretRef{File: secret}
		return p
	}
	waitFor(t, func() bool {
		v, err := e.Read(t.Context(), with("s3cret"))
		return err == nil && v.Text == version
	})
	for _, r := range []row{
		{p: with("s3cret", "expect=>= 6.2"), ok: true, got: version, evidence: fmt.Sprintf("redis_version of Redis at %s is %s", address, version)},
		{p: with("acl-pw", "user=upkeep"), ok: true, got: version},
		{p: with("s3cret", "select=role", "expect=master"), ok: true, got: "master"},
		{p: with("s3cret", "select=loading", "expect=0"), ok: true, got: "0"},
		{p: with("s3cret", "select=no_such", "expect=none"), ok: true, got: "none"},
		{p: with("wrong", "expect=none"), err: "it does not let us in: WRONGPASS"},
		{p: with("wrong", "user=upkeep", "expect=none"), err: "it does not let us in: WRONGPASS"},
		{p: probe("redis", address, "expect=none"), err: "it wants a password: give one by reference"},
	} {
		r.check(t, e)
	}
}
