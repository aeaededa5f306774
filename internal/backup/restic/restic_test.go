package restic

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// password is that of testdata/repository, an empty repository whose key is
// derived cheaply: restic takes half a second of a processor for that otherwise,
// at each of the thousands of calls of the contract.
const password = "test"

func secretly(context.Context) (string, error) { return password, nil }

// at makes an engine for a repository in a folder.
func at(t *testing.T, dir string, fsys durable.FS) *Engine {
	t.Helper()
	program := lab.Restic(t)
	if lie := os.Getenv("UPKEEP_RESTIC_LIE"); lie != "" {
		program = through(t, lie)
	}
	return New(Config{Repository: filepath.Join(dir, "repository"), Dir: filepath.Join(dir, "local"), Name: "test", Host: "here", Program: program, Password: secretly, FS: fsys})
}

// cheap is the same, where the repository is there already. Each call of restic
// that writes is one of fsys, too, so that it can be the one before which the process
// dies, or for which there is no room.
func cheap(t *testing.T, dir string, fsys durable.FS) *Engine {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "repository", "config")); errors.Is(err, fs.ErrNotExist) {
		if err := os.CopyFS(filepath.Join(dir, "repository"), os.DirFS("testdata/repository")); err != nil {
			t.Fatal(err)
		}
	}
	e := at(t, dir, fsys)
	tick := filepath.Join(t.TempDir(), "tick")
	e.before = func(writes bool) error {
		if !writes {
			return nil
		}
		return fsys.WriteFile(tick, nil, 0o600)
	}
	return e
}

// subject is the engine for the contract.
var subject = backuptest.Subject{
	Make: func(t *testing.T, dir string, fsys durable.FS) backup.Engine { return cheap(t, dir, fsys) },
	Names: func(t *testing.T, dir string) []string {
		e := cheap(t, dir, durable.OS())
		list, err := e.snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, s := range list {
			p, err := e.Find(t.Context(), s.point)
			switch {
			case err != nil:
				names[s.point+partial] = true
			case s.kind != kindRecord && !named(p, s.ID):
				names[s.point+" with something left"] = true
			default:
				names[s.point] = true
			}
		}
		entries, _ := os.ReadDir(e.Dir) // it need not be there
		for _, n := range entries {
			if strings.HasSuffix(n.Name(), partial) {
				names[n.Name()] = true
			}
		}
		var out []string
		for n := range names {
			out = append(out, n)
		}
		return out
	},
	Pieces: func(t *testing.T, dir, id string) []string {
		e := cheap(t, dir, durable.OS())
		if _, err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, at, list, err := e.find1(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range list {
			if s.point == id && s.ID != at.ID {
				out = append(out, s.ID)
			}
		}
		text, err := e.run(t.Context(), call{args: []string{"ls", "--no-lock", at.ID}})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if name, ok := strings.CutPrefix(line, "/"); ok {
				out = append(out, name)
			}
		}
		return out
	},
	Dumps: func(t *testing.T, dir, id string) (out []string) {
		e := cheap(t, dir, durable.OS())
		if _, err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := e.snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if s.point == id && s.kind == kindDump {
				out = append(out, s.ID)
			}
		}
		return out
	},
	Stored: func(t *testing.T, dir string) (list []string) {
		e := cheap(t, dir, durable.OS())
		if _, err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := e.run(t.Context(), call{args: []string{"prune", "--max-unused", "0"}, writes: true}); err != nil {
			t.Fatal(err)
		}
		if err := filepath.WalkDir(filepath.Join(dir, "repository"), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				list = append(list, path)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return list
	},
	// restic keeps the list of what is in a pack at its end, with its length last,
	// and once more in the index.
	Spare: func(path string, content []byte, at int) bool {
		const length = 4
		if !strings.Contains(path, "/data/") {
			return false
		}
		end := len(content) - length
		return at >= end-int(binary.LittleEndian.Uint32(content[end:]))
	},
	Place: func(path string) bool {
		name := filepath.Base(path)
		return name == "config" || strings.Contains(path, "/keys/")
	},
	Every: 3, // each moment takes several calls of restic
	LoseAhead: func(t *testing.T, dir string) {
		e := cheap(t, dir, durable.OS())
		list, err := e.snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if s.kind == kindDump {
				if err := e.forget(t.Context(), []string{s.ID}, false); err != nil {
					t.Fatal(err)
				}
			}
		}
	},
}

func TestContract(t *testing.T) {
	lab.Slow(t)
	backuptest.Run(t, lying(subject))
}
