package merge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/config"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// world is a tree with edited files, the next one staged beside it, and the
// payload that the files were edited from.
type world struct {
	dir     string
	payload []byte
	params  plan.MergeParams
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	base   = "port 80\nhost a\nsize 1\n"
	site   = "port 8080\nhost a\nsize 1\n"
	fresh  = "# new words\nport 80\nhost a\nsize 2\n"
	merged = "# new words\nport 8080\nhost a\nsize 2\n"
)

func (w *world) at() string      { return filepath.Join(w.dir, "app") }
func (w *world) staging() string { return filepath.Join(w.dir, ".app.upkeep", "r1-h1") }

func newWorld(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t)}
	steptest.Plant(t, w.at(), map[string]string{"etc/a.conf": site, "etc/keep.conf": "mine", "bin": "1"})
	steptest.Plant(t, w.staging(), map[string]string{"etc/a.conf": fresh, "etc/keep.conf": "theirs", "etc/keep.conf.upkeep-new": "taken", "bin": "2"})
	must(t, os.Chmod(filepath.Join(w.at(), "etc/a.conf"), 0o640))
	if os.Getuid() == 0 {
		must(t, os.Chown(filepath.Join(w.at(), "etc/a.conf"), 12, 34))
	}
	shipped := filepath.Join(t.TempDir(), "shipped")
	steptest.Plant(t, shipped, map[string]string{"etc/a.conf": base, "etc/keep.conf": "theirs", "bin": "1"})
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	must(t, err)
	tree, err := files.Scan(t.Context(), durable.OS(), shipped, files.Options{Hash: true})
	must(t, err)
	_, err = files.Pack(t.Context(), durable.OS(), z, shipped, tree, files.PackOptions{Portable: true})
	must(t, errors.Join(err, z.Close()))
	w.payload = b.Bytes()
	w.params = plan.MergeParams{Component: "app", Staging: w.dir + "/.app.upkeep/${run.id}-h1", From: w.at(), Base: &plan.MergeBase{Bundle: "d1", Payload: "app.tar.zst", Sums: "sums/app.sums"},
		Files: []plan.Merged{
			{Path: "etc/a.conf", How: "merge", Format: string(config.Keyword), Was: sum([]byte(site)), Base: sum([]byte(base)), New: sum([]byte(fresh)), Text: sum([]byte(merged))},
			{Path: "etc/keep.conf", How: "keep", Was: sum([]byte("mine")), New: sum([]byte("theirs")), Text: sum([]byte("mine"))},
		},
		Validate: []plan.Validator{{Path: "etc/a.conf", Run: plan.RunParams{Args: []string{"/bin/grep", "-q", "port 8080", "${file}"}, OutputMax: 1 << 16}}}}
	return w
}

func (w *world) Fingerprint() string { return steptest.Describe(w.dir) }

func (w *world) Payload(_ context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error) {
	if digest != "d1" || payload != "app.tar.zst" || sums != "sums/app.sums" {
		return nil, files.Tree{}, errors.New("no such payload")
	}
	return io.NopCloser(bytes.NewReader(w.payload)), files.Tree{}, nil
}

func (w *world) step() plan.Step {
	raw, err := json.Marshal(w.params)
	if err != nil {
		panic(err)
	}
	return plan.Step{ID: "h1.merge.app", Verb: "merge", Title: "put the site's settings into app", Params: raw, Deadline: time.Minute}
}

func (w *world) handler(t testing.TB, k *steptest.Killer) *Handler {
	fsys := durable.OS()
	if k != nil {
		fsys = k.FS()
	}
	return New(fsys, w, child.Runner{Commands: childtest.New(t, k), FS: fsys}, os.Getuid() == 0)
}

func (w *world) env(d step.Direction) step.Env {
	return step.Env{Run: "r1", OpID: "r1/x", Direction: d, Log: &strings.Builder{}}
}

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			return w.handler(t, k), w.step(), w
		},
		Mixed: map[string]func(*testing.T, *world){
			"one moved aside": func(t *testing.T, w *world) {
				must(t, os.Mkdir(w.staging()+".defaults", 0o700))
				must(t, os.Rename(w.staging()+"/etc/a.conf", w.staging()+".defaults/0"))
			},
			"half a text": func(t *testing.T, w *world) {
				must(t, os.Mkdir(w.staging()+".defaults", 0o700))
				must(t, os.Rename(w.staging()+"/etc/a.conf", w.staging()+".defaults/0"))
				must(t, os.WriteFile(w.staging()+"/etc/a.conf", []byte("port"), 0o600))
			},
		},
	})
}

func reads(t testing.TB, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s holds %q, %v; want %q", path, b, err, want)
	}
}

