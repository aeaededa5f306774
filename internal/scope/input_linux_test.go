package scope

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"
)

func runner(t *testing.T) *Runner {
	t.Helper()
	r, err := New(Options{Cgroups: testParent})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What was hashed is what runs, whatever becomes of the file afterwards.
func TestOpenedScript(t *testing.T) {
	text := "#!/bin/sh\necho approved $1\nid -un\n"
	sum := sha256.Sum256([]byte(text))
	for _, c := range []struct {
		name    string
		account string
		between func(path string) // after opening, before running
		sum     bool
		out     string
		err     error
	}{
		{name: "descriptor", out: "approved arg\n"},
		{name: "replaced", between: func(p string) { _ = os.Remove(p); _ = os.WriteFile(p, []byte("#!/bin/sh\necho evil\n"), 0o700) }, out: "approved arg\n"},
		{name: "sum", sum: true, out: "approved arg\n"},
		{name: "changed in place", sum: true, between: func(p string) { _ = os.WriteFile(p, []byte("#!/bin/sh\necho evil\n"), 0o700) }, err: ErrChanged},
		{name: "of root, as another account", sum: true, account: "nobody", out: "approved arg\nnobody\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.account != "" && os.Geteuid() != 0 {
				t.Skip("needs root to change the account")
			}
			path := writeScript(t, text)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if c.between != nil {
				c.between(path)
			}
			cmd := Command{OpID: op(t), Args: []string{path, "arg"}, File: f, Env: env, Deadline: 5 * time.Second, Account: c.account}
			if c.sum {
				cmd.SHA256 = hex.EncodeToString(sum[:])
			}
			res, err := runner(t).Run(t.Context(), cmd)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if !strings.HasPrefix(res.Output, c.out) {
				t.Errorf("output %q, want %q", res.Output, c.out)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	r := runner(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	t.Run("input and raw output", func(t *testing.T) {
		var out, log bytes.Buffer
		cmd := sh(t, "echo note >&2; cat")
		cmd.Stdin, cmd.Stdout, cmd.Output = bytes.NewReader(big), &out, &log
		if res, err := r.Run(t.Context(), cmd); err != nil || !bytes.Equal(out.Bytes(), big) || log.String() != "note\n" {
			t.Errorf("out %d bytes, log %q, %+v, %v", out.Len(), log.String(), res, err)
		}
	})
	t.Run("slow taker loses nothing", func(t *testing.T) {
		out := &slow{}
		cmd := sh(t, "head -c 400000 /dev/zero")
		cmd.Stdout = out
		if _, err := r.Run(t.Context(), cmd); err != nil || out.n != 400000 {
			t.Errorf("took %d bytes, %v", out.n, err)
		}
	})
	t.Run("input not wanted", func(t *testing.T) {
		cmd := sh(t, "exec 0<&-; echo done")
		cmd.Stdin = bytes.NewReader(big)
		if res, err := r.Run(t.Context(), cmd); err != nil || res.Output != "done\n" {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("input that never comes", func(t *testing.T) {
		pr, pw := io.Pipe()
		defer pw.Close()
		cmd := sh(t, "echo done")
		cmd.Stdin = pr
		if res, err := r.Run(t.Context(), cmd); err != nil || res.Output != "done\n" {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("input fails half way", func(t *testing.T) {
		boom := errors.New("disk read error")
		cmd := sh(t, "cat >/dev/null; echo committed")
		cmd.Stdin = io.MultiReader(strings.NewReader("half"), iotest.ErrReader(boom))
		res, err := r.Run(t.Context(), cmd)
		if !errors.Is(err, boom) || res.Output != "" {
			t.Errorf("the child took a cut input for a whole one: %q, %v", res.Output, err)
		}
	})
	t.Run("output cannot be taken", func(t *testing.T) {
		boom := errors.New("no space left on device")
		cmd := sh(t, "head -c 1000000 /dev/zero; sleep 5")
		cmd.Stdout = iotest.TruncateWriter(&failing{boom}, 1<<30)
		if _, err := r.Run(t.Context(), cmd); !errors.Is(err, boom) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("log that fails does not hurt", func(t *testing.T) {
		cmd := sh(t, "echo one; echo two")
		cmd.Output = &failing{errors.New("gone")}
		if res, err := r.Run(t.Context(), cmd); err != nil || res.Output != "one\ntwo\n" {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("secret by descriptor, redacted", func(t *testing.T) {
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pr.Close()
		_, _ = pw.WriteString("s3cret\n")
		pw.Close()
		cmd := sh(t, "read p <&3; echo password $p")
		cmd.Extra = []*os.File{pr}
		cmd.Redact = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("s3cret"), []byte("***")) }
		if res, err := r.Run(t.Context(), cmd); err != nil || res.Output != "password ***\n" {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("nothing is inherited", func(t *testing.T) {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // as if this process had been started with it
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		cmd := sh(t, "ls /proc/self/fd; env | cut -d= -f1 | sort | tr '\\n' ' '")
		res, err := r.Run(t.Context(), cmd)
		if err != nil || res.Output != "0\n1\n2\n3\nLC_ALL PATH PWD UPKEEP_OP " { // 3 is ls's own
			t.Errorf("%q, %v", res.Output, err)
		}
	})
}

type failing struct{ err error }

func (f *failing) Write([]byte) (int, error) { return 0, f.err }

type slow struct{ n int }

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(60 * time.Millisecond)
	s.n += len(p)
	return len(p), nil
}

func BenchmarkRun(b *testing.B) {
	for _, parent := range []string{"-", testParent} {
		b.Run(map[bool]string{true: "session", false: "cgroup"}[parent == "-"], func(b *testing.B) {
			r, err := New(Options{Cgroups: parent})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := r.Run(b.Context(), Command{OpID: "bench", Args: []string{"/bin/true"}, Deadline: time.Minute}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
