package probe

import (
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
		{p: probe("package", "-l"), err: "name of one package"},
		{p: probe("package", "lib*"), err: "name of one package"},
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
