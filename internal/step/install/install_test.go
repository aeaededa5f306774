package install

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

// world is a product's tree with another one staged beside it.
type world struct {
	dir    string
	params plan.InstallParams
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) at() string          { return filepath.Join(w.dir, "app") }
func (w *world) staging() string     { return filepath.Join(w.dir, ".app.upkeep", "r1-h1") }
func (w *world) Fingerprint() string { return steptest.Describe(w.dir) }

func (w *world) step() plan.Step {
	w.params.Component, w.params.At, w.params.Staging = "app", w.at(), w.dir+"/.app.upkeep/${run.id}-h1"
	raw, err := json.Marshal(w.params)
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "h1.install.app", Verb: "install", Params: raw}
}

func (w *world) env(d step.Direction) step.Env {
	return step.Env{Run: "r1", Direction: d, Log: &strings.Builder{}}
}

// plain is a tree without anything of the site's in it.
func plain(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t)}
	steptest.Plant(t, w.at(), map[string]string{"bin/app": "1.0", "lib/old": "x"})
	steptest.Plant(t, w.staging(), map[string]string{"bin/app": "2.0", "lib/new": "y"})
	return w
}

// lived is a tree that the site has made its own.
func lived(t testing.TB) *world {
	w := plain(t)
	steptest.Plant(t, w.at(), map[string]string{"uploads/2024/cat.jpg": "cat", "uploads/dog.jpg": "dog", "conf/site.ini": "mine", "themes/own/style.css": "own",
		"etc/hosts.conf": "edited", "etc/more.conf": "edited, too", "own/note.txt": "added", "own-link": "-> own/note.txt", "left.txt": "left behind"})
	steptest.Plant(t, w.staging(), map[string]string{"uploads/.keep": "", "conf/site.ini": "sample", "etc/hosts.conf": "new", "etc/more.conf": "new",
		"etc/more.conf.upkeep-old": "the vendor has a sense of humour"})
	must(t, os.Chmod(filepath.Join(w.at(), "own"), 0o750))
	if os.Getuid() == 0 {
		must(t, errors.Join(os.Chown(filepath.Join(w.at(), "own"), 12, 34), os.Lchown(filepath.Join(w.at(), "own-link"), 12, 34)))
	}
	w.params.Keep = []string{"uploads", "conf/*.ini", "themes/own", "missing"}
	w.params.Edited = map[string]string{"etc/hosts.conf": "keep-aside", "etc/more.conf": "keep-aside", "own/note.txt": "keep-aside", "own-link": "keep-aside",
		"left.txt": "discard", "uploads/dog.jpg": "keep-aside", "vanished": "keep-aside"}
	return w
}

// linked is a tree that is reached through a symbolic link.
func linked(t testing.TB) *world {
	w := lived(t)
	must(t, os.Mkdir(filepath.Join(w.dir, "releases"), 0o755))
	must(t, os.Rename(w.at(), filepath.Join(w.dir, "releases", "1.0")))
	must(t, os.Symlink("1.0", filepath.Join(w.dir, "releases", "latest")))
	must(t, os.Symlink("releases/latest", w.at()))
	return w
}

func fresh(t testing.TB) *world {
	w := plain(t)
	must(t, os.RemoveAll(w.at()))
	return w
}

// noExchange is a volume that cannot exchange.
type noExchange struct{ durable.FS }

func (noExchange) Exchange(a, b string) error {
	return fmt.Errorf("cannot exchange %s and %s: %w", a, b, durable.ErrExchangeUnsupported)
}

