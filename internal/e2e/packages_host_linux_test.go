package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"upkeep/internal/lab/host"
	"upkeep/internal/packages/packagestest"
)

// shopDocument is a product of two packages with a unit, a configuration file
// and a database.
const shopDocument = `
product: {id: shop, vendor: Example, versions: dotted}
components:
  shop: {kind: package, packages: [shop, shop-lib], version: {package: shop}, config: {edited: POLICY}, footprint: [/var/spool/shop]}
  data: {kind: sqlite, at: /var/lib/shop/shop.db, version: {sql: "SELECT max(version) FROM meta"}}
services: [{id: shop, ports: ["8088"]}]
feed: {command: [apt-cache, policy, shop], as: root, select: 'Candidate: .*?([\d.]+)', refresh: [apt-get, update]}
---
release: {product: shop, version: "VERSION"}
routes: [{from: ">= 1.0"}]
payloads: {shop: shop.tar.zst}
versions: {shop: "VERSION", data: "DATA"}
procedure:
  after-install: [{run: [/usr/bin/shop-migrate], as: root, undo: restore}]
`

// shopDeb is the product's main package; more is added to its postinst.
func shopDeb(version, more string) packagestest.Deb {
	return packagestest.Deb{Name: "shop", Version: version, Depends: "shop-lib (>= " + version + ")",
		Files: map[string]string{
			"/usr/share/shop/version":               version + "\n",
			"/usr/bin/shop":                         "#!/bin/sh\nexec sleep infinity\n",
			"/usr/bin/shop-migrate":                 "#!/bin/sh\nsqlite3 /var/lib/shop/shop.db \"CREATE TABLE IF NOT EXISTS meta (version INT); INSERT INTO meta VALUES (${1:-" + strings.ReplaceAll(version, ".", "") + "})\"\n",
			"/lib/systemd/system/shop.service":      "[Unit]\nDescription=Shop\n[Service]\nExecStart=/usr/bin/shop\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
			"/lib/systemd/system/shop-more.service": "[Service]\nExecStart=/usr/bin/shop\n[Install]\nWantedBy=multi-user.target\n",
		},
		Conffiles: map[string]string{"/etc/shop/shop.conf": "of " + version + "\n", "/etc/shop/same.conf": "same\n"},
		Scripts: map[string]string{"postinst": `set -e
mkdir -p /var/lib/shop /var/spool/shop
echo made by ` + version + ` >/var/lib/shop/made
echo ` + version + ` >/var/spool/shop/job
getent passwd shop` + strings.ReplaceAll(version, ".", "") + ` >/dev/null || useradd --system --no-create-home shop` + strings.ReplaceAll(version, ".", "") + `
` + more + `
deb-systemd-helper enable shop.service shop-more.service >/dev/null || true
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	deb-systemd-invoke restart shop.service || true
fi`}}
}

func shopLib(version string) packagestest.Deb {
	return packagestest.Deb{Name: "shop-lib", Version: version, Files: map[string]string{"/usr/lib/shop/lib-" + version: version, "/usr/lib/shop/common": "lib of " + version}}
}

// shopHost is a machine where the shop 1.0 is installed and runs, with the
// bundle of 1.1 beside it.
type shopHost struct{ *host.Host }

