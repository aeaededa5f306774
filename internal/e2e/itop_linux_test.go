package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// itop installs the example with a release to upgrade to.
func itop(t *testing.T) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "itop", Version: "3.1.0"})
	s.Bundle("3.2.0")
	return s
}

// flat is a text without its line ends: screens break lines anywhere.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// untouched gives a command that must end with the code and write nothing.
func untouched(t *testing.T, s *sitetest.Site, code int, args ...string) sitetest.Result {
	t.Helper()
	before := s.Everything()
	r := s.Must(code, args...)
	if d := sitetest.Diff(before, s.Everything()); d != "" {
		t.Errorf("%v\nsomething was written:\n%s", r, d)
	}
	return r
}

// users read and write as users do, until stop; seen says which pairs of
// answers they got to reading and writing, in the order of their first coming.
func users(s *sitetest.Site) (stop func() (seen []string)) {
	done := make(chan struct{})
	var seen []string
	var wg sync.WaitGroup
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := fmt.Sprintf("http://127.0.0.1:%d/notes", s.Port)
	status := func(resp *http.Response, err error) string {
		if err != nil {
			return "none"
		}
		resp.Body.Close()
		return resp.Status[:3]
	}
	wg.Go(func() {
		known := map[string]bool{}
		for {
			pair := "read " + status(client.Get(url)) + ", write " + status(client.Post(url, "application/json", nil))
			if !known[pair] {
				known[pair] = true
				seen = append(seen, pair)
			}
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return func() []string { close(done); wg.Wait(); return seen }
}

// One upgrade of iTop, with the access modes of its documentation.
func TestItop_S0(t *testing.T) {
	s := itop(t)
	// long enough for a user to see
	s.Hook("hooks/PREBACKUP.sh", "sleep 0.3")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	stop := users(s)
	r := s.Answer("\ny\n", "upgrade", "--from", s.Releases)
	seen := stop()
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	log, compiled := s.Log(), s.Read("trace/compile.log")
	question := r.Out[:strings.Index(r.Out, "[y/N]")]
	t.Run("S0_9_a_backup_by_default_before_files_and_schema", func(t *testing.T) {
		wants(t, plan, `make the restore\s+point of 3\.1\.0 \(app,\s+conf,\s+modules,\s+database\).*exchange app.*migrate database`)
		wants(t, log, `ended do backup.*begin do h1\.install\.app.*begin do h1\.migrate\.database`)
	})
	t.Run("S0_25_a_summary", func(t *testing.T) {
		for _, want := range []string{`app +3\.1\.0 → 3\.2\.0`, `database +1 → 2`, `While users work`, `Outage, about`, `run .*/bin/compile`, `If something fails`} {
			wants(t, question, want)
		}
	})
	t.Run("S0_27_the_start_of_exactly_that_plan", func(t *testing.T) {
		id := strings.Fields(plan[strings.Index(plan, "plan ")+5:])[0]
		wants(t, r.Out, `by this plan \(`+id+`\)\? \[y/N\]`)
		if i, j := strings.Index(r.Out, "[y/N]"), strings.Index(r.Out, "unpack app"); i < 0 || strings.Index(r.Out[i:], "unpack app 3.2.0 beside the one in use ") < 0 || j > i {
			t.Errorf("something ran before the yes:\n%s", r.Out)
		}
	})
	t.Run("S0_30_a_page_at_the_end", func(t *testing.T) {
		end := r.Out[strings.LastIndex(r.Out, "✓ itop is on 3.2.0, verified"):]
		wants(t, end, `run .*3\.1\.0 → 3\.2\.0.*time +[0-9].*outage .*next +upkeep status`)
	})
	t.Run("S0_31_read_only_first_by_its_marker", func(t *testing.T) {
		wants(t, log, `begin do read-only.*there is `+s.Root+`/data/\.readonly, and a write is refused.*begin do backup`)
		wants(t, compiled, `compile\n.*\.readonly: `)
		if s.Exists("data/.readonly") {
			t.Error("the marker is still there")
		}
	})
	t.Run("S0_32_reading_stays_possible", func(t *testing.T) {
		if got := strings.Join(seen, "; "); !strings.HasPrefix(got, "read 200, write 400; read 200, write 403;") {
			t.Errorf("users saw: %s", got)
		}
	})
	t.Run("S0_33_maintenance_for_a_span_then_back", func(t *testing.T) {
		wants(t, log, `begin do read-only.*begin do h1\.maintenance.*begin do h1\.install\.app.*begin do h1\.run\.compile.*begin do h1\.leave.*begin do h1\.migrate\.database.*begin do reopen\.read-only`)
		wants(t, compiled, `\.readonly: .*\.maintenance: `)
		if s.Exists("data/.maintenance") {
			t.Error("the marker is still there")
		}
	})
	t.Run("S0_34_with_its_reason", func(t *testing.T) {
		wants(t, compiled, `\.maintenance: The data model is being compiled\.`)
	})
}

// The configuration file must not be read-only; the check is made as the
// account that will write it, says what to do, and can be made again.
func TestItopConfiguration_S0_1(t *testing.T) {
	s := itop(t)
	config := filepath.Join(s.Root, "conf/config-itop.php")
	if err := os.Chmod(config, 0o440); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "--from", s.Releases}, {"upgrade", "--yes", "--from", s.Releases}} {
		r := untouched(t, s, 3, args...)
		wants(t, flat(r.Out+r.Err), `config-writable: .*`+config+`.*cannot be written by `+s.Service().Name+`.*Take the write protection`)
	}
	if err := os.Chmod(config, 0o640); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Must(0, "check", "--from", s.Releases).Out, `✓ config-writable`)
}

