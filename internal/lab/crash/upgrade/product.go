// Package upgrade is the crash harness of whole upgrades: the real plan of a
// small product is carried out by the real engine and the real verbs on a file
// system in memory that knows what was synced, crashed at every operation, in
// every way in which a disk can be left, and recovered; and crashed again in
// the recovery. Services, the gate and the product's programs are simulated.
// It may be imported by tests only.
package upgrade

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/manage"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

//go:embed ledger
var ledger embed.FS

// Product is the ledger's files on the real disk: what plans are made of.
type Product struct {
	Root     string // of the product
	Releases string
	State    string
	Document string
}

// versions are the releases.
var versions = []string{"1.0", "2.0", "3.0"}

// tree is what a version's component holds: text, "→" and where a symbolic link
// leads, "=" and the file of the same folder that it is a second name of.
func tree(component, version string) map[string]string {
	if component == "conf" {
		return map[string]string{"ledger.conf": "port = 1\nstyle = " + version + "\n", "lang.conf": "lang = en\nof = " + version + "\n"}
	}
	if component == "extra" {
		return map[string]string{"VERSION": version + "\n", "deep/part.txt": "extra of " + version + "\n"}
	}
	out := map[string]string{"lib/current": "→ sub/part.txt", "lib/same.txt": "= common.txt", "VERSION": version + "\n", "lib/common.txt": "the same in all\n", "lib/sub/part.txt": "part of " + version + "\n", "only-" + version + ".txt": version + "\n"}
	for _, p := range []string{"store", "web", "cron", "migrate", "index", "set", "guard", "note"} {
		out["bin/"+p] = p + " of " + version + "\n"
	}
	return out
}

// site is what the site has beside the product's own files.
func site() map[string]string {
	return map[string]string{
		"app/local/logo.txt": "our logo\n", "app/cache/a.idx": "index a\n", "app/lib/sub/part.txt": "part of 1.0, changed by the site\n",
		"conf/ledger.conf": "port = 2\nstyle = 1.0\n", "conf/site.conf": "ours\n",
		"data/SCHEMA": "1\n", "data/books.txt": "schema 1\nrow a\nrow b\n", "data/2024/january.txt": "closed\n", "data/offline.bak": "We are away.\n",
		"settings/mode": "fast\n", "settings/guard": "strict\n", "run/cron": "1\n", "run/web": "1\n", "run/store": "1\n",
		"hooks/before-install.sh": "#!/bin/sh\n", "hooks/after-install.sh": "#!/bin/sh\n",
	}
}

// Install writes the product in version 1.0, unless it is to come new, and
// bundles of all releases.
func Install(t testing.TB, dir string, fresh, gated, again bool) *Product {
	t.Helper()
	p := &Product{Root: filepath.Join(dir, "ledger"), Releases: filepath.Join(dir, "releases"), State: filepath.Join(dir, "state")}
	p.Document = filepath.Join(dir, "installation.yaml")
	account, _ := local.Account()
	write(t, p.Document, fmt.Sprintf("installation: {id: ledger, product: ledger, state: state}\nparams:\n  root: %s\n  account: %s\n  url: \"http://ledger.example/\"\nnotify: [%s/notify]\nbackup: {keep: 3}\n",
		p.Root, account, dir))
	if !fresh {
		for _, c := range []string{"app", "conf"} {
			writeAll(t, filepath.Join(p.Root, c), tree(c, "1.0"))
		}
		writeAll(t, p.Root, site())
	}
	must(t, os.Mkdir(p.Releases, 0o755))
	for _, v := range versions {
		p.build(t, dir, v, gated, again)
	}
	return p
}

// build makes the bundle of a release.
func (p *Product) build(t testing.TB, dir, version string, gated, again bool) {
	t.Helper()
	src := filepath.Join(dir, "sources", version)
	product, err := ledger.ReadFile("ledger/product.yaml")
	must(t, err)
	release, err := ledger.ReadFile("ledger/release-" + version + ".yaml")
	must(t, err)
	text := string(product) + "---\n" + string(release)
	if gated {
		text += "  maintenance: none\n"
	}
	if again {
		text = strings.Replace(text, `migrate", "`+version[:1]+`"]`, `migrate", "`+version[:1]+`"], retry-from: stop`, 1)
	}
	write(t, filepath.Join(src, "upkeep.yaml"), text)
	for _, c := range []string{"app", "conf", "extra"} {
		if c != "extra" || version != "1.0" {
			writeAll(t, filepath.Join(src, "components", c), tree(c, version))
		}
	}
	for _, v := range versions {
		if v >= version {
			break
		}
		write(t, filepath.Join(src, "from", v, "product.yaml"), string(product))
		for _, c := range []string{"app", "conf"} {
			var sums strings.Builder
			for name, text := range tree(c, v) {
				if strings.HasPrefix(text, "→") {
					continue // sums are of files
				}
				if first, ok := strings.CutPrefix(text, "= "); ok {
					text = tree(c, v)["lib/"+first]
				}
				fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(text)), name)
			}
			write(t, filepath.Join(src, "from", v, c+".sums"), sums.String())
		}
	}
	_, err = bundle.Build(context.Background(), durable.OS(), src, filepath.Join(p.Releases, version+".tar.zst"), bundle.BuildOptions{})
	must(t, err)
}

