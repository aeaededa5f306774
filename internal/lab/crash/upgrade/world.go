package upgrade

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/journal/memory"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
	"upkeep/internal/run"
)

// services are in start order.
var services = []string{"store", "web", "cron"}

// World is everything that a crash leaves: the disk, the journal, and what
// runs. It is copied at a moment and carried on from there, as often as wanted.
type World struct {
	Disk    *crashfs.FS
	Journal *memory.Journal
	Running map[string]int // service to its invocation
	Starts  int            // invocations so far
	Gate    bool           // the kernel keeps users out
	Wrote   []row          // what users have written, and must find again
	Wrongs  []string       // promises that were broken on the way
	Boots   int            // power cuts so far
	Orphans []orphan       // programs of an engine that is dead, which go on
	Tried   bool           // a migration that fails once has
	p       *Product

	enabled  bool            // the services start with the computer
	known    map[string]bool // so do those that were started once
	from     string          // version before the run
	dies     string          // a service of a new version that ends before it is verified
	lives    string          // the only version in which that service runs; empty: any
	failing  bool            // a step may fail with half of it done, which need not be durable
	gateLies bool            // the gate says that it is up, whatever it is
}

// orphan is what a program of a dead engine has still to do.
type orphan struct {
	op   string
	does []change
	wait int // operations of others until it does the rest
}

// Clone copies the world.
func (w *World) Clone() *World {
	c := *w
	c.Disk, c.Journal = w.Disk.Clone(), w.Journal.Clone()
	c.Running, c.Wrote, c.Wrongs, c.Orphans = maps.Clone(w.Running), slices.Clone(w.Wrote), slices.Clone(w.Wrongs), slices.Clone(w.Orphans)
	return &c
}

// BootID implements reboot.Computer.
func (w *World) BootID() (string, error) { return fmt.Sprint("boot ", w.Boots), nil }

// Reboot implements reboot.Computer. The ledger has no step of it.
func (w *World) Reboot(context.Context) error { return errors.New("the ledger does not reboot") }

func (w *World) wrong(format string, a ...any) {
	if text := fmt.Sprintf(format, a...); len(w.Wrongs) < 20 && !slices.Contains(w.Wrongs, text) {
		w.Wrongs = append(w.Wrongs, text)
	}
}

// read gives a file of the product; empty where it is not there.
func (w *World) read(name string) string {
	b, err := w.Disk.ReadFile(filepath.Join(w.p.Root, name))
	if err != nil {
		return ""
	}
	return string(b)
}

// schemas are the data that each version works with.
var schemas = map[string]string{"": "", "1.0": "1", "2.0": "2", "3.0": "3"}

// mixed says what does not belong together in the product as it lies there;
// empty when all is of one version.
func (w *World) mixed() string {
	v := strings.TrimSpace(w.read("app/VERSION"))
	want, known := schemas[v]
	switch {
	case !known:
		return fmt.Sprintf("app/VERSION says %q", v)
	case strings.TrimSpace(w.read("data/SCHEMA")) != want:
		return fmt.Sprintf("app is %s and the schema of the data %q", v, w.read("data/SCHEMA"))
	case v == "":
		return ""
	case !strings.HasPrefix(w.read("data/books.txt"), "schema "+want+"\n"):
		return fmt.Sprintf("the data say %s and the books begin with %.12q", want, w.read("data/books.txt"))
	}
	for _, p := range []string{"store", "web", "cron", "migrate"} {
		if got := w.read("app/bin/" + p); got != p+" of "+v+"\n" {
			return fmt.Sprintf("app is %s and bin/%s is %q", v, p, got)
		}
	}
	if got := strings.TrimSpace(w.read("more/extra/tree/VERSION")); got != "" && got != v {
		return fmt.Sprintf("app is %s and what was added to it is %s", v, got)
	}
	if conf := w.read("conf/ledger.conf"); v != "1.0" && strings.Contains(w.read("conf/site.conf"), "ours") && !strings.Contains(conf, "port = 2") {
		return fmt.Sprintf("the site's port is not in conf, which is %q", conf)
	}
	if style := "style = " + v; !strings.Contains(w.read("conf/ledger.conf"), style) {
		return fmt.Sprintf("app is %s and conf is %q", v, w.read("conf/ledger.conf"))
	}
	return ""
}

// open says whether users can reach the product.
func (w *World) open() bool {
	if w.Gate || w.Running["web"] == 0 {
		return false
	}
	_, err := w.Disk.Lstat(filepath.Join(w.p.Root, "data/offline.htm"))
	return err != nil
}

