package e2e

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab/host"
)

// An upgrade that does not go through, since files of the shop are in use: it is
// made again after a while, and then with the pools stopped that run.
func TestAltazionFilesInUse(t *testing.T) {
	h := altazionDoctor(t)
	sh := func(t *testing.T, script string) string { t.Helper(); return h.Must(t, "sh", "-c", script) }
	isWell(t, h)
	sh(t, "touch /srv/altazion/busy-shop; systemctl stop altazion-pool@test")
	inUse(t, h)
	if out, code, err := h.Run("upkeep", "upgrade", "--yes", "--from", "/srv/releases"); err != nil || code != 6 {
		t.Fatalf("%d, %v\n%s", code, err, out)
	}
	const symptom = `✗ the upgrade does not go through, since files of the shop are in use run \S+, from 20\.4 to 20\.5, failed at drain`
	const again = `upkeep upgrade --from /var/lib/upkeep/altazion-doctor/bundles/[0-9a-f]{64} --to 20\.5`
	// that pool-test does not run is said first, and answered no
	t.Run("S3_39_S3_40_shown_before", func(t *testing.T) {
		wants(t, doctorOf(t, h, 3, ""), symptom+`.*→ wait 1\.0 s → `+again+`.* → stop pool-shop; do what follows; start pool-shop again, whatever comes of it; what does not run stays so: pool-test .* · `+again)
		out := doctorOf(t, h, 3, "", "--fix", "--yes")
		if strings.Contains(out, "stopped: pool") {
			t.Errorf("a yes beforehand is no yes to the plan of an upgrade:\n%s", out)
		}
		pools(t, h, "shop", "test") // the yes was one to start what does not run
		sh(t, "systemctl stop altazion-pool@test")
	})
	t.Run("S3_38_S3_42_the_step_fails", func(t *testing.T) {
		done := sits(t, h)
		out := doctorOf(t, h, 3, `n\nn\ny\ny\ny\ny\ny\n`, "--fix")
		wants(t, out, symptom+`.*→ wait 1\.0 s .*waiting: 1\.0 s ! it is still there: .*→ `+again+`.*Do this\? .*Upgrade altazion-doctor from 20\.4 to 20\.5 by this plan .*failed at step drain.*! it is still there: `)
		wants(t, out, `→ stop pool-shop.*Do this\? .*stopped: pool-shop · `+again+`.*failed at step drain.*started again: pool-shop .*upgrade ended with exit code 6 ! it is still there`)
		pools(t, h, "shop")
		done()
	})
	t.Run("S3_42_killed", func(t *testing.T) {
		holding(t, h)
		wants(t, doctorOf(t, h, 3, ""), `✗ another doctor is at work, and has stopped pool-shop stopped at \S+ \S+ UTC for root, to mend: the upgrade does not go through`)
		wants(t, flat(sh(t, "upkeep status")), `the doctor \(process \d+\) has stopped for a while: pool-shop`)
		sh(t, "kill -KILL $(pgrep -f '^upkeep doctor')")
		pools(t, h)
		wants(t, flat(sh(t, "upkeep status")), `the doctor was interrupted and has left stopped: pool-shop; upkeep doctor --fix starts it again`)
		wants(t, doctorOf(t, h, 3, ""), `✗ the doctor was interrupted: pool-shop is still stopped .*→ systemctl start altazion-pool@shop .*✗ pool-test does not run`)
		wants(t, doctorOf(t, h, 3, `n\nn\nn\nn\ny\n`, "--fix"), `→ nothing of what would be stopped for this runs; what does not run stays so: pool-shop, pool-test .*the doctor was interrupted before, and pool-shop is still stopped: start that first`)
		wants(t, doctorOf(t, h, 3, `y\n`, "--fix"), `gone: the doctor was interrupted`)
		pools(t, h, "shop")
		sh(t, "test ! -e /var/lib/upkeep/altazion-doctor/doctor-stopped.json")
	})
	t.Run("S3_42_interrupted", func(t *testing.T) {
		holding(t, h)
		sh(t, "kill -INT $(pgrep -f '^upkeep doctor'); while pgrep -f '^upkeep doctor'; do sleep 0.1; done >/dev/null")
		wants(t, flat(sh(t, "cat /root/doctor.out")), `started again: pool-shop .*interrupted: nothing more was done`)
		pools(t, h, "shop")
	})
	t.Run("S3_42_interrupted_in_the_upgrade", func(t *testing.T) {
		done := sits(t, h)
		n := strings.Count(sh(t, "upkeep runs list"), "\n")
		holding(t, h, "y")
		for end := time.Now().Add(20 * time.Second); strings.Count(sh(t, "upkeep runs list"), "\n") == n; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(sh(t, "cat /root/doctor.out"))
			}
		}
		sh(t, "kill -INT $(pgrep -f '^upkeep doctor'); while pgrep -f '^upkeep doctor'; do sleep 0.1; done >/dev/null")
		wants(t, flat(sh(t, "cat /root/doctor.out")), `run \S+ is open: pool-shop stays stopped until it is over, and started then`)
		sh(t, "while upkeep status --format json | grep -q '\"open\"'; do sleep 0.2; done")
		sh(t, "timeout 20 sh -c 'until systemctl is-active altazion-pool@shop; do sleep 0.1; done'")
		wants(t, flat(sh(t, "upkeep runs log")), `started again, as the doctor had stopped it: pool-shop`)
		pools(t, h, "shop")
		done()
	})
	t.Run("S3_39_S3_40_S3_41_S3_42", func(t *testing.T) {
		sh(t, ": >/srv/altazion/pools.log; systemctl start altazion-pool@test")
		out := doctorOf(t, h, 0, `y\nn\ny\ny\n`, "--fix")
		wants(t, out, symptom+`.*→ stop pool-shop, pool-test; do what follows; start pool-shop, pool-test again, .*Do this\? .*stopped: pool-shop, pool-test · `+again+`.*altazion-doctor is on 20\.5, verified.*started again: pool-shop, pool-test ✓ gone: the upgrade does not go through`)
		// the pools of the shop, and not those of other applications, are held; the upgrade finds them stopped
		if got := strings.Fields(strings.ReplaceAll(sh(t, "cat /srv/altazion/pools.log"), " ", "_")); strings.Join(got, " ") != "start_test stop_test stop_shop stop_integration start_integration start_shop start_test" {
			t.Errorf("pools: %v", got)
		}
		pools(t, h, "shop", "test")
		wants(t, sh(t, "cat /srv/altazion/ecommerce/version.txt"), `20\.5`)
		sh(t, "rm /srv/altazion/busy-shop")
		isWell(t, h)
	})
}