// The merged file is the site's: its owner, its mode and its attributes.
func TestTheFileIsTheSites(t *testing.T) {
	w := newWorld(t)
	h, watched := w.handler(t, nil), steptest.Watch()
	h.fs = watched.FS()
	const attribute = "trusted.upkeep"
	if os.Getuid() == 0 {
		must(t, durable.OS().SetXattr(w.at()+"/etc/a.conf", attribute, []byte("ours")))
		must(t, os.Chmod(w.at()+"/etc/a.conf", 0o640|os.ModeSetgid))
	}
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	reads(t, w.staging()+"/etc/a.conf", merged)
	reads(t, w.staging()+"/etc/keep.conf", "mine")
	reads(t, w.staging()+"/etc/keep.conf.upkeep-new", "taken")
	reads(t, w.staging()+"/etc/keep.conf.upkeep-new.1", "theirs")
	i, err := durable.OS().Lstat(w.staging() + "/etc/a.conf")
	if err != nil || i.Mode.Perm() != 0o640 || os.Getuid() == 0 && (i.UID != 12 || i.GID != 34) {
		t.Errorf("the merged file has mode %v and owner %d:%d, %v", i.Mode, i.UID, i.GID, err)
	}
	if os.Getuid() == 0 {
		if x, err := durable.OS().Xattrs(w.staging() + "/etc/a.conf"); err != nil || string(x[attribute]) != "ours" || i.Mode&os.ModeSetgid == 0 {
			t.Errorf("the merged file has the attributes %q and mode %v, %v", x, i.Mode, err)
		}
	}
	if dirty := watched.Dirty(); len(dirty) > 0 {
		t.Errorf("Do returned before these were durable: %q", dirty)
	}
}

// What is not as the plan was made of is refused before anything is written.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"edited since":    {func(w *world) { _ = os.WriteFile(w.at()+"/etc/a.conf", []byte("port 1\n"), 0o600) }, "was edited since the plan was made"},
		"removed since":   {func(w *world) { _ = os.Remove(w.at() + "/etc/a.conf") }, "was edited since the plan was made"},
		"another text":    {func(w *world) { w.params.Files[0].Text = sum([]byte("x")) }, "gives another text than in the plan"},
		"another base":    {func(w *world) { w.params.Files[0].Base = sum([]byte("x")) }, "was not shipped as the plan says"},
		"another release": {func(w *world) { _ = os.WriteFile(w.staging()+"/etc/a.conf", []byte("x"), 0o600) }, "not what the plan was made of"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.spoil(w)
			before := w.Fingerprint()
			h := w.handler(t, nil)
			m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
			if err == nil {
				err = h.Do(t.Context(), w.env(step.Forward), w.step(), m)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if w.Fingerprint() != before {
				t.Error("something was changed")
			}
		})
	}
}

// A validator that does not accept the file ends the step with what it says, and
// all is put back.
func TestAValidatorRefuses(t *testing.T) {
	w := newWorld(t)
	w.params.Validate[0].Run.Args = []string{"/bin/sh", "-c", "echo line 2 is wrong; exit 1", "${file}"}
	before := w.Fingerprint()
	h := w.handler(t, nil)
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	err = h.Do(t.Context(), w.env(step.Forward), w.step(), m)
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "does not accept etc/a.conf") || !strings.Contains(err.Error(), "line 2 is wrong") {
		t.Errorf("Do: %v", err)
	}
	if o, err := h.Observe(t.Context(), w.env(step.Forward), w.step(), m); err != nil || o.State != step.Mixed {
		t.Errorf("Observe: %v, %v; what was not validated is not done", o, err)
	}
	must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
	if w.Fingerprint() != before {
		t.Error("the staged tree is not as it was")
	}
}

// Somebody has removed the staged tree: what lay beside it goes too.
func TestTheStagedTreeIsGone(t *testing.T) {
	w := newWorld(t)
	h, watched := w.handler(t, nil), steptest.Watch()
	m, err := h.Prepare(t.Context(), w.env(step.Forward), w.step())
	must(t, err)
	must(t, h.Do(t.Context(), w.env(step.Forward), w.step(), m))
	must(t, os.RemoveAll(w.staging()))
	h.fs = watched.FS()
	must(t, h.Undo(t.Context(), w.env(step.Back), w.step(), m))
	if o, err := h.Observe(t.Context(), w.env(step.Back), w.step(), m); err != nil || o.State != step.Old {
		t.Errorf("Observe: %v, %v", o, err)
	}
	if dirty := watched.Dirty(); len(dirty) > 0 {
		t.Errorf("Undo returned before these were durable: %q", dirty)
	}
}