// The versions of database and runtime are checked before anything else.
func TestItopPrerequisites_S0_4(t *testing.T) {
	s := itop(t)
	wants(t, s.Must(0, "check", "--from", s.Releases).Out, `✓ php: .*8\.2\.7.*✓ mysql: .*3\.`)
	s.Replace(filepath.Join(s.Root, "bin/php"), "PHP 8.2.7", "PHP 7.4.33")
	r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Err), `check php: 7\.4\.33 \(.*\), wanted is >= 8\.1`)
	if strings.Contains(r.Err, "mysql") {
		t.Errorf("the database is as it should be:\n%s", r.Err)
	}
}

// A release may be stricter than the one that is installed. Then the check says
// that its rule is new; not where the installed one is not content either, and not
// where nothing of it is known.
func TestItopStricter_S0_6(t *testing.T) {
	s := itop(t)
	php := func(version string) sitetest.Result {
		t.Helper()
		s.Write("bin/php", "#!/bin/sh\ncase $1 in -v) echo 'PHP "+version+" (cli)';; -m) printf 'ldap\\n';; esac\n", 0o755)
		return untouched(t, s, 3, "check", "--from", s.Releases)
	}
	if r := php("7.4.33"); strings.Contains(r.Out, "new in") {
		t.Errorf("what 3.1.0 wants is not known:\n%s", r.Out)
	}
	s.Bundle("3.1.0")
	wants(t, flat(php("7.4.33").Out), `✗ php: 7\.4\.33 .*wanted is >= 8\.1; this is new in 3\.2\.0`)
	wants(t, flat(untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases).Err), `check php: .*>= 8\.1; this is new in 3\.2\.0`)
	if r := php("7.3.1"); strings.Contains(r.Out, "new in") {
		t.Errorf("3.1.0 wants more, too:\n%s", r.Out)
	}
	s.Replace(filepath.Join(s.Root, "bin/php"), "PHP 7.3.1", "PHP 8.2.7")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--to", "3.2.0")
}

// An optional extension that is missing is a warning with what is lost, and
// never stops the upgrade.
func TestItopOptional_S0_5(t *testing.T) {
	lab.Slow(t)
	s := itop(t)
	s.Replace(filepath.Join(s.Root, "bin/php"), `ldap\n`, "")
	r := untouched(t, s, 4, "check", "--from", s.Releases)
	wants(t, flat(r.Out), `! php-ldap.*LDAP login is disabled`)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
}

// The backup can be left out by somebody who says why; who it was is recorded.
func TestItopNoBackup_S0_9(t *testing.T) {
	lab.Slow(t)
	s := itop(t)
	r := s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--waive", "backup=the disk is copied every hour")
	wants(t, flat(r.Out), `no restore point is made \(.*: the disk is copied every hour\): a failed migration cannot be put back`)
	wants(t, s.Must(0, "runs", "show", "--format", "json").Out, `"waivers": \{\s+"backup": "[a-z]+: the disk is copied every hour"`)
	if points := s.Must(0, "backup", "list").Out; !strings.Contains(points, "no restore point") {
		t.Errorf("restore points: %s", points)
	}
}

// What the next release will ask for is a warning today.
func TestItopAnnounced_S0_7(t *testing.T) {
	s := itop(t)
	s.Replace(filepath.Join(s.Root, "bin/php"), "PHP 8.2.7", "PHP 8.1.2")
	r := untouched(t, s, 4, "check", "--from", s.Releases)
	wants(t, flat(r.Out), `! php-announced: 8\.1\.2 .*wanted is >= 8\.2.*a release after 3\.2\.0 will refuse it`)
	wants(t, r.Out, `✓ php: `)
}

// Features, in the words of a person: see the scripts.
func TestFeatures_S0_11_S0_12_S0_13_S0_14_S0_16_S0_18_S0_19_S0_20_S0_21_S0_22_S0_23_S0_24_S0_29(t *testing.T) {
	lab.Slow(t)
	scripts(t, "", "testdata/features/features.txtar")
}

// Features that bring trees: see the script.
func TestAddedTrees_S0_11_S0_13_S0_22_S0_23_S0_24(t *testing.T) {
	lab.Slow(t)
	scripts(t, "", "testdata/features/added.txtar")
	scripts(t, "", "testdata/features/mandatory.txtar")
}

func TestNoTickets_S0_15_S0_17(t *testing.T) {
	lab.Slow(t)
	scripts(t, "", "testdata/features/none.txtar")
}

func TestAnswersFile(t *testing.T) {
	lab.Slow(t)
	scripts(t, "", "testdata/features/answers.txtar")
}

func TestParametersAreTried_S0_8(t *testing.T) {
	lab.Slow(t)
	scripts(t, "", "testdata/features/tried.txtar")
}
