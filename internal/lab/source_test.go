package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMinifluxSource(t *testing.T) {
	from, to := fakeRelease(t, "9.1.0"), fakeRelease(t, "9.2.0")
	dir := filepath.Join(t.TempDir(), "src")
	if err := MinifluxSource(t.Context(), dir, from, to, 777); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	both, old := read("upkeep.yaml"), read("from/9.1.0/product.yaml")
	for _, want := range []string{`version: "9.2.0"`, `database: "777"`, `from: ">= 9.1.0"`, `expect: "9.2.0"`} {
		if !strings.Contains(both, want) {
			t.Errorf("the documents lack %s", want)
		}
	}
	if strings.Contains(both, exampleVersion) || strings.Contains(both, exampleSchema) {
		t.Error("the documents still name the example's versions")
	}
	if !strings.HasPrefix(both, strings.TrimSuffix(old, "\n")) || strings.Contains(old, "release:") {
		t.Error("the old product document is not the product's part")
	}
	if read("components/app/usr/bin/miniflux") != "9.2.0" {
		t.Error("the program files are not those of the new release")
	}
	// of the text 9.1.0
	if got, want := read("from/9.1.0/app.sums"), "a1e11a94b53269913df4d310a7f72818e007169e7ed1e6a2adc48fb06f6f5e30  usr/bin/miniflux\n"; got != want {
		t.Errorf("the sums of the old release are %q", got)
	}
}

// fakeRelease has the shape of an unpacked package only.
func fakeRelease(t *testing.T, version string) *MinifluxRelease {
	t.Helper()
	r := &MinifluxRelease{Dir: t.TempDir(), Version: version}
	if err := os.MkdirAll(filepath.Dir(r.Binary()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Binary(), []byte(version), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSiteDocument(t *testing.T) {
	s := &MinifluxSite{Root: t.TempDir(), URL: "http://127.0.0.1:4711", Account: Account{Name: "someone"}}
	path, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"root: " + s.Root, s.URL, "account: someone", s.Path(SiteDatabaseURL), s.Path(SiteAPIKey), s.Path("upkeep")} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), exampleRoot+"/") {
		t.Errorf("the document still names the example's folder:\n%s", text)
	}
}

func TestReplaceAllMissesNothing(t *testing.T) {
	if _, err := replaceAll("a b", map[string]string{"a": "x", "c": "y"}); err == nil || !strings.Contains(err.Error(), "no longer says c") {
		t.Errorf("a value that is not there: %v", err)
	}
}
