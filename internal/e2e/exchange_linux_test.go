package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// exchange installs the small exchange with a release to upgrade to.
func exchange(t *testing.T, edit func(path, text string) string) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "exchange", Version: "1.2.2", Edit: edit})
	s.Bundle("1.2.3")
	return s
}

// One upgrade by one command and one question.
func TestExchange(t *testing.T) {
	s := exchange(t, nil)
	was := s.Read("trace/services.log")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	before := s.Everything()
	no := s.Answer("n\n", "upgrade", "--from", s.Releases)
	changed := sitetest.Diff(before, s.Everything())
	r := s.Answer("y\n", "upgrade", "--from", s.Releases)
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	log, services := s.Log(), strings.TrimPrefix(s.Read("trace/services.log"), was)
	question := strings.Index(r.Out, "[y/N]")
	t.Run("a_declared_environment", func(t *testing.T) {
		var names []string
		for _, l := range lines(log, "| env ") {
			_, kv, _ := strings.Cut(l, "| env ")
			names = append(names, kv)
		}
		for _, want := range []string{"DEBIAN_FRONTEND=noninteractive", "LANG=C", "PATH=/bin:/usr/bin:/sbin:/usr/sbin"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s is not there: %v", want, names)
			}
		}
		for _, n := range names {
			if k, _, _ := strings.Cut(n, "="); slices.Contains([]string{"HOME", "TZ", "UPKEEP_E2E", "UPKEEP_INSTALLATION"}, k) {
				t.Errorf("it sees %s of whoever gave the command", n)
			}
		}
		wants(t, log, `\| no terminal\n.*\| and this went to the error output`)
		if n := len(s.Runs()); n != 1 {
			t.Errorf("%d runs", n)
		}
	})
	t.Run("services_use_the_new_library", func(t *testing.T) {
		if got := lines(services, "with library of 1.2.3"); len(got) != 4 {
			t.Errorf("%d of 4 services were started on the new library:\n%s", len(got), services)
		}
	})
	t.Run("migrations_in_order", func(t *testing.T) {
		if got := strings.Join(s.Query("data/exchange.db", "SELECT name FROM queues ORDER BY id"), " "); got != "reception sales support" {
			t.Errorf("queues: %s", got)
		}
		wants(t, plan, `migrate database for 1\.2\.3: 2 scripts`)
	})
	t.Run("current_and_new_version_before_the_question", func(t *testing.T) {
		wants(t, r.Out[:question], `exchange +1\.2\.2 → 1\.2\.3 `)
		wants(t, r.Out[:question], `database +2 → 3 `)
	})
	t.Run("one_question", func(t *testing.T) {
		if n := strings.Count(r.Out, "[y/N]"); n != 1 {
			t.Errorf("%d questions", n)
		}
		wants(t, r.Out, `✓ exchange is on 1\.2\.3, verified`)
	})
	t.Run("every_effect_beforehand", func(t *testing.T) {
		for _, want := range []string{`Outage, about`, `stop ctid`, `stop provd`, `start provd`, `start ctid`, `exchange exchange for 1\.2\.3`, `migrate database`,
			`run .*/set-language en`, `10-first`, `If something fails`} {
			wants(t, r.Out[:question], want)
		}
	})
	t.Run("up_to_date", func(t *testing.T) {
		still := s.Everything()
		wants(t, s.Must(0, "upgrade", "--from", s.Releases).Out, `exchange is up to date: 1\.2\.3`)
		if d := sitetest.Diff(still, s.Everything()); d != "" {
			t.Errorf("something was written:\n%s", d)
		}
	})
	t.Run("no", func(t *testing.T) {
		if no.Code != 5 || changed != "" {
			t.Errorf("exit code %d, want 5; changed:\n%s", no.Code, changed)
		}
	})
	t.Run("scripts_before_in_name_order", func(t *testing.T) {
		wants(t, s.Read("trace/hooks.log"), `^10-first 1\.2\.2\n20-second 1\.2\.2\n10-after`)
		flat := strings.Join(strings.Fields(plan), " ")
		wants(t, flat, `10-first~ is not run: `)
		wants(t, flat, `10-first\.dpkg-old is not run: `)
	})
	t.Run("it_is_upgraded", func(t *testing.T) {
		if v := strings.TrimSpace(s.Read("exchange/VERSION")); v != "1.2.3" {
			t.Errorf("VERSION is %s", v)
		}
	})
	t.Run("scripts_after", func(t *testing.T) {
		wants(t, s.Read("trace/hooks.log"), `20-second 1\.2\.2\n10-after 1\.2\.3\n$`)
		wants(t, strings.Join(strings.Fields(plan), " "), `20-notes is not run: it is not executable`)
	})
	t.Run("services_in_order", func(t *testing.T) {
		var got []string
		for _, l := range lines(services, "") {
			got = append(got, strings.Join(strings.Fields(l)[:2], " "))
		}
		want := []string{"stop ctid", "stop asterisk", "stop agid", "stop provd", "start provd", "start agid", "start asterisk", "start ctid"}
		if !slices.Equal(got, want) {
			t.Errorf("services: %v", got)
		}
		shown := s.Must(0, "runs", "show").Out
		for _, id := range []string{"provd", "agid", "asterisk", "ctid"} {
			wants(t, log, `OK +service `+id+`: service `+id+` is running`)
			wants(t, shown, `✓ [^\n]*start `+id)
		}
	})
	t.Run("the_vendor's_folder", func(t *testing.T) {
		wants(t, log, `vendor hook `+s.Root+`/pre-upgrade\.d/10-first`)
	})
}