func TestContract(t *testing.T) {
	for name, c := range map[string]struct {
		world func(testing.TB) *world
		fs    func(durable.FS) durable.FS
		mixed map[string]func(*testing.T, *world)
	}{
		"plain": {world: plain},
		"lived": {world: lived, mixed: map[string]func(*testing.T, *world){
			"some carried": func(t *testing.T, w *world) {
				must(t, files.Mark(durable.OS(), w.staging()))
				must(t, os.Mkdir(w.staging()+".shipped", 0o700))
				must(t, os.Rename(w.staging()+"/conf/site.ini", w.staging()+".shipped/0"))
				must(t, os.Rename(w.at()+"/conf/site.ini", w.staging()+"/conf/site.ini"))
			},
			"half a copy": func(t *testing.T, w *world) {
				must(t, os.WriteFile(w.staging()+"/etc/hosts.conf.upkeep-old", []byte("edi"), 0o600))
			},
		}},
		"linked":         {world: linked},
		"fresh":          {world: fresh},
		"lived, renames": {world: lived, fs: func(f durable.FS) durable.FS { return noExchange{f} }},
		"plain, renames": {world: plain, fs: func(f durable.FS) durable.FS { return noExchange{f} }, mixed: map[string]func(*testing.T, *world){
			"old aside": func(t *testing.T, w *world) { must(t, os.Rename(w.at(), w.staging()+".aside")) },
			"staging vacant": func(t *testing.T, w *world) {
				must(t, os.Rename(w.at(), w.staging()+".aside"))
				must(t, os.Rename(w.staging(), w.at()))
			},
			"new aside": func(t *testing.T, w *world) {
				must(t, os.Rename(w.staging(), w.staging()+".aside"))
				must(t, os.Rename(w.at(), w.staging()))
			},
			"new aside, old back": func(t *testing.T, w *world) { must(t, os.Rename(w.staging(), w.staging()+".aside")) },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*world]{Mixed: c.mixed, Moments: 8,
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
					w, fsys := c.world(t), k.FS()
					if c.fs != nil {
						fsys = c.fs(fsys)
					}
					return New(fsys), w.step(), w
				}})
		})
	}
}

func (w *world) do(t testing.TB, h *Handler) step.Memo {
	t.Helper()
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	return m
}

func (w *world) observe(t testing.TB, h *Handler, m step.Memo, d step.Direction, want step.State) {
	t.Helper()
	o, err := h.Observe(t.Context(), w.env(d), w.step(), m)
	must(t, err)
	if o.State != want {
		t.Fatalf("Observe says %s (%s), want %s", o.State, o.Evidence, want)
	}
}

func reads(t testing.TB, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s holds %q, %v; want %q", path, b, err, want)
	}
}

func TestWhatIsTheSitesIsInTheNewTree(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *world{"exchanged": lived, "linked": linked} {
		t.Run(name, func(t *testing.T) {
			w := make(t)
			h := New(steptest.Watch().FS())
			w.do(t, h)
			for path, want := range map[string]string{"bin/app": "2.0", "uploads/2024/cat.jpg": "cat", "uploads/dog.jpg": "dog", "conf/site.ini": "mine", "themes/own/style.css": "own",
				"etc/hosts.conf": "new", "etc/hosts.conf.upkeep-old": "edited", "etc/more.conf.upkeep-old": "the vendor has a sense of humour", "etc/more.conf.upkeep-old.1": "edited, too",
				"own/note.txt": "added", "own-link": "added"} {
				reads(t, filepath.Join(w.at(), path), want)
			}
			for _, path := range []string{"left.txt", "lib/old", "vanished", ".upkeep-carried"} {
				if _, err := os.Lstat(filepath.Join(w.at(), path)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is in the new tree (%v)", path, err)
				}
			}
			if i, err := os.Stat(filepath.Join(w.at(), "own")); err != nil || i.Mode().Perm() != 0o750 {
				t.Errorf("own/ has mode %v, %v; want the site's 0750", i.Mode(), err)
			}
			for _, path := range []string{"own", "own-link"} {
				if i, err := durable.OS().Lstat(filepath.Join(w.at(), path)); err != nil || os.Getuid() == 0 && (i.UID != 12 || i.GID != 34) {
					t.Errorf("%s belongs to %d:%d, %v; want the site's account", path, i.UID, i.GID, err)
				}
			}
		})
	}
}

// The new version has worked with the kept files before it failed: it saved
// one by renaming, removed one, and added to a folder. All go back as they are.
func TestKeptFilesChangedMeanwhileGoBack(t *testing.T) {
	w := lived(t)
	w.params.Keep = append(w.params.Keep, "etc/own.key")
	steptest.Plant(t, w.at(), map[string]string{"etc/own.key": "key"})
	h := New(durable.OS())
	m := w.do(t, h)
	must(t, os.WriteFile(w.at()+"/conf/site.ini~", []byte("mine, migrated"), 0o600))
	must(t, os.Rename(w.at()+"/conf/site.ini~", w.at()+"/conf/site.ini"))
	must(t, os.WriteFile(w.at()+"/uploads/new.jpg", []byte("new"), 0o600))
	must(t, os.Remove(w.at()+"/etc/own.key"))
	for range 2 {
		must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
		w.observe(t, h, m, step.Back, step.Old)
		reads(t, w.at()+"/conf/site.ini", "mine, migrated")
		reads(t, w.at()+"/uploads/new.jpg", "new")
		reads(t, w.at()+"/uploads/dog.jpg", "dog")
		reads(t, w.staging()+"/conf/site.ini", "sample")
		reads(t, w.at()+"/bin/app", "1.0")
	}
}

