package probe

import (
	"context"
	"os"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

func TestPackage(t *testing.T) {
	if _, err := os.Stat("/var/lib/dpkg/status"); err != nil {
		t.Skip("this machine has no dpkg")
	}
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Deps{Commands: runner}).For("test/" + t.Name() + "/do")
	v, err := e.Read(t.Context(), probe("package", "dpkg"))
	if err != nil || !v.Present || !strings.HasPrefix(v.Evidence, "package dpkg "+v.Text) {
		t.Errorf("dpkg reads as %+v, %v", v, err)
	}
	for _, r := range []row{
		{p: probe("package", "upkeep-no-such-package"), got: "none", evidence: "does not know the package"},
		{p: probe("package", "upkeep-no-such-package", "expect=none"), ok: true, got: "none"},
		{p: probe("package", "-l"), err: "is no name of a package"},
		{p: probe("package", "lib*"), err: "say expect: none"},
		{p: probe("package", "upkeep-no-such-*", "expect=none"), ok: true, got: "none", evidence: "no package is named as in"},
		{p: probe("package", "dpk*", "expect=none"), ok: true, got: "none", evidence: "are installed whole, or not at all"},
	} {
		r.check(t, e)
	}
	row{p: probe("package", "dpkg"), err: "no commands can be run here"}.check(t, New(Deps{}))
}

func TestInstalledPackage(t *testing.T) {
	for _, tt := range []struct{ text, want, sel, err string }{
		{text: "installed\t1.2.3-1\n", want: "1.2.3-1"},
		{text: "installed\t1.2.3-1\n", sel: `^[\d.]+`, want: "1.2.3"},
		{text: "half-configured\t1.2.3-1\n", sel: `^[\d.]+`, want: "1.2.3-1 (half-configured)"},
		{text: "config-files\t1.2.3\n", want: ""},
		{text: "not-installed\t\n", want: ""},
		{text: "installed\t1\ninstalled\t1\n", want: "1"},
		{text: "installed\t1\ninstalled\t2\n", err: "as 1 and as 2"},
	} {
		p := plan.Probe{Source: "package", Args: []string{"x"}, Select: tt.sel}
		_, q, err := prepare(table(), p, DefaultTimeout)
		if err != nil {
			t.Fatal(err)
		}
		v, err := installedPackage(q, "dpkg-query", tt.text)
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || tt.err == "" && (err != nil || v.Text != tt.want || v.Present != (tt.want != "")) {
			t.Errorf("%q reads as %+v, %v; want %q %s", tt.text, v, err, tt.want, tt.err)
		}
	}
}

func TestNotWhole(t *testing.T) {
	const text = "base:amd64\tinstalled\tok\t1\nold\tconfig-files\tok\t1\nphp\thalf-configured\tok\t8.2\nlost\tinstalled\treinstreq\t3\nwaits\ttriggers-pending\tok\t4\n"
	list, all := notWhole(text)
	if got := strings.Join(list, ", "); all != 5 || got != "php 8.2 (half-configured), lost 3 (installed, must be installed anew), waits 4 (triggers-pending)" {
		t.Errorf("%d, %s", all, got)
	}
}

// All packages of a sitting are asked for at once.
func TestPackagesOfASitting(t *testing.T) {
	if _, err := os.Stat("/var/lib/dpkg/status"); err != nil {
		t.Skip("this machine has no dpkg")
	}
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	counted := &counting{Commands: runner}
	e, end := New(Deps{Commands: counted}).Sitting()
	defer end()
	alone := New(Deps{Commands: runner})
	for _, name := range []string{"dpkg", "bash", "libc6", "upkeep-no-such-package"} {
		p := probe("package", name)
		together, err := e.Read(t.Context(), p)
		want, err2 := alone.Read(t.Context(), p)
		if err != nil || err2 != nil || together != want {
			t.Errorf("%s: %+v, %v; alone %+v, %v", name, together, err, want, err2)
		}
	}
	if counted.n != 1 {
		t.Errorf("%d commands were run", counted.n)
	}
}

type counting struct {
	Commands
	n int
}

func (c *counting) Run(ctx context.Context, s scope.Command) (scope.Result, error) {
	c.n++
	return c.Commands.Run(ctx, s)
}
