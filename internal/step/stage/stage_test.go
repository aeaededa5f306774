package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/steptest"
)

// world is a product's tree and a bundle with its next version.
type world struct {
	dir     string
	payload []byte
	sums    files.Tree
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	w := &world{dir: steptest.Dir(t)}
	steptest.Plant(t, w.at(), map[string]string{"bin/app": "version 1.0"})
	must(t, os.Chmod(w.at(), 0o750))
	n := next()
	w.payload, w.sums.Entries = slices.Clone(n.payload), slices.Clone(n.sums.Entries)
	return w
}

// next is the payload of version 2.0, packed once.
var next = sync.OnceValue(func() *world {
	dir, err := os.MkdirTemp("", "stage")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	w := &world{}
	for p, text := range map[string]string{"bin/app": "version 2.0", "lib/a": "a", "lib/b": "b"} {
		full := filepath.Join(dir, p)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			panic(err)
		}
	}
	var b bytes.Buffer
	z, err1 := zstd.NewWriter(&b)
	err2 := os.Symlink("bin/app", filepath.Join(dir, "app"))
	tree, err3 := files.Scan(context.Background(), durable.OS(), dir, files.Options{Hash: true})
	if err := errors.Join(err1, err2, err3); err != nil {
		panic(err)
	}
	w.sums, err = files.Pack(context.Background(), durable.OS(), z, dir, tree, files.PackOptions{Portable: true})
	if err := errors.Join(err, z.Close()); err != nil {
		panic(err)
	}
	w.payload = b.Bytes()
	return w
})

func (w *world) at() string      { return filepath.Join(w.dir, "app") }
func (w *world) staging() string { return filepath.Join(w.dir, ".app.upkeep", "r1-h1") }

// Fingerprint leaves out the sum of the note, which holds an inode's number.
func (w *world) Fingerprint() string {
	note := regexp.MustCompile(`[0-9a-f]{64}  \S+\.json`)
	return note.ReplaceAllString(steptest.Describe(w.dir), "note")
}

func (w *world) Payload(_ context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error) {
	if digest != "d1" || payload != "app.tar.zst" || sums != "sums/app.sums" {
		return nil, files.Tree{}, errors.New("no such payload")
	}
	return io.NopCloser(bytes.NewReader(w.payload)), w.sums, nil
}

func (w *world) step(t testing.TB) plan.Step {
	raw, err := json.Marshal(plan.StageParams{Component: "app", At: w.at(), Staging: w.dir + "/.app.upkeep/${run.id}-h1", Bundle: "d1",
		Payload: "app.tar.zst", Sums: "sums/app.sums"})
	must(t, err)
	return plan.Step{ID: "h1.stage.app", Verb: "stage", Params: raw}
}

func nobody(string) (files.Ownership, error) { return files.Ownership{}, errors.New("no such account") }

func (w *world) env() step.Env { return step.Env{Run: "r1", Direction: step.Forward} }

func TestContract(t *testing.T) {
	subject := steptest.Subject[*world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			return New(k.FS(), w, nobody, os.Getuid() == 0), w.step(t), w
		},
		Mixed: map[string]func(*testing.T, *world){
			"empty parent": func(t *testing.T, w *world) { must(t, os.Mkdir(filepath.Dir(w.staging()), parentMode)) },
			"half unpacked": func(t *testing.T, w *world) {
				steptest.Plant(t, filepath.Join(w.dir, ".app.upkeep", ".upkeep-r1-h1"), map[string]string{"bin/app": "vers"})
			},
			"note only": func(t *testing.T, w *world) {
				steptest.Plant(t, filepath.Dir(w.staging()), map[string]string{"r1-h1.json": "{}"})
			},
			"complete, then a file lost": func(t *testing.T, w *world) {
				steptest.Plant(t, w.staging(), map[string]string{"bin/app": "version 2.0", "lib/a": "a"})
			},
		},
	}
	steptest.Run(t, subject)
}

// A second hop finds the folder of the first, and leaves it.
func TestContractOfALaterHop(t *testing.T) {
	steptest.Run(t, steptest.Subject[*world]{Moments: 10,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
			w := newWorld(t)
			must(t, os.Mkdir(filepath.Dir(w.staging()), 0o711))
			return New(k.FS(), w, nobody, false), w.step(t), w
		}})
}

func TestOwnerModeAndContent(t *testing.T) {
	w := newWorld(t)
	root := os.Getuid() == 0
	if root {
		must(t, os.Lchown(w.at(), 12, 34))
	}
	h := New(durable.OS(), w, nobody, root)
	do(t, h, w)
	i, err := durable.OS().Lstat(w.staging())
	must(t, err)
	if i.Mode.Perm() != 0o750 {
		t.Errorf("the staged root has mode %v, want that of the live one, 0750", i.Mode)
	}
	i, err = durable.OS().Lstat(filepath.Join(w.staging(), "bin/app"))
	must(t, err)
	if root && (i.UID != 12 || i.GID != 34) {
		t.Errorf("a staged file is owned by %d:%d, want the live tree's 12:34", i.UID, i.GID)
	}
	b, err := os.ReadFile(filepath.Join(w.staging(), "app"))
	if err != nil || string(b) != "version 2.0" {
		t.Errorf("app holds %q, %v", b, err)
	}
}

