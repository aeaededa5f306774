package probe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

func TestCommand(t *testing.T) {
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Deps{Commands: runner}).For("test/" + t.Name() + "/do")
	sh := func(text string, rest ...string) plan.Probe {
		p := probe("command", "/bin/sh", rest...)
		p.Args = append(p.Args, "-c", text)
		return p
	}
	bare := probe("command", "echo", "expect=$HOME;*")
	bare.Args, bare.Env = append(bare.Args, "$HOME;*"), []string{"PATH=/usr/bin:/bin"}
	withEnv := sh("echo $GREETING")
	withEnv.Env = []string{"GREETING=hello"}
	for _, r := range []row{
		{name: "no shell", p: bare, ok: true, got: "$HOME;*"},
		{p: sh("echo 8.1.2-1ubuntu", "expect=>= 8.1"), ok: true, got: "8.1.2-1ubuntu", evidence: "sh, exit code 0"},
		{p: sh("printf 'json\\nldap\\n'", "select=^ldap$", "expect=present"), ok: true, got: "ldap"},
		{p: sh("echo json", "select=^ldap$", "expect=present"), got: "none", evidence: "no ^ldap$ in its output"},
		{p: sh(`echo '{"a": [1, 2]}'`, "format=json", "select=a[1]"), ok: true, got: "2"},
		{p: sh("echo out; echo bad >&2; exit 3"), got: "none", evidence: "sh, exit code 3: bad"},
		{p: sh("echo out; exit 3", "expect=out"), got: "none", evidence: "exit code 3"},
		{p: sh("kill -9 $$"), got: "none", evidence: "ended by signal"},
		{p: sh("true"), ok: true, got: ""},
		{p: sh("true", "expect=none"), ok: true, got: "none", evidence: "no output"},
		{p: sh("true", "expect=present"), got: "none"},
		{p: withEnv, ok: true, got: "hello"},
		{p: sh("echo \"<$HOME$USER>\""), ok: true, got: "<>"},
		{p: probe("command", "/no/such/program"), err: "cannot read command /no/such/program"},
		{p: sh("head -c 5000000 /dev/zero"), err: "it wrote more than"},
		{p: sh("sleep 60", "timeout=100ms"), err: "no answer within 100ms"},
	} {
		r.check(t, e)
	}
	row{p: sh("true"), err: "no commands can be run here"}.check(t, New(Deps{}))
}

// Command probes of one operation share a scope, so they take turns.
func TestCommandsTakeTurns(t *testing.T) {
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Deps{Commands: runner})
	for _, op := range []*Evaluator{e, e.For("test/turns/do")} {
		results := make(chan error, 4)
		for range 4 {
			go func() {
				p := probe("command", "/bin/sleep")
				p.Args = append(p.Args, "0.05")
				v, err := op.Check(t.Context(), p)
				if err == nil && !v.OK {
					err = errors.New(v.Evidence)
				}
				results <- err
			}()
		}
		for range 4 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	// t.TempDir is closed to others, up to the root of its own.
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = d[:strings.LastIndex(d, "/")] {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := write(t, dir+"/conf.php", "x")
	hidden := write(t, dir+"/hidden/file", "x")
	e := New(Deps{})
	rows := []row{
		{p: probe("writable", file), ok: true, got: "writable"},
		{p: probe("writable", dir), ok: true, got: "writable"},
		{p: probe("writable", dir+"/absent"), got: "none", evidence: "does not exist"},
		{p: probe("writable", file, "as=no-such-account"), err: "there is no such account"},
	}
	if os.Geteuid() == 0 {
		open := write(t, dir+"/open.php", "x")
		write(t, dir+"/shared/x", "x")
		if err := errors.Join(os.Chmod(open, 0o666), os.Chmod(dir+"/hidden", 0o700), os.Chmod(hidden, 0o666),
			os.Chown(dir+"/shared", 0, 65534), os.Chmod(dir+"/shared", 0o775)); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, []row{
			{p: probe("writable", file, "as=nobody"), got: "none", evidence: "cannot be written by nobody: permission denied"},
			{p: probe("writable", file, "as=nobody", "expect=none"), ok: true, got: "none"},
			{p: probe("writable", dir, "as=nobody"), got: "none"},
			{p: probe("writable", open, "as=nobody"), ok: true, got: "writable", evidence: "by nobody"},
			{p: probe("writable", open, "as=65534"), ok: true, got: "writable"},
			{p: probe("writable", hidden, "as=nobody"), got: "none"},
			{name: "by its group", p: probe("writable", dir+"/shared", "as=nobody"), ok: true, got: "writable"},
			{p: probe("writable", file, "as=root"), ok: true, got: "writable"},
		}...)
	}
	if os.Geteuid() != 0 {
		locked := write(t, dir+"/locked", "x")
		if err := os.Chmod(locked, 0o444); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{p: probe("writable", locked), got: "none", evidence: "permission denied"},
			row{p: probe("writable", file, "as=root"), err: "that needs root"})
	}
	for range 3 { // the thread that took on an account never comes back
		for _, r := range rows {
			r.check(t, e)
		}
	}
	if got := os.Geteuid(); os.WriteFile(file, []byte("y"), 0o644) != nil {
		t.Errorf("this process has lost its rights, uid %d", got)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir+"/cron.lock", "")
	e := New(Deps{})
	free := row{p: probe("lock", file), ok: true, got: "free"}
	held := row{p: probe("lock", file), got: "held", evidence: "is locked"}
	free.check(t, e)
	row{p: probe("lock", dir+"/absent"), ok: true, got: "free", evidence: "does not exist"}.check(t, e)
	row{p: probe("lock", "cron"), err: "is no path of a lock file"}.check(t, e)

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, how := range []int{unix.LOCK_EX, unix.LOCK_SH} {
		if err := unix.Flock(int(f.Fd()), how); err != nil {
			t.Fatal(err)
		}
		held.check(t, e)
		row{p: probe("lock", file, "expect=held"), ok: true, got: "held"}.check(t, e)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	free.check(t, e)
	for _, command := range []int{unix.F_OFD_SETLK} {
		for _, kind := range []int16{unix.F_WRLCK, unix.F_RDLCK} {
			if err := unix.FcntlFlock(f.Fd(), command, &unix.Flock_t{Type: kind}); err != nil {
				t.Fatal(err)
			}
			held.check(t, e)
		}
		if err := unix.FcntlFlock(f.Fd(), command, &unix.Flock_t{Type: unix.F_UNLCK}); err != nil {
			t.Fatal(err)
		}
	}
	free.check(t, e)
}

