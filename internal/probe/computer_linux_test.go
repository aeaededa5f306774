package probe

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

func TestComputer(t *testing.T) {
	e := New(Deps{})
	get := func(source, arg string) Value {
		t.Helper()
		v, err := e.Read(t.Context(), plan.Probe{Source: source, Args: []string{arg}})
		if err != nil || v.Evidence == "" {
			t.Errorf("%s %s: %+v, %v", source, arg, v, err)
		}
		return v
	}
	said := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	if got, want := get("os", "kernel").Text, said("uname", "-r"); got != want {
		t.Errorf("the kernel is %q, uname says %q", got, want)
	}
	if got, want := get("os", "id").Text, said("sh", "-c", ". /etc/os-release; echo $ID"); got != want {
		t.Errorf("the system is %q, its file says %q", got, want)
	}
	for _, r := range []row{
		{p: probe("os", "arch", "expect="+get("os", "arch").Text), ok: true, got: get("os", "arch").Text},
		{p: probe("os", "colour"), err: `"colour" is none of id, version, kernel, arch`},
		{p: probe("memory", "total", "expect=>= 64 MiB"), ok: true, got: get("memory", "total").Text, evidence: "memory total: "},
		{p: probe("memory", "total", "expect=>= 900 TiB"), got: get("memory", "total").Text},
		{p: probe("memory", "all"), err: `"all" is none of total, available, swap`},
		{p: probe("dns", "localhost"), ok: true, got: get("dns", "localhost").Text, evidence: "localhost is at "},
		{p: probe("clock", "moon"), err: `"moon" is none of computer`},
	} {
		r.check(t, e)
	}
	if v, err := e.Check(t.Context(), probe("inodes", "/nowhere/yet", "expect=>= 1")); err != nil || !v.OK { // others make files meanwhile
		t.Errorf("inodes: %+v, %v", v, err)
	}
	if got := get("clock", "computer").Text; got != "in-step" && got != "adrift" {
		t.Errorf("the clock is %q", got)
	}
	if total, available := get("memory", "total").Text, get("memory", "available").Text; len(available) > len(total) {
		t.Errorf("%s bytes of %s are available", available, total)
	}
}

func TestOpenFiles(t *testing.T) {
	e := New(Deps{})
	dir := t.TempDir()
	if os.Geteuid() == 0 { // others are blind to some processes, which is an error of its own
		row{p: probe("open-files", dir, "expect=none"), ok: true, got: "none", evidence: "no process uses anything of " + dir}.check(t, e)
	}
	cmd := exec.Command("cat")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	v, err := e.Check(t.Context(), probe("open-files", dir, "expect=none"))
	if err != nil || v.OK || !strings.HasPrefix(v.Got, "cat (") || !strings.Contains(v.Evidence, "works in "+dir) {
		t.Errorf("%+v, %v", v, err)
	}
}
