package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// itms installs a version of the example with the last release to upgrade to.
func itms(t *testing.T, version string) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: version})
	s.Bundle("7.5 SP1")
	return s
}

// settings reads the example's settings.
func settings(s *sitetest.Site, names ...string) string {
	var out []string
	for _, n := range names {
		out = append(out, n+"="+strings.TrimSpace(s.Read("settings/"+n)))
	}
	return strings.Join(out, "; ")
}

const (
	held    = "replication=enabled; schedule=daily; uac=disabled; ngen=running; plug-ins=inventory on, patch off, software on"
	heldFor = "replication schedule uac ngen plug-ins"
)

// One upgrade with the checklist's settings held, put back and applied again.
// Files stand in for the registry and for the console's settings.
func TestItms_S4(t *testing.T) {
	s := itms(t, "7.5 HF6")
	start := s.Read("trace/trace.log")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	check := s.Must(0, "check", "--from", s.Releases).Out
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	trace := strings.TrimPrefix(s.Read("trace/trace.log"), start)
	t.Run("S4_1_a_checklist_with_the_state_of_every_item", func(t *testing.T) {
		wants(t, check, `✓ restart: .*✓ critical-tasks: .*✓ ready`)
	})
	t.Run("S4_8_S4_9_S4_10_S4_12_only_with_the_old_runtime_standin", func(t *testing.T) {
		wants(t, trace, `set uac enabled\n.*set ngen paused\n.*set ngen running\n.*set uac disabled\n`)
		s := itms(t, "7.5 HF6")
		s.Write("settings/dotnet", "528040\n", 0o644)
		other := s.Must(0, "plan", "--from", s.Releases).Out
		for _, without := range []string{"uac", "ngen", "Symantec Management Agent", "hold.sma"} {
			if strings.Contains(other, without) {
				t.Errorf("the plan for a new runtime has %s:\n%s", without, other)
			}
		}
	})
	t.Run("S4_13_an_agent_by_its_display_name_standin", func(t *testing.T) {
		wants(t, trace, `^stop sma\n.*set replication disabled\n.*stop ns\n.*start sma`)
		wants(t, s.Snapshot(), `service sma running`)
	})
	t.Run("S4_24_S4_25_recorded_and_applied_again_standin", func(t *testing.T) {
		wants(t, s.Log(), `setting task-server reads .*3 tasks.* after the upgrade and read .*7 tasks.* before: it is set again`)
		if got := settings(s, "task-server"); got != "task-server=7 tasks" {
			t.Error(got)
		}
	})
	t.Run("S4_26_replication_held_standin", func(t *testing.T) {
		wants(t, trace, `set replication disabled\n.*stop ns\n.*start ns\n.*set replication enabled\n`)
	})
	t.Run("S4_38_a_task_is_run_to_its_end", func(t *testing.T) {
		wants(t, trace, `run-task packagerefresh\n.*stop ns`)
		wants(t, s.Log(), `ended do run\.run-task`)
	})
	t.Run("S4_40_its_schedule_held_after_it_ran_standin", func(t *testing.T) {
		wants(t, trace, `run-task packagerefresh\nset schedule disabled\n.*set schedule daily\n`)
	})
	t.Run("S4_42_what_stops_is_in_the_plan", func(t *testing.T) {
		wants(t, plan, `Outage, about .*stop sma.*stop ns`)
	})
	t.Run("S4_45_exactly_those_that_were_on_standin", func(t *testing.T) {
		wants(t, trace, `set plug-ins all off\n.*set plug-ins inventory on, patch off, software on\n`)
		if got := settings(s, strings.Fields(heldFor)...); got != held {
			t.Errorf("settings: %s", got)
		}
	})
}

