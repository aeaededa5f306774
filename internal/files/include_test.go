package files

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"upkeep/internal/durable"
)

func TestScanOfWhatIsIncluded(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"etc/app/conf", "etc/other", "usr/bin/a", "usr/bin/b", "usr/share/app/x/y", "usr/share/app-doc/z", "var/log/l"} {
		at := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		must(t, os.WriteFile(at, []byte(name), 0o644))
	}
	must(t, os.Symlink("usr/bin", filepath.Join(root, "bin")))
	must(t, os.Link(filepath.Join(root, "usr/bin/a"), filepath.Join(root, "usr/share/app/a")))
	include := []string{"etc/", "usr/bin/a", "usr/share/app/", "usr/share/app/x/y", "usr/share/gone/", "bin/b", "etc/app/conf"}
	got, err := Scan(t.Context(), durable.OS(), root, Options{Include: include, Exclude: []string{"/etc/other"}, Hash: true})
	must(t, err)
	paths := func(tr Tree) (out []string) {
		for _, e := range tr.Entries {
			out = append(out, e.Path)
		}
		return out
	}
	want := []string{".", "etc", "etc/app", "etc/app/conf", "usr", "usr/bin", "usr/bin/a", "usr/share", "usr/share/app", "usr/share/app/a", "usr/share/app/x", "usr/share/app/x/y"}
	if !slices.Equal(paths(got), want) {
		t.Errorf("scanned %q\nwant    %q", paths(got), want)
	}
	if e, _ := got.Find("usr/share/app/a"); e.HardLink != "usr/bin/a" {
		t.Errorf("the further name of a file is described as %+v", e)
	}
	want = slices.DeleteFunc(want, func(p string) bool { return slices.Contains([]string{".", "usr", "usr/bin", "usr/share"}, p) })
	if scoped := paths(Scoped(got, include)); !slices.Equal(scoped, want) {
		t.Errorf("scoped to %q\nwant      %q", scoped, want)
	}
	for _, bad := range []string{"/etc", "../x", "", "/", "./"} {
		if _, err := Scan(t.Context(), durable.OS(), root, Options{Include: []string{bad}}); err == nil {
			t.Errorf("%q can be included", bad)
		}
	}
}