// start is a service that begins to run: nothing half replaced ever may.
func (w *World) start(id string) {
	if w.Running[id] != 0 {
		return
	}
	if why := w.mixed(); why != "" {
		w.wrong("%s was started on a mixed product: %s", id, why)
	}
	if id == w.dies && w.lives != "" && strings.TrimSpace(w.read("app/VERSION")) != w.lives {
		return
	}
	w.Starts++
	w.known = maps.Clone(w.known)
	if w.known == nil {
		w.known = map[string]bool{}
	}
	w.known[id] = true
	w.Running[id] = w.Starts
}

// order is called before every operation of a run, and holds it against what
// the journal says by then: a memo before its Intent, the Intent before any
// effect, and every effect durable before the next entry.
func (w *World) order(op tap.Op) {
	last := w.Journal.Last()
	memo := op.Kind == "file" && strings.Contains(op.Path, "/memos")
	switch {
	case op.Kind == "journal":
		if dirty := w.Disk.Dirty(); len(dirty) > 0 && !w.failing {
			w.wrong("%s %s is committed before these are durable: %s", op.Name, op.Path, strings.Join(dirty, ", "))
		}
	case memo && last.Kind == run.Intent && strings.Contains(op.Path, "/"+last.Step+".json"):
		w.wrong("the memo of %s is written after its Intent", last.Step)
	case op.Name == "SyncTree": // changes nothing
	case !memo && last.Kind != run.Intent && last.Kind != run.RunClosed:
		w.wrong("an effect without an Intent: %s after %s %s %s", op, last.Kind, last.Dir, last.Step)
	}
	if w.dies != "" && w.lives == "" && op.Name == string(run.Intent) && op.Path == "do h1.start.cron" {
		delete(w.Running, w.dies)
	}
	for i := range w.Orphans {
		o := &w.Orphans[i]
		if o.wait--; o.wait != 0 {
			continue
		}
		for _, c := range o.does {
			if err := w.write(c); err != nil {
				w.wrong("a program that nobody has ended cannot write: %v", err)
			}
		}
	}
}

// write is a file that a program writes. Programs sync nothing.
func (w *World) write(c change) error {
	at, disk := filepath.Join(w.p.Root, c.at), w.Disk.Careless()
	if c.text == "-" {
		return disk.RemoveAll(at)
	}
	if err := disk.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return disk.Overwrite(at, []byte(c.text), 0o644)
}

// held says whether what outlives the run is held, and whether the register has
// it.
func (w *World) held() (held, registered bool) {
	_, err := w.Disk.Lstat(filepath.Join(w.p.State, "holds/setting.guard.json"))
	return w.read("settings/guard") == "lax\n", err == nil
}

// look is called after every operation: what users see must be whole, and what
// is held registered.
func (w *World) look(after string) {
	if held, registered := w.held(); held && !registered {
		w.wrong("after %s a hold outlives its run, and the register does not have it", after)
	}
	if !w.open() {
		return
	}
	if why := w.mixed(); why != "" {
		w.wrong("users were in, after %s, on a mixed product: %s", after, why)
	}
	if v := strings.TrimSpace(w.read("app/VERSION")); v != w.from && !w.Journal.Has(run.BarrierCrossed) {
		w.wrong("users were in on %s, after %s, before the barrier", v, after)
	}
}

// row is what a user has written, on data of a schema: later migrations change
// it.
type row struct{ text, schema string }

// userWrites is a user who writes a row, where users are in.
func (w *World) userWrites(text string) bool {
	if !w.open() {
		return false
	}
	at := filepath.Join(w.p.Root, "data/books.txt")
	if err := w.Disk.WriteFile(at, []byte(w.read("data/books.txt")+text+"\n"), 0o644); err != nil {
		w.wrong("a user cannot write: %v", err)
		return false
	}
	w.Wrote = append(w.Wrote, row{text, w.schema()})
	return true
}

// schema is that of the data.
func (w *World) schema() string { return strings.TrimSpace(w.read("data/SCHEMA")) }

// Keep is what of a disk survives.
type Keep struct {
	name string
	keep crashfs.Keep
	cut  bool // the power is cut: nothing runs any more, and the kernel's rules are gone
}

// crash is what is there after the end of the process, or of the computer.
// After a power cut the computer has started again: the gate is put up before
// anything else, then every service starts that nothing keeps from it.
func (w *World) crash(k Keep) *World {
	c := w.Clone()
	if !k.cut {
		return c
	}
	c.Disk = w.Disk.Crash(k.keep)
	c.Gate, c.Running, c.Orphans, c.Boots = false, map[string]int{}, nil, w.Boots+1
	return c
}
