package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/lab/host"
)

// altazionDoctor boots a machine with the example and its releases in
// /srv/releases.
func altazionDoctor(t *testing.T) *host.Host {
	t.Helper()
	lab.Slow(t)
	h := host.New(t, host.Options{Name: "altazion"})
	bin := host.Upkeep(t)
	examples, err := sitetest.Examples()
	if err != nil {
		t.Fatal(err)
	}
	example, tmp := filepath.Join(examples, "altazion-doctor"), t.TempDir()
	h.Put(t, bin, "/usr/local/bin/upkeep")
	h.Put(t, filepath.Join(example, "site"), "/srv/altazion")
	for _, version := range []string{"20.4", "20.5"} {
		product, err1 := os.ReadFile(filepath.Join(example, "product.yaml"))
		release, err2 := os.ReadFile(filepath.Join(example, "releases", version, "release.yaml"))
		source, bundle := filepath.Join(tmp, version), "altazion-"+version+".tar.zst"
		if err := errors.Join(err1, err2, os.MkdirAll(source, 0o755),
			os.WriteFile(filepath.Join(source, "upkeep.yaml"), append(append(product, "---\n"...), release...), 0o644)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{"ecommerce", "integration"} {
			if err := os.CopyFS(filepath.Join(source, "components", c), os.DirFS(filepath.Join(example, "releases", version, c))); err != nil {
				t.Fatal(err)
			}
			if version == "20.4" {
				h.Put(t, filepath.Join(example, "releases", version, c), "/srv/altazion/"+c)
			}
		}
		if out, err := exec.Command(bin, "vendor", "build", source, "-o", filepath.Join(tmp, bundle)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		h.Put(t, filepath.Join(tmp, bundle), "/srv/releases/"+bundle)
	}
	h.Boot(t)
	h.Must(t, "sh", "-c", `useradd --system altazion && useradd --system updater && groupadd shop && usermod -aG shop altazion && usermod -aG shop updater &&
chown -R altazion:shop /srv/altazion && chmod -R g+w /srv/altazion/config && chmod 755 /srv/altazion /srv/altazion/bin/* &&
mv /srv/altazion/*.service /etc/systemd/system/ && systemctl daemon-reload &&
systemctl enable --now altazion-service-principal altazion-pool@shop altazion-pool@test altazion-integration`)
	h.Must(t, "sh", "-c", "ln -s /srv/altazion/published.xml /var/www/html/releases.xml && systemctl enable --now nginx")
	h.Must(t, "upkeep", "adopt", "--product", "/srv/releases/altazion-20.4.tar.zst", "--set", "patience=1s", "--set", "root=/srv/altazion", "--set", "account=altazion", "--set", "updater=updater")
	return h
}

// The remedies of Altazion's documentation, in its order, on a whole machine.
func TestAltazionDoctor(t *testing.T) {
	h := altazionDoctor(t)
	sh := func(t *testing.T, script string) string { t.Helper(); return h.Must(t, "sh", "-c", script) }
	doctor := func(t *testing.T, want int, answers string, args ...string) string {
		t.Helper()
		return doctorOf(t, h, want, answers, args...)
	}
	well := func(t *testing.T) { t.Helper(); isWell(t, h) }
	well(t)

	t.Run("S3_20_S3_21_S3_22_S3_24_standin", func(t *testing.T) {
		sh(t, "systemctl stop altazion-service-principal")
		wants(t, doctor(t, 3, ""), `✗ portal does not run .*→ systemctl start altazion-service-principal`)
		wants(t, doctor(t, 0, "", "--fix", "--yes"), `✓ gone: portal does not run`)
		sh(t, "systemctl is-active altazion-service-principal")
		well(t)
	})
	t.Run("S3_23_standin", func(t *testing.T) {
		sh(t, "systemctl disable altazion-service-principal")
		wants(t, doctor(t, 3, ""), `✗ the portal does not start with the computer service portal is disabled.*→ systemctl enable altazion-service-principal \(as root\)`)
		wants(t, doctor(t, 0, "y\\n", "--fix"), `gone: the portal does not start with the computer`)
		sh(t, "systemctl is-enabled altazion-service-principal")
	})
	t.Run("S3_25_standin", func(t *testing.T) {
		sh(t, "touch /srv/altazion/portal.broken; systemctl stop altazion-service-principal")
		out := doctor(t, 3, "", "--fix", "--yes")
		wants(t, out, `service portal does not start.*otherwise: support\.altazion\.com.*→ upkeep support-bundle`)
		sh(t, "rm /srv/altazion/portal.broken; systemctl reset-failed; systemctl start altazion-service-principal")
		well(t)
	})
	t.Run("S3_26_standin", func(t *testing.T) {
		sh(t, "rm /srv/altazion/portal.up")
		before := sh(t, "systemctl show -P InvocationID altazion-service-principal")
		wants(t, doctor(t, 0, "", "--fix", "--yes"), `✗ the portal is unreachable.*→ systemctl restart altazion-service-principal.*gone: the portal is unreachable`)
		if sh(t, "systemctl show -P InvocationID altazion-service-principal") == before {
			t.Error("it was not restarted")
		}
	})
	// it looks for versions once, after its start
	seen := func(t *testing.T) {
		t.Helper()
		sh(t, "rm -f /srv/altazion/updates/status.xml; systemctl restart altazion-service-principal; while ! test -s /srv/altazion/updates/status.xml; do sleep 0.1; done")
	}
	publish := func(t *testing.T, version, when string) {
		t.Helper()
		sh(t, `echo "<releases><release version=\"`+version+`\" date=\"$(`+when+`)\"/></releases>" >/srv/altazion/published.xml`)
	}
	t.Run("S3_27_S3_28_S3_29_standin", func(t *testing.T) {
		seen(t)
		well(t)
		for when, what := range map[string]string{"date -d tomorrow +%F": "tomorrow", "date -u -d '1 hour ago' +%FT%TZ": "an hour ago"} {
			publish(t, "20.5", when)
			if out := doctor(t, 0, ""); strings.Contains(out, "is not offered") {
				t.Errorf("published %s:\n%s", what, out)
			}
		}
		publish(t, "20.5", "date -u -d yesterday +%F")
		wants(t, doctor(t, 3, ""), `✗ a version that was published a day ago is not offered .*installed is 20\.4, detected 20\.4 \(at 20\d\d-\d\d-\d\dT[0-9:]+Z\), published 20\.5 \(on 20\d\d-\d\d-\d\dT00:00:00Z\) → systemctl restart altazion-service-principal .*→ wait 20 min`)
		sh(t, "echo '<updates><detected version=' >/srv/altazion/updates/status.xml")
		wants(t, doctor(t, 4, ""), `! could not find out whether this is so: a version that was published a day ago is not offered .*status\.xml: cannot read the text as XML`)
		seen(t)
		well(t)
	})
	t.Run("S3_30_standin", func(t *testing.T) {
		publish(t, "20.6", "date -d '2 days ago' +%F")
		sh(t, "echo 10 >/srv/altazion/pause") // longer than the doctor takes to look again
		out := doctor(t, 0, "", "--fix", "--yes")
		wants(t, out, `✗ a version that was published a day ago is not offered.*→ systemctl restart.*it is still there.*→ wait 20 min 00 s.*gone: a version`)
		wants(t, sh(t, "cat /srv/altazion/updates/status.xml"), `20\.6`)
	})
	t.Run("S3_31_S3_32_S3_33_S3_34_standin", func(t *testing.T) {
		sh(t, "echo ecommerce integration >/srv/altazion/applications; chown root:root /srv/altazion/config/applicationspath.config; chmod 644 /srv/altazion/config/applicationspath.config")
		out := doctor(t, 3, "", "--fix", "--yes")
		wants(t, out, `✗ the service's account cannot write .*→ The system administrator grants altazion and updater write access to /srv/altazion/config otherwise: support\.altazion\.com`)
		wants(t, out, `✗ the scripts' account cannot write`)
		wants(t, out, `✗ an application that runs on this server is not registered .*integration.*→ systemctl restart.*it is still there.*otherwise: support\.altazion\.com`)
		wants(t, out, `3 of 3 are still there`)
		sh(t, "chgrp shop /srv/altazion/config/applicationspath.config; chmod 664 /srv/altazion/config/applicationspath.config")
		wants(t, doctor(t, 0, "y\\n", "--fix"), `✗ an application .*Do this\? \[y/N\].*gone: an application`)
		well(t)
	})
	t.Run("S3_37", func(t *testing.T) {
		// the pools are busy in it, too: they are the product's own
		sh(t, "touch /srv/altazion/busy-shop")
		inUse(t, h)
		well(t)
		hold, err := h.Start("runuser", "-u", "updater", "--", "script", "-qec", "cd /srv/altazion/ecommerce && exec sleep 300 <version.txt", "/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer hold.Process.Kill()
		out := eventually(t, h, "sleep")
		wants(t, out, `✗ the folder of ecommerce is in use sleep \(\d+\) of updater at pts/\d+ works in /srv/altazion/ecommerce → close what is named`)
		if strings.Contains(out, "pool") {
			t.Errorf("a pool is named:\n%s", out)
		}
		wants(t, doctor(t, 3, "", "--fix", "--yes"), `✗ the folder of ecommerce is in use`)
		sh(t, "pgrep -x -u updater sleep") // nobody has ended it
		sh(t, "pkill -x -u updater sleep; rm /srv/altazion/busy-shop")
		well(t)
	})
	t.Run("S3_43_S3_44_S3_45_S3_46", func(t *testing.T) {
		sh(t, "echo closed >/srv/altazion/ecommerce/app_offline.html")
		wants(t, doctor(t, 0, "", "--fix", "--yes"), `✗ an access mode is on, though no run is open maintenance.*→ upkeep mode normal.*gone: an access mode`)
		sh(t, "test ! -e /srv/altazion/ecommerce/app_offline.html && test -e /srv/altazion/ecommerce/app_offline.bak")
		sh(t, "echo closed >/srv/altazion/ecommerce/app_offline.htm")
		doctor(t, 0, "", "--fix", "--yes")
		sh(t, "test ! -e /srv/altazion/ecommerce/app_offline.htm && test -e /srv/altazion/ecommerce/app_offline.bak")
	})
}

// doctorOf gives what the doctor says to some answers.
func doctorOf(t *testing.T, h *host.Host, want int, answers string, args ...string) string {
	t.Helper()
	out, code, err := h.Run("sh", "-c", "printf '"+answers+"' | upkeep doctor "+strings.Join(args, " "))
	if err != nil || code != want {
		t.Fatalf("doctor %v ended with %d, want %d: %v\n%s", args, code, want, err, out)
	}
	return flat(out)
}

// isWell waits until the doctor finds nothing.
func isWell(t *testing.T, h *host.Host) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		out, code, err := h.Run("upkeep", "doctor")
		if err == nil && code == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it is not well: %d, %v\n%s", code, err, out)
		}
	}
}

// inUse waits until the pool of the shop has a file of the shop open.
func inUse(t *testing.T, h *host.Host) {
	t.Helper()
	h.Must(t, "timeout", "20", "sh", "-c", "until ls -l /proc/$(systemctl show -P MainPID altazion-pool@shop)/fd | grep -q ecommerce; do sleep 0.1; done")
}

// eventually gives what the doctor says once it speaks of something.
func eventually(t *testing.T, h *host.Host, of string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, _, err := h.Run("upkeep", "doctor")
		if strings.Contains(out, of) || time.Now().After(end) || err != nil {
			return flat(out)
		}
	}
}
