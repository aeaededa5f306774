package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// b2b is the second shop: a blank and a letter with a mark in its name.
const b2b = "boutique pro été"

// shops installs the example with a second shop, registered beside the first
// one. Its name is pro.
func shops(t *testing.T) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4", Stopped: true})
	second := filepath.Join(s.Root, b2b)
	if out, err := exec.Command("cp", "-a", filepath.Join(s.Root, "ecommerce"), second).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	register(s, `<ecommerce path="`+second+`" />`)
	s.Start()
	s.Bundle("20.5")
	return s
}

// register adds a node to the registration.
func register(s *sitetest.Site, node string) {
	s.Replace(filepath.Join(s.Root, registration), "</applications>", "  "+node+"\n</applications>")
}

const registration = "config/applicationspath.config"

// tree describes what lies at one place.
func tree(s *sitetest.Site, name string) string {
	var out []string
	for _, l := range lines(s.Snapshot(), name) {
		if l == name || strings.HasPrefix(l, name+"/") || strings.HasPrefix(l, name+" ") || strings.HasSuffix(strings.Fields(l)[1], "@"+name) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// Two shops on one server, upgraded one by one, then everything.
func TestAltazionInstances_S3(t *testing.T) {
	lab.Slow(t)
	s := shops(t)
	first, second := "ecommerce@ecommerce", "ecommerce@boutique-pro-ete"
	row := func(unit, change, place string) string {
		return regexp.QuoteMeta(unit) + ` +` + change + ` +` + regexp.QuoteMeta(filepath.Join(s.Root, place)) + `\n`
	}
	whole := s.Must(0, "plan", "--from", s.Releases).Out
	before, pools := tree(s, "ecommerce"), s.Read("trace/pools.log")
	plan := s.Must(0, "plan", "--only", second, "--from", s.Releases).Out
	s.Must(0, "upgrade", "--yes", "--only", second, "--from", s.Releases)
	t.Run("S3_11_a_row_for_every_instance", func(t *testing.T) {
		wants(t, whole, row(first, `20\.4 → 20\.5`, "ecommerce")+`.*`+row(second, `20\.4 → 20\.5`, b2b))
		wants(t, plan, row(first, `20\.4 \(stays\)`, "ecommerce")+`.*`+row(second, `20\.4 → 20\.5`, b2b))
	})
	t.Run("S3_14_S3_31_one_instance_alone", func(t *testing.T) {
		if v := s.Read(b2b + "/version.txt"); v != "20.5\n" {
			t.Errorf("the chosen shop is on %s", v)
		}
		if d := sitetest.Diff(before, tree(s, "ecommerce")); d != "" {
			t.Errorf("the other shop was touched:\n%s", d)
		}
		if got := lines(s.Read("trace/hooks.log"), "module="); len(got) == 0 || len(got) != len(lines(s.Read("trace/hooks.log"), "module="+filepath.Join(s.Root, b2b)+"/")) {
			t.Errorf("scripts of others ran too: %v", got)
		}
	})
	t.Run("S3_40_exactly_its_pools", func(t *testing.T) {
		wants(t, strings.TrimPrefix(s.Read("trace/pools.log"), pools), `^stop test\nstop shop-boutique-pro-ete\nstart shop-boutique-pro-ete\nstart test\n$`)
		wants(t, flat(plan), `service pool-test also serves ecommerce@ecommerce, phygitalapi`)
	})
	t.Run("S3_15_back_to_the_list", func(t *testing.T) {
		status := s.Must(0, "status").Out
		wants(t, status, first+` +20\.4`)
		wants(t, status, second+` +20\.5`)
		rest := s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out
		wants(t, rest, second+` is on 20\.5 already and is left alone`)
		wants(t, s.Must(0, "status").Out, first+` +20\.5`)
		wants(t, s.Must(0, "upgrade", "--from", s.Releases).Out, `up to date: 20\.5`)
	})
}

// One shop's upgrade fails: it is back, and the other one was not touched.
func TestAltazionInstanceFails_S3_14(t *testing.T) {
	lab.Slow(t)
	s := shops(t)
	s.Hook("updates/scripts/PREINSTALL_integration.sh", "exit 1") // not asked
	s.Hook("updates/scripts/POSTINSTALL_ecommerce@boutique-pro-ete.sh", "exit 1")
	before := s.Snapshot()
	s.Must(6, "upgrade", "--yes", "--only", "ecommerce", "--from", s.Releases)
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
	s.Must(0, "upgrade", "--yes", "--only", "ecommerce@ecommerce", "--from", s.Releases)
	s.Must(6, "upgrade", "--yes", "--only", "ecommerce@boutique-pro-ete", "--from", s.Releases)
	if a, b := s.Read("ecommerce/version.txt"), s.Read(b2b+"/version.txt"); a != "20.5\n" || b != "20.4\n" {
		t.Errorf("the shops are on %s and %s", a, b)
	}
}

// Registrations go wrong: a folder is gone, one stands there twice, under two
// names, or inside another.
func TestAltazionRegistration_S3_31(t *testing.T) {
	lab.Slow(t)
	s := shops(t)
	second := filepath.Join(s.Root, b2b)
	refused := func(t *testing.T, want string, args ...string) {
		t.Helper()
		r := s.Must(3, append([]string{"plan", "--from", s.Releases}, args...)...)
		wants(t, flat(r.Err), want)
	}
	config := s.Read(registration)
	again := func(node string) {
		s.Write(registration, config, 0o644)
		if node != "" {
			register(s, node)
		}
	}
	again(`<ecommerce path="` + second + `/" />`)
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `ecommerce is registered twice at `+regexp.QuoteMeta(second)+`: it is one instance`)
	again(`<ecommerce path="` + filepath.Join(s.Root, "alias") + `" />`)
	if err := os.Symlink(second, filepath.Join(s.Root, "alias")); err != nil {
		t.Fatal(err)
	}
	refused(t, `ecommerce@boutique-pro-ete and ecommerce@alias are one folder`)
	again(`<ecommerce path="` + second + `/inner" />`)
	s.Write(b2b+"/inner/version.txt", "20.4\n", 0o644)
	refused(t, `ecommerce@inner \(.*/inner\) lies inside ecommerce@boutique-pro-ete`)
	s.Must(0, "plan", "--from", s.Releases, "--only", "ecommerce@ecommerce") // which has nothing to do with it
	again(`<ecommerce path="` + second + `/bin" />`)
	refused(t, `the installed version of ecommerce@bin cannot be read`)
	again(`<ecommerce path="` + filepath.Join(s.Root, "gone") + `" />`)
	refused(t, `ecommerce@gone cannot be upgraded: its folder .*/gone is not there`)
	refused(t, `there is no ecommerce@nowhere to upgrade: the product has gestioncommerciale, ecommerce@ecommerce`, "--only", "ecommerce@nowhere")
	s.Must(0, "plan", "--from", s.Releases, "--only", "ecommerce@ecommerce")
	status := flat(s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--only", "ecommerce@ecommerce").Out)
	wants(t, status, `ecommerce@ecommerce is on 20\.5, verified`)
	again("")
	s.Write("ecommerce/version.txt", "20.4.1\n", 0o644) // by hand
	wants(t, flat(s.Must(0, "status").Out), `ecommerce@ecommerce 20\.4\.1 ! recorded: 20\.5 .*ecommerce@ecommerce: changed since, and not by Upkeep`)
	s.Replace(filepath.Join(s.Root, registration), `<gestioncommerciale path="`+filepath.Join(s.Root, "gestioncommerciale")+`" />`, "")
	wants(t, flat(s.Must(4, "check", "--from", s.Releases).Out), `gestioncommerciale is registered nowhere on this computer, and nothing of it is upgraded; service pool-office, which serves it, runs: register it`)
	again(`<ecommerce path="not/absolute" />`)
	wants(t, s.Must(1, "plan", "--from", s.Releases).Err, `no absolute path`)
	again("")
}

// A check of each instance is mended for each for which it fails, and for no
// other.
func TestChecksOfInstancesAreMended(t *testing.T) {
	lab.Slow(t)
	s := shops(t)
	source := s.Copy(s.Source("20.5"), "fixed")
	s.Replace(filepath.Join(source, "upkeep.yaml"), "routes:", `checks:
  - {id: robots, probe: {exists: "${this.path}/robots.txt"}, fix: [{run: [cp, /dev/null, "${this.path}/robots.txt"], as: "${param.account}", title: "for ${this.path}"}]}
routes:`)
	releases := filepath.Join(s.Dir, "fixed.tar.zst")
	s.Build(source, releases)
	r := s.Must(0, "check", "--fix", "--yes", "--from", releases)
	for _, place := range []string{"ecommerce", b2b} {
		wants(t, flat(r.Out), regexp.QuoteMeta(filepath.Join(s.Root, place, "robots.txt"))+` does not exist`)
		wants(t, flat(r.Out), `for `+regexp.QuoteMeta(filepath.Join(s.Root, place)))
		if !s.Exists(filepath.Join(place, "robots.txt")) {
			t.Errorf("%s was not mended:\n%v", place, r)
		}
	}
	if err := os.Remove(filepath.Join(s.Root, b2b, "robots.txt")); err != nil {
		t.Fatal(err)
	}
	out := flat(s.Must(0, "check", "--fix", "--yes", "--from", releases).Out)
	if strings.Contains(out, "for "+filepath.Join(s.Root, "ecommerce")) || !strings.Contains(out, "for "+filepath.Join(s.Root, b2b)) {
		t.Errorf("one of two fails:\n%s", out)
	}
}