// Whatever a person decides after an Undo that failed half way: a tree with
// the site's files in it is not thrown away.
func TestATreeWithKeptFilesCannotBeDiscarded(t *testing.T) {
	w := lived(t)
	m := w.do(t, New(durable.OS()))
	if err := New(stopsAfterExchange{durable.OS()}).Undo(t.Context(), w.env(step.Back), w.step(), m); err == nil {
		t.Fatal("the fault did not strike")
	}
	reads(t, w.at()+"/bin/app", "1.0")
	if err := files.Discard(durable.OS(), w.staging()); !errors.Is(err, files.ErrCarry) {
		t.Errorf("Discard of the staged tree with the site's files: %v, want ErrCarry", err)
	}
	reads(t, w.staging()+"/uploads/dog.jpg", "dog")
}

// stopsAfterExchange is a machine that cannot rename.
type stopsAfterExchange struct{ durable.FS }

func (stopsAfterExchange) Rename(string, string) error { return errors.New("input/output error") }

// renumbered is a volume whose device has another number, as after a reboot.
type renumbered struct{ durable.FS }

func (f renumbered) Lstat(path string) (durable.Info, error) {
	i, err := f.FS.Lstat(path)
	i.Dev += 7
	return i, err
}

func (f renumbered) Stat(path string) (durable.Info, error) {
	i, err := f.FS.Stat(path)
	i.Dev += 7
	return i, err
}

// A device may have another number after a reboot; its inodes stay. The crash
// point was a power cut right after the Intent of an install.
func TestDevicesAreNumberedAnew(t *testing.T) {
	for name, world := range map[string]func(testing.TB) *world{"plain": plain, "lived": lived, "linked": linked} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			m := w.do(t, New(durable.OS()))
			h := New(renumbered{durable.OS()})
			w.observe(t, h, m, step.Forward, step.New)
			must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
			w.observe(t, h, m, step.Back, step.Old)
			must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
			w.observe(t, h, m, step.Forward, step.New)
		})
	}
}

func TestForeign(t *testing.T) {
	for name, c := range map[string]struct {
		world func(testing.TB) *world
		harm  func(w *world) error
		dir   step.Direction
	}{
		"live tree moved away":     {plain, func(w *world) error { return os.Rename(w.at(), w.at()+"-away") }, step.Forward},
		"another tree is live":     {plain, func(w *world) error { return errors.Join(os.Rename(w.at(), w.at()+"-away"), os.Mkdir(w.at(), 0o755)) }, step.Back},
		"link bent":                {linked, func(w *world) error { return errors.Join(os.Remove(w.at()), os.Symlink("/nowhere", w.at())) }, step.Forward},
		"kept path lost":           {lived, func(w *world) error { return os.RemoveAll(w.at() + "/uploads") }, step.Forward},
		"old tree gone from aside": {lived, func(w *world) error { return os.RemoveAll(w.staging()) }, step.Forward},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.world(t)
			h := New(durable.OS())
			m := w.do(t, h)
			must(t, c.harm(w))
			before := w.Fingerprint()
			w.observe(t, h, m, c.dir, step.Foreign)
			if w.Fingerprint() != before {
				t.Error("Observe changed something")
			}
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(w *world) error
		want string
	}{
		"nothing staged": {func(w *world) error { return os.RemoveAll(w.staging()) }, "nothing is staged"},
		"a file staged": {func(w *world) error {
			return errors.Join(os.RemoveAll(w.staging()), os.WriteFile(w.staging(), nil, 0o600))
		}, "not a directory"},
		"live is a file":   {func(w *world) error { return errors.Join(os.RemoveAll(w.at()), os.WriteFile(w.at(), nil, 0o600)) }, "not a directory"},
		"link in a circle": {func(w *world) error { return errors.Join(os.RemoveAll(w.at()), os.Symlink("app", w.at())) }, "too many links"},
		"keep climbs":      {func(w *world) error { w.params.Keep = []string{"../etc"}; return nil }, "climbs"},
		"edited climbs": {func(w *world) error {
			w.params.Edited = map[string]string{"../../etc/passwd": "keep-aside"}
			return nil
		}, "climbs"},
		"no directory for the site's file": {func(w *world) error {
			w.params.Edited = map[string]string{"lib/new/mine": "keep-aside"}
			return errors.Join(os.Mkdir(w.at()+"/lib/new", 0o755), os.WriteFile(w.at()+"/lib/new/mine", nil, 0o644))
		}, "no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := plain(t)
			must(t, c.harm(w))
			_, err := New(durable.OS()).Prepare(t.Context(), w.env(step.Forward), w.step())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Prepare: %v, want an error with %q", err, c.want)
			}
		})
	}
}

