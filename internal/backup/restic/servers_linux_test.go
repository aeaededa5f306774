package restic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/lab"
)

// product is a tree and a database, and a request for them.
type product struct {
	t         *testing.T
	app, data string
}

func newProduct(t *testing.T) *product {
	t.Helper()
	top := t.TempDir()
	p := &product{t, filepath.Join(top, "app"), filepath.Join(top, "data.db")}
	if err := errors.Join(os.Mkdir(p.app, 0o755), os.WriteFile(p.data, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	backuptest.Exact(t, p.app)
	return p
}

func (p *product) request(id string) backup.Request {
	return backup.Request{ID: id, About: backup.About{Product: "app", Version: "1.0", Run: "run"}, Files: []backup.FilePart{{Name: "app", Path: p.app}},
		Databases: []backup.DatabasePart{{Name: "database", DB: p.db()}}}
}

func (p *product) db() *sqlite.DB {
	return sqlite.New(sqlite.Config{Path: p.data, FS: durable.OS(), Temp: p.t.TempDir(), OpID: "op"})
}

func (p *product) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.app, name), []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *product) scan() files.Tree {
	p.t.Helper()
	tree, err := files.Scan(p.t.Context(), durable.OS(), p.app, files.Options{Hash: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return tree
}

// far makes an engine for a repository somewhere else.
func far(t *testing.T, dir, location string, env ...string) *Engine {
	t.Helper()
	return New(Config{Repository: location, Dir: dir, Name: "test", Host: "here", Program: lab.Restic(t), Password: secretly, FS: durable.OS(),
		Environment: func(context.Context) ([]string, error) { return env, nil }})
}

// life makes points, loses the computer, and has another one put the product
// back from the repository alone.
func life(t *testing.T, engine func(dir string) *Engine) {
	t.Helper()
	p := newProduct(t)
	here := t.TempDir()
	e := engine(here)
	if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
		t.Fatalf("before there is a repository: %v, %v", list, err)
	}
	check(t, e.Reach(t.Context()))
	check(t, e.Prepare(t.Context(), p.request("one")))
	p.write("etc/app.conf", "changed")
	want := p.scan()
	_, err := e.Finish(t.Context(), p.request("one"))
	check(t, err)
	p.write("etc/app.conf", "changed later")
	_, err = e.Finish(t.Context(), p.request("two"))
	check(t, err)
	check(t, e.Verify(t.Context(), "one"))

	another := engine(t.TempDir())
	list, err := another.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "one" || list[0].Broken != "" {
		t.Fatalf("the other computer sees %v, %v", list, err)
	}
	check(t, os.RemoveAll(p.app))
	_, err = another.RestoreFiles(t.Context(), "one", "app", backup.Target{Path: p.app, OpID: "x"})
	check(t, err)
	if list := files.Compare(want, p.scan(), files.Ignore{}); len(list) > 0 {
		t.Errorf("restored with %d differences: %v", len(list), list[0])
	}
	check(t, another.RestoreDatabase(t.Context(), "one", "database", p.db()))
	check(t, another.Remove(t.Context(), "one"))
	if list, err := e.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("the first computer still sees %v, %v", list, err)
	}
	if _, err := e.Find(t.Context(), "one"); !errors.Is(err, backup.ErrNotFound) {
		t.Errorf("what another computer has removed is found: %v", err)
	}
	_, err = e.Sweep(t.Context())
	check(t, err)
	check(t, e.Verify(t.Context(), "two"))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	lab.Slow(t)
	repository := filepath.Join(t.TempDir(), "repository")
	life(t, func(dir string) *Engine { return far(t, dir, repository) })
}

// TestSFTP is against a real sshd.
func TestSFTP(t *testing.T) {
	lab.Slow(t)
	s := lab.SFTPServer(t)
	at := s.Address + filepath.Join(t.TempDir(), "repository")
	engine := func(dir string) *Engine { return far(t, dir, at, "PATH="+s.Path+":/usr/bin:/bin") }
	life(t, engine)
	s.Stop()
	unreachable(t, engine(t.TempDir()))
}

// TestS3 is against a real server with the S3 protocol.
func TestS3(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "points"), 0o755)) // the bucket
	s := lab.S3On(t, dir)
	env := []string{"AWS_ACCESS_KEY_ID=" + s.Key, "AWS_SECRET_ACCESS_KEY=" + s.Secret}
	engine := func(dir string) *Engine { return far(t, dir, "s3:"+s.Address+"/points", env...) }
	life(t, engine)
	wrong := far(t, t.TempDir(), "s3:"+s.Address+"/points", env[0], "AWS_SECRET_ACCESS_KEY=wrong")
	wrong.patience = 20 * time.Second
	if err := wrong.Reach(t.Context()); err == nil {
		t.Error("reached with a wrong key")
	}
	s.Stop()
	unreachable(t, engine(t.TempDir()))
}

// unreachable makes sure that a place that is away is said to be, soon.
func unreachable(t *testing.T, e *Engine) {
	t.Helper()
	e.patience = 5 * time.Second
	_, listErr := e.List(t.Context())
	for _, err := range []error{e.Reach(t.Context()), listErr} {
		var place *backup.PlaceError
		if !errors.As(err, &place) {
			t.Errorf("a place that is away: %v", err)
		}
		t.Log(err)
	}
}

// TestSlowPlace keeps to its bandwidth while users work, and not in an outage.
func TestSlowPlace(t *testing.T) {
	lab.Slow(t)
	for _, live := range []bool{true, false} {
		e := cheap(t, t.TempDir(), durable.OS())
		p := newProduct(t)
		p.write("big", string(random(3<<20)))
		e.Limit = 256 << 10
		r := p.request("p")
		r.Live = live
		begin := time.Now()
		_, err := e.Finish(t.Context(), r)
		check(t, err)
		if took := time.Since(begin); took > 8*time.Second != live {
			t.Errorf("3 MiB at 256 KiB/s took %v, live: %v", took, live)
		}
	}
}

// stall is a proxy that lets so many bytes through, and then nothing.
func stall(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	return fmt.Sprint(l.Addr())
}

// TestStalled: a server that takes calls and never answers does not hold up what
// only looks.
func TestStalled(t *testing.T) {
	lab.Slow(t)
	e := far(t, t.TempDir(), "s3:http://"+stall(t, "")+"/points", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y")
	begin := time.Now()
	unreachable(t, e)
	if took := time.Since(begin); took > 40*time.Second {
		t.Errorf("took %v", took)
	}
}
