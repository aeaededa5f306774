package e2e

import (
	"encoding/json"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/notify"
	"upkeep/internal/notify/notifytest"
)

// mails are the subjects of what has come for somebody.
func mails(t *testing.T, m *notifytest.MailServer, to string) []string {
	t.Helper()
	var out []string
	for _, l := range m.Letters() {
		head, _, _ := strings.Cut(strings.ReplaceAll(l.Text, "\r\n", "\n"), "\n\n")
		for line := range strings.SplitSeq(strings.ReplaceAll(head, "\n ", " "), "\n") {
			if text, ok := strings.CutPrefix(line, "Subject: "); ok && slices.Contains(l.To, to) {
				text, err := new(mime.WordDecoder).DecodeHeader(text)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
		}
	}
	return out
}

// events are those that were posted, each with its signature checked.
func events(t *testing.T, h *notifytest.HookServer, secret string) []string {
	t.Helper()
	var out []string
	for _, p := range h.Posts() {
		if p.Header.Get(notify.SignatureHeader) != notify.Sign(secret, p.Header.Get(notify.TimeHeader), p.Body) {
			t.Errorf("a post with a bad signature: %s", p.Body)
		}
		var m notify.Message
		if err := json.Unmarshal(p.Body, &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m.Event)
	}
	return out
}

// within waits for something that comes by itself.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(d); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("after %s still not: %s", d, what)
		}
	}
}