// Start prepares a run as an administrator's command does, opens it, and gives
// its plan and its id. No engine is started.
func (p *Product) Start(t testing.TB, s *Scenario) (*plan.Plan, string) {
	t.Helper()
	in, err := manage.Open(p.Document, "/bin/true")
	must(t, err)
	req := s.Req
	req.From = p.Releases
	var prep *manage.Prepared
	switch {
	case s.Fresh:
		first, err := manage.PrepareInstall(t.Context(), manage.NewInstallation{Name: p.Document, Exe: "/bin/true"}, req, func(*manage.Installation) error { return nil })
		must(t, err)
		prep = first.Prepared
	case s.Return:
		back, err := in.PrepareReturn(t.Context())
		must(t, err)
		prep = back.Prepared
	default:
		prep, err = in.Prepare(t.Context(), req)
		must(t, err)
	}
	defer prep.Close()
	id, err := in.Start(t.Context(), prep, "the harness")
	must(t, err)
	return prep.Plan, id
}

// carry makes the real disk, and the real journal, what the world is after a
// run: the next one can be prepared there.
func (p *Product) carry(t testing.TB, w *World, id string) {
	t.Helper()
	dir := filepath.Dir(p.Root)
	for _, name := range []string{p.Root, filepath.Join(p.State, "restore-points"), filepath.Join(p.State, "runs"), filepath.Join(p.State, "bundles"), filepath.Join(p.State, "services")} {
		must(t, os.RemoveAll(name))
	}
	for _, name := range names(w, dir) {
		i, err := w.Disk.Lstat(name)
		must(t, err)
		switch {
		case i.IsDir():
			must(t, os.MkdirAll(name, 0o700))
		case i.IsLink():
			to, err := w.Disk.Readlink(name)
			must(t, err)
			write(t, name, "→ "+to)
			continue
		case !strings.Contains(name, "journal"):
			text, err := w.Disk.ReadFile(name)
			must(t, err)
			must(t, os.WriteFile(name, text, 0o600))
		}
		must(t, os.Chmod(name, i.Mode.Perm()))
		if os.Getuid() == 0 {
			must(t, os.Lchown(name, int(i.UID), int(i.GID)))
		}
		must(t, os.Chtimes(name, i.MTime, i.MTime))
	}
	in, err := manage.Open(p.Document, "/bin/true")
	must(t, err)
	j, err := sqlite.Open(t.Context(), filepath.Join(in.State, "journal.db"), time.Now)
	must(t, err)
	defer j.Close()
	entries, err := w.Journal.Entries(t.Context(), id, 0)
	must(t, err)
	for _, e := range entries[1:] {
		after := e.Seq - 1
		if e.Kind == run.RunClosed {
			_, err = j.CloseRun(t.Context(), after, id, w.Journal.Closed[0])
		} else {
			_, err = j.Append(t.Context(), after, run.Entry{Run: id, Kind: e.Kind, Step: e.Step, Dir: e.Dir}, e.Body)
		}
		must(t, err)
	}
}

// writeAll writes files, those first to which links lead.
func writeAll(t testing.TB, root string, all map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		write(t, filepath.Join(root, name), all[name])
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	if to, ok := strings.CutPrefix(text, "→ "); ok {
		_ = os.Remove(path) // of an earlier time
		must(t, os.Symlink(to, path))
		return
	}
	if first, ok := strings.CutPrefix(text, "= "); ok {
		_ = os.Remove(path)
		must(t, os.Link(filepath.Join(filepath.Dir(path), first), path))
		return
	}
	mode := os.FileMode(0o644)
	if strings.Contains(path, "/bin/") || strings.HasSuffix(path, ".sh") {
		mode = 0o755
	}
	must(t, os.WriteFile(path, []byte(text), mode))
	must(t, os.Chmod(path, mode))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