var shopInstalled = sync.OnceValues(func() (*host.Host, error) {
	dir, err := os.MkdirTemp("", "upkeep-shop-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h, err := host.Open(context.Background(), host.Options{Name: "shop"})
	if err != nil {
		return nil, err
	}
	for _, d := range []packagestest.Deb{shopLib("1.0"), shopDeb("1.0", "")} {
		deb, err := d.Make(dir)
		if err == nil {
			err = h.Copy(deb, "/srv/debs/"+filepath.Base(deb))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := h.Up(); err != nil {
		return nil, err
	}
	const script = "set -e; dpkg -i /srv/debs/*.deb; shop-migrate 10; systemctl start shop; rm -r /srv/debs; mkdir -p /etc/upkeep; sync"
	if out, code, err := h.Run("sh", "-c", script); err != nil || code != 0 {
		return nil, errors.Join(fmt.Errorf("cannot install the shop: code %d, %w\n%s", code, err, out), h.Close())
	}
	return h, h.Down()
})

// shopOptions say what the new release is like.
type shopOptions struct {
	postinst string // added to that of 1.1
	policy   string // for edited files; keep when empty
	limits   string // of the installation document
	version  string // of the release; 1.1 when empty
	sources  bool   // the packages lie in the folder /srv/repo of the machine, not in the bundle
}

func newShop(t *testing.T, o shopOptions) *shopHost {
	t.Helper()
	host.Need(t)
	base, err := shopInstalled()
	if err != nil {
		t.Fatal(err)
	}
	h := &shopHost{base.Clone(t, "shop")}
	src := t.TempDir()
	comp := filepath.Join(src, "components", "shop")
	if o.sources {
		comp = t.TempDir()
	}
	if o.version == "" {
		o.version = "1.1"
	}
	if err := os.MkdirAll(comp, 0o755); err != nil {
		t.Fatal(err)
	}
	shopDeb("1.1", o.postinst).Build(t, comp)
	shopLib("1.1").Build(t, comp)
	if o.policy == "" {
		o.policy = "keep"
	}
	doc := strings.NewReplacer("VERSION", o.version, "DATA", "11", "POLICY", o.policy).Replace(shopDocument)
	if o.sources {
		doc = strings.Replace(doc, "payloads: {shop: shop.tar.zst}\n", "", 1)
		h.Put(t, comp, "/srv/repo")
	}
	if err := os.WriteFile(filepath.Join(src, "upkeep.yaml"), []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "shop-1.1.tar.zst")
	if out, err := exec.Command(host.Upkeep(t), "vendor", "build", src, "-o", to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.Put(t, to, "/srv/releases/shop-1.1.tar.zst")
	h.Put(t, host.Upkeep(t), "/usr/local/bin/upkeep")
	h.Write(t, "/etc/upkeep/shop.yaml", "installation: {id: shop, product: shop}\n"+o.limits+"\n", 0o644)
	h.Boot(t)
	h.Must(t, "systemctl", "start", "shop")
	return h
}

// upkeep gives one command inside.
func (h *shopHost) upkeep(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := h.Cmd(append([]string{"/usr/local/bin/upkeep"}, args...)...)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

func (h *shopHost) upgrade(t *testing.T, want int) string {
	t.Helper()
	out, code := h.upkeep(t, "upgrade", "-y", "--from", "/srv/releases")
	if code != want {
		t.Fatalf("exit code %d, want %d\n%s\n%s", code, want, out, h.log(t))
	}
	return out
}

func (h *shopHost) log(t *testing.T) string {
	t.Helper()
	return h.Must(t, "sh", "-c", `l=$(ls -d /var/lib/upkeep/shop/runs/* 2>/dev/null | tail -n 1); [ -z "$l" ] || cat "$l/log"`)
}

// shopFingerprint describes everything on the machine that packages can
// change, without Upkeep's help. Left out are locks, copies of yesterday and
// logs.
const shopFingerprint = `cd /
find etc usr var/lib/dpkg var/lib/apt var/lib/systemd var/lib/shop var/spool/shop var/cache/debconf run/systemd/system -printf '%y %m %U:%G %p %l\n' 2>/dev/null
find etc usr/share/shop usr/lib/shop usr/bin usr/sbin var/lib/dpkg var/lib/apt var/lib/systemd var/spool/shop var/cache/debconf -type f -print0 2>/dev/null | xargs -0 -r sha256sum
dpkg-query -W -f 'package ${binary:Package} ${Version} ${db:Status-Status} ${Conffiles}\n'
for u in shop shop-more; do echo "unit $u" $(systemctl show -p LoadState,ActiveState,SubState,UnitFileState,DropInPaths $u); done
sqlite3 /var/lib/shop/shop.db .dump | sed 's/^/data /'`

func (h *shopHost) fingerprint(t *testing.T) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(h.Must(t, "sh", "-c", shopFingerprint)) {
		if slices.ContainsFunc([]string{"var/lib/dpkg/lock", "dpkg/triggers/Lock", "-old", "/etc/upkeep", " etc/upkeep", "etc/.pwd.lock", "etc/resolv.conf", "etc/mtab", "systemd/timers", "run/systemd/system/run-", "random-seed",
			"run/systemd/system/upkeep", "var/lib/systemd/catalog", "var/lib/apt/lists", "run/systemd/system\x20", "systemd/linger"}, func(s string) bool { return strings.Contains(line, s) }) {
			continue
		}
		out = append(out, strings.TrimSpace(line))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// same compares two fingerprints.
func sameShop(t *testing.T, before, after []string) {
	t.Helper()
	for _, l := range before {
		if _, ok := slices.BinarySearch(after, l); !ok {
			t.Errorf("- %s", l)
		}
	}
	for _, l := range after {
		if _, ok := slices.BinarySearch(before, l); !ok {
			t.Errorf("+ %s", l)
		}
	}
}