// The usual shell idiom: the flock program takes the lock on a descriptor of
// its parent and ends.
func TestLockOfAScript(t *testing.T) {
	file := write(t, t.TempDir()+"/cron.lock", "")
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip("the flock program is not installed")
	}
	child := exec.Command("/bin/sh", "-c", `exec 9<"$1"; flock 9; echo taken; read line`, "sh", file)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscan(out, &word); err != nil || word != "taken" {
		t.Fatalf("%q, %v", word, err)
	}
	e := New(Deps{})
	row{p: probe("lock", file), got: "held"}.check(t, e)
	in.Close()
	if err := child.Wait(); err != nil {
		t.Log(err)
	}
	if _, err := e.Until(t.Context(), probe("lock", file), 2, 10*time.Millisecond, 5*time.Second); err != nil {
		t.Error(err)
	}
}

func TestHolder(t *testing.T) {
	table := []byte(`1: POSIX  ADVISORY  WRITE 4210 fe:00:1835 0 EOF
2: FLOCK  ADVISORY  WRITE 4211 fe:01:1836 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4212 fe:00:1837 0 EOF
3: FLOCK  ADVISORY  READ  4213 fe:00:1838 0 EOF
garbage
`)
	for _, c := range []struct {
		minor uint32
		inode uint64
		pid   string
	}{{0, 1835, ""}, {1, 1836, "4211"}, {0, 1836, ""}, {0, 1837, ""}, {0, 1838, "4213"}} {
		if pid, found := holder(table, 0xfe, c.minor, c.inode); pid != c.pid || found != (c.pid != "") {
			t.Errorf("%d:%d: %q, %v", c.minor, c.inode, pid, found)
		}
	}
}

// A probe changes nothing that a fingerprint would see.
func TestProbesDoNotWrite(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir+"/a.json", `{"a": 1}`)
	before := list(t, dir)
	e := New(Deps{})
	for _, source := range []string{"file", "exists", "writable", "free", "age", "sum", "lock"} {
		if _, err := e.Read(t.Context(), probe(source, file)); err != nil {
			t.Error(err)
		}
	}
	for _, source := range []string{"exists", "writable", "free", "newest"} {
		if _, err := e.Read(t.Context(), probe(source, dir)); err != nil {
			t.Error(err)
		}
	}
	if after := list(t, dir); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var st unix.Stat_t
		if err := unix.Lstat(dir+"/"+entry.Name(), &st); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, entry.Name(), st.Mode, st.Size, st.Mtim, st.Ctim)
	}
	return b.String()
}