// Unattended: yes beforehand, and nobody at the keyboard.
func TestExchangeUnattended(t *testing.T) {
	lab.Slow(t)
	s := exchange(t, nil)
	if r := s.Must(0, "upgrade", "--yes", "--from", s.Releases); strings.Contains(r.Out, "[y/N]") {
		t.Errorf("it asked:\n%s", r.Out)
	}
}

// The scripts after are not run when the installation failed, and the services
// run again.
func TestExchangeFails(t *testing.T) {
	lab.Slow(t)
	s := exchange(t, func(path, text string) string {
		if path == "releases/1.2.3/migrations/002-fill.sql" {
			return "INSERT INTO no_such_table VALUES (1);"
		}
		return text
	})
	before := s.Snapshot()
	s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	if got := lines(s.Read("trace/hooks.log"), "10-after"); len(got) > 0 {
		t.Errorf("the script after ran: %v", got)
	}
	if got := lines(s.Read("trace/hooks.log"), "10-first"); len(got) != 1 {
		t.Errorf("the script before ran %d times", len(got))
	}
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// Tasks of the vendor: once each, never against a later choice of the
// administrator; and only where they apply.
func TestExchangeOnce(t *testing.T) {
	s := exchange(t, nil)
	s.Bundle("1.2.4")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--to", "1.2.3")
	first, language := s.Read("trace/tasks.log"), s.Read("conf/exchange.ini")
	one := s.Read("conf/devices/one.cfg")
	s.Write("conf/exchange.ini", "language=de\n", 0o644) // the administrator's choice
	s.Write("conf/ha.conf", "peer=192.0.2.7\n", 0o644)
	second := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	tasks := s.Read("trace/tasks.log")
	t.Run("templates_once", func(t *testing.T) {
		wants(t, first, `^update-templates\n`)
		wants(t, one, `^model=1\ntemplate=2\n$`)
		if got := lines(tasks, "update-templates"); len(got) != 1 {
			t.Errorf("it ran %d times", len(got))
		}
		wants(t, second.Out, `device-templates was done once`)
	})
	t.Run("only_with_high_availability", func(t *testing.T) {
		if strings.Contains(first, "set-proxy") {
			t.Errorf("it ran without a second server: %s", first)
		}
		wants(t, tasks, `set-proxy 192\.0\.2\.7\n`)
		for _, d := range []string{"one", "two"} {
			wants(t, s.Read("conf/devices/"+d+".cfg"), `backup_proxy_ip=192\.0\.2\.7\n$`)
		}
	})
	t.Run("the_language_of_a_later_choice_stays", func(t *testing.T) {
		if language != "language=en\n" {
			t.Errorf("after the first upgrade: %s", language)
		}
		if got := s.Read("conf/exchange.ini"); got != "language=de\n" {
			t.Errorf("after the second upgrade: %s", got)
		}
	})
	t.Run("migrations_once", func(t *testing.T) {
		if got := strings.Join(s.Query("data/exchange.db", "SELECT name || calls FROM queues ORDER BY id"), " "); got != "reception0 sales0 support0" {
			t.Errorf("queues: %s", got)
		}
	})
}

// An installation that was never configured is refused before anything
// happens.
func TestExchangeConfigured(t *testing.T) {
	s := exchange(t, nil)
	s.Remove("conf/exchange.ini")
	before := s.Everything()
	r := s.Must(3, "upgrade", "--yes", "--from", s.Releases)
	wants(t, strings.Join(strings.Fields(r.Err), " "), `check configured.*Run the wizard first`)
	if d := sitetest.Diff(before, s.Everything()); d != "" {
		t.Errorf("something was written:\n%s", d)
	}
}

// The same plan leads to the same state: what differs between two computers
// beforehand is in the plan, and is gone afterwards.
func TestExchangeSameState(t *testing.T) {
	lab.Slow(t)
	trees := map[string]string{}
	for _, edited := range []bool{false, true} {
		s := exchange(t, nil)
		if edited {
			s.Write("exchange/lib/libexchange", "patched by hand\n", 0o644)
			s.Replace(s.Document, "params:", "edited: {lib/libexchange: discard}\nparams:")
			wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `exchange: lib/libexchange was edited at this site; it is left behind`)
		}
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		trees[fmt.Sprint(edited)] = strings.Join(lines(s.Snapshot(), "exchange/"), "\n")
	}
	strip := regexp.MustCompile(`(?m)^\.exchange\.upkeep.*$`)
	if a, b := strip.ReplaceAllString(trees["false"], ""), strip.ReplaceAllString(trees["true"], ""); strings.TrimSpace(a) == "" || strings.TrimSpace(a) != strings.TrimSpace(b) {
		t.Errorf("the trees differ:\n%s", sitetest.Diff(a, b))
	}
}