func do(t *testing.T, h *Handler, w *world) step.Memo {
	t.Helper()
	m, err := h.Prepare(t.Context(), w.env(), w.step(t))
	must(t, err)
	must(t, h.Do(t.Context(), w.env(), w.step(t), m))
	return m
}

// After the exchange the old tree lies where the new one was staged. Whatever
// a person decided then, it is never removed.
func TestUndoNeverRemovesATreeThatWasInUse(t *testing.T) {
	for name, after := range map[string]func(t *testing.T, w *world){
		"exchanged": func(t *testing.T, w *world) { must(t, durable.OS().Exchange(w.at(), w.staging())) },
		"linked": func(t *testing.T, w *world) {
			must(t, os.Rename(w.at(), w.at()+".1"))
			must(t, os.Symlink(w.staging(), w.at()))
		},
		"another tree": func(t *testing.T, w *world) {
			must(t, os.Rename(w.staging(), w.at()+".1"))
			steptest.Plant(t, w.staging(), map[string]string{"precious": "data"})
		},
		"kept files in it": func(t *testing.T, w *world) {
			steptest.Plant(t, w.at(), map[string]string{"uploads/1": "data"})
			c, err := files.PlanCarry(durable.OS(), w.at(), w.staging(), filepath.Join(w.dir, "aside"), []string{"uploads"})
			must(t, err)
			must(t, c.Apply(durable.OS()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := New(durable.OS(), w, nobody, false)
			m := do(t, h, w)
			after(t, w)
			var precious []string
			_ = filepath.WalkDir(w.dir, func(p string, d os.DirEntry, _ error) error {
				if b, err := os.ReadFile(p); err == nil && (string(b) == "data" || string(b) == "version 1.0") {
					precious = append(precious, d.Name())
				}
				return nil
			})
			before := len(precious)
			env := w.env()
			env.Direction = step.Back
			if err := h.Undo(t.Context(), env, w.step(t), m); err == nil {
				t.Error("Undo removed what lies at staging without a word")
			}
			precious = nil
			_ = filepath.WalkDir(w.dir, func(p string, d os.DirEntry, _ error) error {
				if b, err := os.ReadFile(p); err == nil && (string(b) == "data" || string(b) == "version 1.0") {
					precious = append(precious, d.Name())
				}
				return nil
			})
			if len(precious) != before {
				t.Errorf("of %d files of the site only %q are left", before, precious)
			}
		})
	}
}

func TestBadPayload(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(w *world)
		want string
	}{
		"flipped byte": {func(w *world) { w.payload[len(w.payload)/2] ^= 1 }, ""},
		"truncated":    {func(w *world) { w.payload = w.payload[:len(w.payload)-20] }, ""},
		"another sum": {func(w *world) {
			i := slices.IndexFunc(w.sums.Entries, func(e files.Entry) bool { return e.Path == "bin/app" })
			w.sums.Entries[i].SHA256 = strings.Repeat("0", 64)
		}, "bin/app"},
		"a file more": {func(w *world) { w.sums.Entries = w.sums.Entries[:len(w.sums.Entries)-1] }, "lib/b"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := New(durable.OS(), w, nobody, false)
			m, err := h.Prepare(t.Context(), w.env(), w.step(t))
			must(t, err)
			c.harm(w)
			err = h.Do(t.Context(), w.env(), w.step(t), m)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cannot stage") {
				t.Errorf("Do: %v, want an error about %q", err, c.want)
			}
			if _, err := os.Lstat(w.staging()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a bad payload is staged (%v)", err)
			}
		})
	}
}

func TestPrepareRefuses(t *testing.T) {
	w := newWorld(t)
	must(t, os.RemoveAll(w.at()))
	must(t, os.WriteFile(w.at(), nil, 0o600))
	var u *step.UserError
	if _, err := New(durable.OS(), w, nobody, false).Prepare(t.Context(), w.env(), w.step(t)); !errors.As(err, &u) {
		t.Errorf("a live tree that is a file: %v, want a UserError", err)
	}
	s := w.step(t)
	s.Params = bytes.Replace(s.Params, []byte(`"component"`), []byte(`"owner":"ghost","component"`), 1)
	must(t, os.Remove(w.at()))
	if _, err := New(durable.OS(), w, nobody, true).Prepare(t.Context(), w.env(), s); !errors.As(err, &u) || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("an unknown owner: %v, want a UserError that names it", err)
	}
}