// Altazion's shop is upgraded at a time that was agreed to, never outside of its
// windows, and those who use it are told before, when it begins, and when it is over.
func TestAltazionTimes_S3(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	s.Bundle("20.5")
	mail, hook := notifytest.Mail(t, "upkeep", "correct horse"), notifytest.Hook(t)
	for file, text := range map[string]string{"smtp": "correct horse\n", "hook": "shared\n"} {
		if err := os.WriteFile(filepath.Join(s.Dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(s.Document)
	if err != nil {
		t.Fatal(err)
	}
	var before string
	document := func(t *testing.T, text string) {
		t.Helper()
		text = string(raw) + text + fmt.Sprintf(`time-zone: UTC
notifications:
  - {id: shop-keepers, for: users, mail: {server: "%[1]s", from: upkeep@example.org, to: [shop@example.org], user: upkeep, password: {file: %[2]s/smtp}, ca: {file: %[3]s}}}
  - {id: anna, for: administrators, webhook: {url: "%[4]s", secret: {file: %[2]s/hook}, ca: {file: %[5]s}}}
`, mail.Addr, s.Dir, mail.CA, hook.URL, hook.CA)
		if err := os.WriteFile(s.Document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		before = s.Snapshot()
	}
	clock := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("15:04") }
	closed := fmt.Sprintf("windows: [{from: %q, to: %q}]\n", clock(2*time.Hour), clock(3*time.Hour))
	upgrade := []string{"upgrade", "--yes", "--from", s.Releases}
	at := func(d time.Duration) []string {
		return append(slices.Clone(upgrade), "--no-timer", "--at", time.Now().UTC().Add(d).Format("2006-01-02T15:04:05"))
	}
	still := func(t *testing.T) {
		t.Helper()
		if s.Snapshot() != before || len(s.Runs()) != 0 {
			t.Error("something has begun")
		}
	}

	t.Run("never_outside_of_a_window", func(t *testing.T) {
		document(t, closed)
		got := s.Must(3, upgrade...)
		wants(t, flat(got.Err), `the upgrade cannot begin now; nothing was changed .*upgrades begin `+clock(2 * time.Hour)[:2]+`.* \(UTC\) only .*the next window for it opens on \w+ \d+ \w+ 20\d\d .*--outside-window WHY; the windows stand in `)
		wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `To carry out exactly this plan`)
		wants(t, flat(s.Must(3, at(time.Hour)...).Err), `the upgrade cannot begin on .* UTC; nothing was changed`)
		wants(t, flat(s.Must(0, "status").Out), `Upgrades begin .*closed now .*the next window opens on .*, in 1 h`)
		still(t)
	})
	t.Run("nor_in_a_freeze", func(t *testing.T) {
		day := time.Now().UTC().Format(time.DateOnly)
		document(t, fmt.Sprintf("freezes: [{from: %q, to: %q, why: \"the sales\"}]\n", day, day))
		wants(t, flat(s.Must(3, upgrade...).Err), `nothing is upgraded in this time: the sales`)
		still(t)
	})
	t.Run("a_test_of_the_notifications", func(t *testing.T) {
		document(t, closed)
		wants(t, flat(s.Must(0, "notify", "test").Out), `✓ shop-keepers, mail to shop@example\.org: A test of the notifications of altazion ✓ anna, webhook at 127\.0\.0\.1:\d+: A test`)
		wants(t, flat(s.Must(0, "notify", "list").Out), `shop-keepers mail to shop@example\.org users planned, off, started, went-back, done; before an upgrade: 24 h`)
		s.Replace(filepath.Join(s.Dir, "smtp"), "correct horse", "hunter2")
		got := s.Must(1, "notify", "test", "shop-keepers")
		wants(t, flat(got.Out), `✗ shop-keepers.* SMTP AUTH failed.* \(tried once\)`)
		wants(t, flat(s.Must(0, "status").Out), `! shop-keepers \(mail to shop@example\.org\) could not be told .*notify test shop-keepers tries again`)
		s.Replace(filepath.Join(s.Dir, "smtp"), "hunter2", "correct horse")
		s.Must(0, "notify", "test", "shop-keepers")
		for _, secret := range []string{"hunter2", "correct horse", "shared"} {
			if text := got.Out + got.Err + s.Must(0, "notify", "list", "--format", "json").Out; strings.Contains(text, secret) {
				t.Errorf("a secret is in\n%s", text)
			}
		}
	})
	document(t, "")
	t.Run("another_plan_than_the_one_that_was_agreed_to", func(t *testing.T) {
		s.Must(0, at(4*time.Second)...)
		s.Hook("updates/scripts/PREINSTALL_phygital.sh", "exit 0")
		before = s.Snapshot()
		time.Sleep(4 * time.Second)
		wants(t, flat(s.Must(1, "schedule", "start").Err), `was not started: the plan is another one than the one that was agreed to: .*; nothing was changed; give the upgrade again`)
		wants(t, flat(s.Must(0, "status").Out), `! the upgrade scheduled for .* was not started .*upkeep .*upgrade --at WHEN`)
		wants(t, flat(s.Must(0, "schedule", "start").Out), `was not started: the plan is another one`)
		if got := mails(t, mail, "shop@example.org"); !strings.HasPrefix(got[len(got)-1], "altazion stays available: the work of ") {
			t.Errorf("the users were told %q", got)
		}
		still(t)
		s.Remove("updates/scripts/PREINSTALL_phygital.sh")
		document(t, "")
	})
	t.Run("cancelled", func(t *testing.T) {
		wants(t, flat(s.Must(0, at(time.Hour)...).Out), `▸ altazion begins by itself on \w+ \d+ \w+ 20\d\d \d\d:\d\d UTC, in (59 min|1 h) upgrade 20\.4 → 20\.5 .*told anna, shop-keepers .*schedule cancel`)
		wants(t, flat(s.Must(0, "schedule", "list").Out), `Upgrades begin at any time .*altazion begins by itself`)
		wants(t, flat(s.Must(0, "schedule", "start").Out), `the upgrade begins on`) // before its time
		wants(t, flat(s.Must(0, "schedule", "cancel").Out), `✓ the upgrade to 20\.5 of .* does not begin`)
		wants(t, flat(s.Must(0, "schedule", "start").Out), `no upgrade is scheduled`)
		wants(t, flat(s.Must(0, "schedule", "cancel").Out), `no upgrade was scheduled`)
		still(t)
	})
	t.Run("who_sleeps_is_told_that_it_waits_and_users_that_it_went_back", func(t *testing.T) {
		known, posted := len(mail.Letters()), len(hook.Posts())
		marker := filepath.Join(s.Marks, "asleep")
		s.Hook("updates/scripts/PREINSTALL_phygital.sh", "[ -e "+marker+" ] || { touch "+marker+"; sleep 60; }; exit 1")
		wait := s.Began(upgrade...)
		within(t, time.Minute, "the script runs", func() bool { _, err := os.Stat(marker); return err == nil })
		if !s.KillEngine() {
			t.Fatal("there was no engine")
		}
		if got := wait(); got.Code != 7 {
			t.Fatalf("exit code %d\n%s", got.Code, got.Out)
		}
		within(t, 20*time.Second, "it is told that it waits", func() bool { return slices.Contains(events(t, hook, "shared")[posted:], "waits") })
		posts := hook.Posts()
		var m notify.Message
		if err := json.Unmarshal(posts[len(posts)-1].Body, &m); err != nil {
			t.Fatal(err)
		}
		wants(t, m.Title, `^altazion WAITS FOR YOU: the upgrade to 20\.5 does not go on by itself$`)
		wants(t, flat(m.Text), `Nothing happens before somebody decides\. Installation: \S+ on .* Run: \S+ .*At step: h1\.hooks\.before-install\.phygitalapi .* Why: .+ What can be done, .* upkeep --installation \S+ status`)
		runs := s.Runs()
		s.Must(6, "decide", filepath.Base(runs[len(runs)-1]), "back")
		within(t, 20*time.Second, "its end is told", func() bool { return len(mail.Letters()) == known+2 && len(hook.Posts()) == posted+3 })
		if e := events(t, hook, "shared")[posted:]; !slices.Equal(e, []string{"started", "waits", "went-back"}) { // by three engines
			t.Errorf("the administrator was told %q", e)
		}
		if got := mails(t, mail, "shop@example.org")[known:]; got[1] != "altazion is available again, as it was" {
			t.Errorf("the users were told %q", got)
		}
		s.Remove("updates/scripts/PREINSTALL_phygital.sh")
	})
	t.Run("S3_13_users_are_told_how_long_which_services_are_away_before", func(t *testing.T) {
		known, posted := len(mail.Letters()), len(hook.Posts())
		s.Must(0, at(6*time.Second)...)
		got := mail.Letters()[known:]
		if len(got) != 1 {
			t.Fatalf("%d mails before it begins", len(got))
		}
		wants(t, flat(strings.ReplaceAll(got[0].Text, "=\r\n", "")), `altazion will be upgraded from 20\.4 to 20\.5\. Begins: .* UTC Expected end: .* UTC Not available for: about .* What is concerned: .*pool-shop`)
		time.Sleep(6 * time.Second)
		wants(t, flat(s.Must(0, "schedule", "start").Out), `✓ run \S+ has begun`)
		within(t, time.Minute, "all are told", func() bool { return len(mail.Letters()) == known+3 && len(hook.Posts()) == posted+3 })
		if subjects := mails(t, mail, "shop@example.org")[known:]; !strings.HasPrefix(subjects[0], "altazion will not be available on ") || subjects[1] != "altazion is being upgraded now" || subjects[2] != "altazion is available again, on 20.5" {
			t.Errorf("the users were told %q", subjects)
		}
		if e := events(t, hook, "shared")[posted:]; !slices.Equal(e, []string{"planned", "started", "done"}) {
			t.Errorf("the administrator was told %q", e)
		}
		wants(t, flat(s.Must(0, "runs", "list").Out), `20\.4 → 20\.5 .*on 20\.5 .*by \S+, scheduled`)
		wants(t, flat(s.Must(0, "schedule", "list").Out), `No upgrade is scheduled`)
	})
	t.Run("going_past_a_window_knowingly", func(t *testing.T) {
		s.Bundle("20.6")
		document(t, closed)
		s.Must(3, upgrade...)
		if got := s.Must(2, append(slices.Clone(upgrade), "--outside-window", " ")...); !strings.Contains(got.Err, "wants a reason") {
			t.Error(got.Err)
		}
		s.Must(0, append(slices.Clone(upgrade), "--outside-window", "the shop is closed today")...)
		runs := s.Runs()
		wants(t, flat(s.Must(0, "runs", "show", filepath.Base(runs[len(runs)-1])).Out), `begun whatever the windows say, by \S+: the shop is closed today`)
		s.Must(0, "back", "--yes") // at any time
	})
}

// On a whole machine systemd starts it at its time; when the computer was off then,
// nothing begins, and that is told.
func TestAltazionScheduled_S3(t *testing.T) {
	h := altazionDoctor(t)
	sh := func(t *testing.T, script string) string { t.Helper(); return flat(h.Must(t, "sh", "-c", script)) }
	const unit = "upkeep-start-altazion-doctor"
	at := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("2006-01-02T15:04:05Z07:00") }
	t.Run("cancelled", func(t *testing.T) {
		wants(t, sh(t, "upkeep upgrade --yes --from /srv/releases --at "+at(time.Hour)), `begins by itself on `)
		wants(t, sh(t, "systemctl list-timers --all"), unit+`\.timer`)
		wants(t, sh(t, "upkeep schedule cancel; ls /etc/systemd/system"), `does not begin`)
		if got := sh(t, "ls /etc/systemd/system /etc/systemd/system/timers.target.wants"); strings.Contains(got, unit) {
			t.Errorf("its units are left: %s", got)
		}
	})
	t.Run("the_computer_was_off", func(t *testing.T) {
		when := time.Now().Add(20 * time.Second)
		sh(t, "upkeep upgrade --yes --from /srv/releases --at "+at(20*time.Second))
		// late by minutes only it would begin: the record is made to be of an hour ago
		sh(t, `sed -i 's/^ "at": .*/ "at": "`+at(-time.Hour)+`",/' /var/lib/upkeep/altazion-doctor/scheduled.json`)
		h.Shutdown(t)
		time.Sleep(time.Until(when.Add(time.Second)))
		h.Boot(t)
		within(t, 30*time.Second, "it is noticed", func() bool { return strings.Contains(sh(t, "upkeep status"), "was not started") })
		wants(t, sh(t, "upkeep status"), `was not started it was to begin on .*, and that is (59|60|61) minutes ago: the computer was off, or its timer did not run`)
		wants(t, sh(t, "upkeep runs list"), `No upgrade was run`)
	})
	t.Run("S3_13_S3_15_by_itself_at_its_time", func(t *testing.T) {
		wants(t, sh(t, "upkeep upgrade --yes --from /srv/releases --at "+at(6*time.Second)), `begins by itself on `)
		within(t, 90*time.Second, "it is over", func() bool { return strings.Contains(sh(t, "upkeep runs list"), "on 20.5") })
		wants(t, sh(t, "upkeep runs list"), `20\.4 → 20\.5 .*on 20\.5 .*by root, scheduled`)
		within(t, 10*time.Second, "the units go", func() bool { return !strings.Contains(sh(t, "ls /etc/systemd/system"), unit) })
		wants(t, sh(t, "upkeep schedule list"), `No upgrade is scheduled`)
	})
}