// After a failure every setting has the value that it had before, too.
func TestItmsFails_S4_26_S4_45_standin(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: "7.5 HF6", Edit: func(path, text string) string {
		if path == "releases/7.5 SP1/itms/bin/configure" {
			return "#!/bin/sh\nexit 1\n"
		}
		return text
	}})
	s.Bundle("7.5 SP1")
	before := s.Snapshot()
	s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Read("trace/trace.log"), `set plug-ins all off\n.*set plug-ins inventory on, patch off, software on\n.*set replication enabled\n`)
	if got := settings(s, strings.Fields(heldFor)...); got != held {
		t.Errorf("settings: %s", got)
	}
	if d := sitetest.Diff(settled(before), settled(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// settled leaves out what a task of the vendor wrote that nothing takes back.
func settled(snapshot string) string {
	var out []string
	for l := range strings.Lines(snapshot) {
		if !strings.Contains(l, "packagerefresh.result") {
			out = append(out, strings.TrimSuffix(l, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

// The versions that lead here, and the fix levels that have to be passed.
func TestItmsRoutes_S4(t *testing.T) {
	lab.Slow(t)
	t.Run("S4_2_not_from_everywhere", func(t *testing.T) {
		s := itms(t, "7.0")
		r := untouched(t, s, 1, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), `no supported way from 7\.0 to 7\.5 SP1: .* from 7\.1 SP2 MP1\.1 or 7\.5 HF6`)
	})
	t.Run("S4_3_a_required_stop", func(t *testing.T) {
		s := itms(t, "7.1")
		untouched(t, s, 1, "upgrade", "--yes", "--from", s.Releases)
		s.Bundle("7.1 SP2 MP1.1")
		r := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		wants(t, r.Out, `7\.1 → 7\.1 SP2 MP1\.1 → 7\.5 SP1`)
		wants(t, s.Must(0, "runs", "show").Out, `✓.* itms for 7\.1 SP2 MP1\.1.*✓.* itms for 7\.5 SP1`)
	})
	t.Run("S4_4_a_fix_level", func(t *testing.T) {
		s := itms(t, "7.5")
		s.Bundle("7.5 HF6")
		wants(t, s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out, `7\.5 → 7\.5 HF6 → 7\.5 SP1`)
	})
}

// Replication jobs that run are waited for; those that do not end are
// cancelled, and the plan says so.
func TestItmsDrain_S4(t *testing.T) {
	lab.Slow(t)
	t.Run("S4_30_S4_32_S4_33_waits_until_none_runs", func(t *testing.T) {
		s := itms(t, "7.5 HF6")
		s.Write("settings/replication-jobs", "2 running\n", 0o644)
		wait := s.Began("upgrade", "--yes", "--from", s.Releases)
		at(t, s, "drain")
		time.Sleep(300 * time.Millisecond)
		s.Remove("settings/replication-jobs")
		if r := wait(); r.Code != 0 {
			t.Fatalf("%v\n%s", r, s.Log())
		}
		if strings.Contains(s.Read("trace/trace.log"), "cancel-jobs") {
			t.Error("the jobs had ended, and were cancelled all the same")
		}
		wants(t, s.Log(), `ended do drain in [1-9][0-9]*.*begin do backup`)
	})
	t.Run("S4_34_or_cancels_them", func(t *testing.T) {
		s := itms(t, "7.5 HF6")
		s.Write("settings/replication-jobs", "2 running\n", 0o644)
		r := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		wants(t, s.Log(), `got 2 running, want none.*it is ended now.*ended do drain`)
		wants(t, s.Read("trace/trace.log"), `cancel-jobs\nrun-task`)
		wants(t, flat(r.Out[:strings.Index(r.Out, "If something fails")]), `wait until .*replication-jobs is none; what has not ended by then is ended: run .*/bin/cancel-jobs`)
	})
}

// A task with warnings stops the upgrade, and everything is as it was.
func TestItmsTask_S4_39(t *testing.T) {
	lab.Slow(t)
	s := itms(t, "7.5 HF6")
	s.Write("settings/packagerefresh.next", "2 warnings\n", 0o644)
	before := s.Snapshot()
	r := s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Out), `failed at step run\.run-task.*2 warnings.*clean`)
	if d := sitetest.Diff(settled(before), settled(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// Work that must not be disturbed stops the upgrade before it begins.
func TestItmsCritical_S4_41(t *testing.T) {
	s := itms(t, "7.5 HF6")
	s.Write("settings/critical-tasks", "patching\n", 0o644)
	wants(t, untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases).Err, `check critical-tasks`)
}

// Steps and checks say where the vendor says more.
func TestItmsReferences_S4(t *testing.T) {
	s := itms(t, "7.5 HF6")
	plan := flat(s.Must(0, "plan", "--from", s.Releases).Out)
	t.Run("S4_18_of_the_backup", func(t *testing.T) {
		wants(t, plan, `make the restore point of 7\.5 HF6 \(itms, solutions, settings\), read it back and compare \(see DOC5669, backing up the CMDB\)`)
	})
	t.Run("S4_29_of_the_hierarchy", func(t *testing.T) {
		wants(t, plan, `hold setting replication disabled until verify \(see HOWTO21657, hierarchy\)`)
	})
	t.Run("S4_43_of_running_tasks", func(t *testing.T) {
		s.Write("settings/critical-tasks", "patching\n", 0o644)
		wants(t, flat(s.Must(3, "check", "--from", s.Releases).Out), `✗ critical-tasks: .*see HOWTO83998, finding tasks that run`)
	})
}

// Both backups are optional: left out by somebody who says why.
func TestItmsOptionalBackup_S4_14(t *testing.T) {
	s := itms(t, "7.5 HF6")
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `make the restore point of 7\.5 HF6 \(itms, solutions, settings\)`)
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases, "--waive", "backup=copied by hand").Out), `no restore point is made \(.*copied by hand\)`)
}

// A step that needs more rights than whoever gives the command has is refused
// beforehand, with what to do.
func TestItmsRights_S4_11(t *testing.T) {
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: "7.5 HF6", Account: "nobody"})
	s.Bundle("7.5 SP1")
	s.Replace(s.Document, "updater: nobody", "updater: root")
	r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Err), `setting uac.*runs as root, but Upkeep runs as nobody.*start Upkeep as root`)
}