// A copy that the first hop has kept aside is there after the second, too.
func TestCopiesGoOnThroughHops(t *testing.T) {
	w := lived(t)
	h := New(durable.OS())
	first := w.do(t, h)
	second := filepath.Join(w.dir, ".app.upkeep", "r1-h2")
	steptest.Plant(t, second, map[string]string{"bin/app": "3.0", "etc/hosts.conf": "newer", "own/note.txt": "the vendor's"})
	s := w.step()
	w.params.Edited = nil
	w.params.Staging = second
	raw, err := json.Marshal(w.params)
	must(t, err)
	s.ID, s.Hop, s.Params = "h2.install.app", 2, raw
	env := w.env(step.Forward)
	env.Recall = func(id string) (step.Memo, error) {
		if id != "h1.install.app" {
			return nil, nil
		}
		return first, nil
	}
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	must(t, h.Do(t.Context(), env, s, m))
	for path, want := range map[string]string{"bin/app": "3.0", "etc/hosts.conf": "newer", "etc/hosts.conf.upkeep-old": "edited",
		"own/note.txt": "the vendor's", "own/note.txt.upkeep-old": "added", "uploads/dog.jpg": "dog"} {
		reads(t, filepath.Join(w.at(), path), want)
	}
}

// The crash point was between the making of a folder and the giving to its owner.
func TestAFolderOfAnInterruptedTryGetsItsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a folder is given to another account")
	}
	w := lived(t)
	h := New(durable.OS())
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, os.Mkdir(w.staging()+"/own", 0o750))
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	if i, err := durable.OS().Lstat(w.at() + "/own"); err != nil || i.UID != 12 || i.GID != 34 {
		t.Errorf("own/ belongs to %d:%d, %v; want 12:34", i.UID, i.GID, err)
	}
}

// Many copies are made durable with the whole volume, before they come to light.
func TestManyCopiesAreDurable(t *testing.T) {
	w, all := plain(t), map[string]string{}
	w.params.Edited = map[string]string{}
	for n := range 40 {
		name := fmt.Sprintf("own/%d", n)
		all[name], w.params.Edited[name] = "mine", "keep-aside"
	}
	steptest.Plant(t, w.at(), all)
	watched := steptest.Watch()
	w.do(t, New(watched.FS()))
	if dirty := watched.Dirty(); len(dirty) > 0 {
		t.Errorf("Do returned before these were durable: %q", dirty)
	}
	for name := range all {
		reads(t, filepath.Join(w.at(), name), "mine")
	}
}

// A file that was merged into the new tree stays merged. What a hook has made of
// the old one since is kept beside it.
func TestMergedFilesThatWereEditedSince(t *testing.T) {
	w := plain(t)
	steptest.Plant(t, w.at(), map[string]string{"a.conf": "mine", "b.conf": "mine, and a hook's"})
	steptest.Plant(t, w.staging(), map[string]string{"a.conf": "merged a", "b.conf": "merged b"})
	mine := sha256.Sum256([]byte("mine"))
	w.params.Merged = map[string]string{"a.conf": hex.EncodeToString(mine[:]), "b.conf": hex.EncodeToString(mine[:])}
	h, before := New(durable.OS()), w.Fingerprint()
	m := w.do(t, h)
	reads(t, w.at()+"/a.conf", "merged a")
	reads(t, w.at()+"/b.conf", "merged b")
	reads(t, w.at()+"/b.conf.upkeep-old", "mine, and a hook's")
	if _, err := os.Lstat(w.at() + "/a.conf.upkeep-old"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a.conf, which nobody touched, lies beside the merged one: %v", err)
	}
	must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
	if w.Fingerprint() != before {
		t.Error("the tree is not as it was")
	}
}

// Names are bytes, and the memo keeps them.
func TestOddNamesAreKept(t *testing.T) {
	w := plain(t)
	odd := "uploads/not-utf8-\xff\n\\"
	steptest.Plant(t, w.at(), map[string]string{odd: "odd"})
	steptest.Plant(t, w.staging(), map[string]string{"uploads/x": "x"})
	w.params.Keep = []string{"uploads/not*"}
	h := New(durable.OS())
	before := w.Fingerprint()
	m := w.do(t, h)
	reads(t, filepath.Join(w.at(), odd), "odd")
	must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
	if w.Fingerprint() != before {
		t.Error("the tree is not as it was")
	}
}