// pools checks which pools run.
func pools(t *testing.T, h *host.Host, want ...string) {
	t.Helper()
	var got []string
	for _, pool := range []string{"shop", "test"} {
		if out, _, err := h.Run("systemctl", "is-active", "altazion-pool@"+pool); err == nil && strings.TrimSpace(out) == "active" {
			got = append(got, pool)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the pools %v run, want %v", got, want)
	}
}

// sits has somebody sit in the folder of the shop, who lets no upgrade through,
// until the result is called.
func sits(t *testing.T, h *host.Host) (leave func()) {
	t.Helper()
	cmd, err := h.Start("runuser", "-u", "updater", "--", "sh", "-c", "cd /srv/altazion/ecommerce && exec sleep 300")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, h, "sleep")
	return func() { h.Must(t, "pkill", "-x", "-u", "updater", "sleep"); _ = cmd.Wait() }
}

// holding has a doctor that has stopped the pool of the shop and asks whether to
// upgrade, or was given an answer.
func holding(t *testing.T, h *host.Host, answer ...string) {
	t.Helper()
	// with somebody in the folder, there is one question more before
	asked := "n\\n"
	if _, code, _ := h.Run("pgrep", "-x", "-u", "updater", "sleep"); code == 0 {
		asked += "n\\n"
	}
	text := asked + "n\\nn\\ny\\n" + strings.Join(answer, "") + "\\n"
	if len(answer) == 0 {
		text = strings.TrimSuffix(text, "\\n")
	}
	if _, err := h.Start("sh", "-c", "(printf '"+text+"'; sleep 120) | upkeep doctor --fix >/root/doctor.out 2>&1"); err != nil {
		t.Fatal(err)
	}
	h.Must(t, "timeout", "30", "sh", "-c", "while systemctl is-active altazion-pool@shop; do sleep 0.1; done; until grep -q 'Upgrade altazion-doctor from' /root/doctor.out; do sleep 0.1; done")
}