// What runs with more rights than the product's own is listed in one place,
// before the start.
func TestItmsElevation_S4_11(t *testing.T) {
	lab.Root(t)
	s := itms(t, "7.5 HF6")
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `Rights ! as root: hold\.uac, h1\.release\.uac as nobody: hold\.sma, .*what is not listed Upkeep does by itself, as root`)
}

// A pending restart stops the upgrade at the check and at the plan, and also
// when it comes up between the plan and the yes. A file stands in for what
// Windows says.
func TestItmsRestart_S4_standin(t *testing.T) {
	s := itms(t, "7.5 HF6")
	s.Write("settings/pending-restart", "x\n", 0o644)
	t.Run("S4_48_S4_49_S4_51_at_the_check_standin", func(t *testing.T) {
		r := untouched(t, s, 3, "check", "--from", s.Releases)
		wants(t, flat(r.Out), `✗ restart: .*Restart the computer first`)
		untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
	})
	t.Run("S4_50_at_the_start_standin", func(t *testing.T) {
		s.Remove("settings/pending-restart")
		before := s.Snapshot()
		out, code := answerLate(t, s, func() { s.Write("settings/pending-restart", "x\n", 0o644) }, "upgrade", "--set", "by_hand=false", "--from", s.Releases)
		wants(t, out, `failed at step check.*pending-restart`)
		if code != 6 {
			t.Errorf("exit code %d", code)
		}
		s.Remove("settings/pending-restart")
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("not as it was:\n%s", d)
		}
	})
}

// answerLate waits until a command asks its question, does something, and
// answers yes.
func answerLate(t *testing.T, s *sitetest.Site, before func(), args ...string) (string, int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := s.Command(ctx, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	cmd.Stdout, cmd.Stderr = pw, pw
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	var out bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(out.String(), "[y/N]") {
		n, err := pr.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			t.Fatalf("it did not ask: %v\n%s", err, out.String())
		}
	}
	before()
	if _, err := io.WriteString(in, "y\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(&out, pr)
	_ = cmd.Wait() // the code says how
	return out.String(), cmd.ProcessState.ExitCode()
}

// at waits until the run that was begun last has begun a step.
func at(t *testing.T, s *sitetest.Site, step string) {
	t.Helper()
	if err := s.Follow(0, patience, func(e manage.Event) bool { return e.Kind == manage.EventBegan && e.Step == step }); err != nil {
		t.Fatal(err)
	}
}

// asked waits until the run asks a person for the task of the step: that is a
// moment after it began.
func asked(t *testing.T, s *sitetest.Site, step string) {
	t.Helper()
	at(t, s, step)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		in, err := manage.Open(s.Document, s.Bin)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := in.Run(t.Context(), ""); err == nil && r.Task() != nil && r.Task().ID == step {
			return
		}
	}
	t.Fatalf("nobody is asked for the task of %s:\n%s", step, s.Log())
}

// The log of Upkeep itself can be read as the suite's own can: of a run, and of
// one that failed, with what its programs said.
func TestItmsOwnLog_S4_37(t *testing.T) {
	lab.Slow(t)
	s := itms(t, "7.5 HF6")
	s.Write("settings/packagerefresh.next", "2 warnings\n", 0o644)
	wants(t, flat(s.Must(6, "upgrade", "--yes", "--from", s.Releases).Out), `log upkeep runs log`)
	wants(t, s.Must(0, "runs", "log").Out, `begin do backup|begin do run\.run-task`)
	wants(t, s.Must(0, "runs", "log").Out, `run\.run-task.*2 warnings.*undo`)
	first := strings.Fields(s.Must(0, "runs").Out)[0]
	s.Write("settings/packagerefresh.next", "clean\n", 0o644)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Must(0, "runs", "log").Out, `ended do h1\.install\.itms`)
	wants(t, s.Must(0, "runs", "log", first).Out, `2 warnings`)
}

// The readiness check sees that servers of the hierarchy replicate, and nothing
// begins before they do not.
func TestItmsHierarchy_S4_27_S4_28(t *testing.T) {
	s := itms(t, "7.5 HF6")
	s.Must(0, "plan", "--from", s.Releases)
	s.Replace(s.Document, "params:\n", "params:\n  hierarchy: true\n")
	r := untouched(t, s, 3, "check", "--from", s.Releases)
	wants(t, flat(r.Out), `✗ hierarchy-replication: enabled .*see HOWTO21657`)
	wants(t, flat(untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases).Err), `check hierarchy-replication`)
	wants(t, s.Must(0, "check", "--fix", "--yes", "--from", s.Releases).Out, `✓ gone: hierarchy-replication(.|\n)*✓ hierarchy-replication`)
	if got := settings(s, "hierarchy-replication"); got != "hierarchy-replication=disabled" {
		t.Error(got)
	}
}

// Coming from 7.1 legacy agents are let in for longer than the run, until none
// is left: that lowers security, so it is registered, found when its end has
// come, and given back. A file with a number stands in for the agents.
func TestItmsLegacyAgents_S4_21_S4_22_standin(t *testing.T) {
	lab.Slow(t)
	s := itms(t, "7.1 SP2 MP1.1")
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `setting legacy-agents stays enabled after the run, until file .*/old-agents is 0\.`)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	if got := settings(s, "legacy-agents"); got != "legacy-agents=enabled" {
		t.Error(got)
	}
	wants(t, flat(s.Must(0, "status").Out), `setting legacy-agents is held at enabled, and was as shipped; since run`)
	wants(t, flat(s.Must(0, "holds").Out), `until file .*/old-agents is 0 .*it is 12`)
	s.Must(0, "doctor")
	s.Write("settings/old-agents", "0\n", 0o644)
	wants(t, flat(s.Must(3, "doctor").Out), `✗ setting legacy-agents is still held at enabled.*upkeep .*holds end setting\.legacy-agents`)
	s.Must(0, "holds", "end", "--due")
	if got := settings(s, "legacy-agents"); got != "legacy-agents=as shipped" {
		t.Error(got)
	}
	wants(t, s.Must(0, "holds").Out, `nothing is held`)
	// from 7.5 the setting stays as it was: nothing is held
	other := itms(t, "7.5 HF6")
	if plan := other.Must(0, "plan", "--from", other.Releases).Out; strings.Contains(plan, "stays enabled after the run") {
		t.Errorf("the plan from 7.5 HF6 holds it too:\n%s", plan)
	}
}

// An upgrade that fails leaves no hold behind.
func TestItmsLegacyAgentsFails_S4_22_standin(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: "7.1 SP2 MP1.1", Edit: func(path, text string) string {
		return strings.Replace(text, "  after-install:\n", "  verify:\n    - {verify: {exists: /nowhere/at/all}, within: 1s}\n  after-install:\n", 1)
	}})
	s.Bundle("7.5 SP1")
	before := s.Snapshot()
	s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Log(), `ended do h1\.hold\.legacy-agents.*ended undo h1\.hold\.legacy-agents`)
	wants(t, s.Must(0, "holds").Out, `nothing is held`)
	if d := sitetest.Diff(settled(before), settled(s.Snapshot())); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
}

// A service of the product can stay stopped for longer than the run, too:
// neither the run nor the doctor starts it.
func TestHeldService(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "itms", Version: "7.5 HF6", Edit: func(path, text string) string {
		return strings.Replace(text, "to: stopped, until: verify, when: {fact: old-dotnet}", "to: stopped, until: 30d", 1)
	}})
	s.Bundle("7.5 SP1")
	start := s.Read("trace/trace.log")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	trace := strings.TrimPrefix(s.Read("trace/trace.log"), start)
	if strings.Contains(trace, "start sma") || !strings.Contains(trace, "stop sma") {
		t.Errorf("the service was started, or not stopped:\n%s", trace)
	}
	wants(t, flat(s.Must(0, "doctor").Out), `✓ no hold is past its end.*✓ all services run`)
	wants(t, flat(s.Must(0, "status").Out), `service sma is held at stopped, and was running; since run [^ ]+, until 30 days after the run`)
	s.Must(0, "holds", "end", "service.sma")
	wants(t, s.Snapshot(), `service sma running`)
	s.Must(0, "doctor")
}
