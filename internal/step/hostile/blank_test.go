package hostile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/gate"
	"upkeep/internal/scope"
	"upkeep/internal/service"
)

var errNothing = errors.New("there is nothing here")

// blank is a computer on which nothing is, or where every path is an empty
// folder that can also be read like a file; it counts what is changed.
type blank struct {
	there   bool
	content []byte // of every file
	changes int
}

func (b *blank) info() (durable.Info, error) {
	if !b.there {
		return durable.Info{}, fs.ErrNotExist
	}
	return durable.Info{Mode: fs.ModeDir | 0o755, Dev: 1, Ino: 1}, nil
}

// file is an open file.
type file struct {
	*bytes.Reader
	b *blank
}

func (file) Close() error                  { return nil }
func (f file) Stat() (durable.Info, error) { return f.b.info() }

func found[T any](b *blank, what T) (T, error) {
	if !b.there {
		var none T
		return none, fs.ErrNotExist
	}
	return what, nil
}

func (b *blank) change() error { b.changes++; return nil }

func (b *blank) Open(string) (durable.ReadFile, error) {
	return found[durable.ReadFile](b, file{bytes.NewReader(b.content), b})
}
func (b *blank) OpenNoFollow(path string) (durable.ReadFile, error) { return b.Open(path) }
func (b *blank) Lstat(string) (durable.Info, error)                 { return b.info() }
func (b *blank) Stat(string) (durable.Info, error)                  { return b.info() }
func (b *blank) ReadDir(string) ([]durable.DirEntry, error)         { return found(b, []durable.DirEntry(nil)) }
func (b *blank) ReadFile(string) ([]byte, error)                    { return found(b, bytes.Clone(b.content)) }
func (b *blank) Readlink(string) (string, error)                    { return found(b, "x") }
func (b *blank) Xattrs(string) (map[string][]byte, error)           { return nil, fs.ErrNotExist }
func (b *blank) Free(string) (durable.VolumeInfo, error)            { return durable.VolumeInfo{}, fs.ErrNotExist }
func (b *blank) Mounts(string) ([]string, error)                    { return nil, nil }

// What is written is counted.
func (b *blank) Unsynced() durable.FS                        { return b }
func (b *blank) WriteFile(string, []byte, fs.FileMode) error { return b.change() }
func (b *blank) Mkdir(string, fs.FileMode) error             { return b.change() }
func (b *blank) MkdirAll(string, fs.FileMode) error          { return b.change() }
func (b *blank) Rename(string, string) error                 { return b.change() }
func (b *blank) Replace(string, string) error                { return b.change() }
func (b *blank) Exchange(string, string) error               { return b.change() }
func (b *blank) SwapLink(string, string) error               { return b.change() }
func (b *blank) Remove(string) error                         { return b.change() }
func (b *blank) RemoveAll(string) error                      { return b.change() }
func (b *blank) Symlink(string, string) error                { return b.change() }
func (b *blank) Link(string, string) error                   { return b.change() }
func (b *blank) Mknod(string, fs.FileMode, uint64) error     { return b.change() }
func (b *blank) Chmod(string, fs.FileMode) error             { return b.change() }
func (b *blank) Chown(string, uint32, uint32) error          { return b.change() }
func (b *blank) Chtimes(string, time.Time) error             { return b.change() }
func (b *blank) SetXattr(string, string, []byte) error       { return b.change() }
func (b *blank) RemoveXattr(string, string) error            { return b.change() }
func (b *blank) SyncFile(string) error                       { return nil }
func (b *blank) SyncDir(string) error                        { return nil }
func (b *blank) SyncTree(string) error                       { return nil }
func (b *blank) Preallocate(string, int64) error             { return b.change() }
func (b *blank) Create(string, fs.FileMode) (durable.File, error) {
	b.changes++
	return nil, errNothing
}

func (b *blank) Append(string) (durable.File, error) { return b.Create("", 0) }

// commands ends every program with an error, and counts it.
type commands struct{ *blank }

func (c commands) Run(context.Context, scope.Command) (scope.Result, error) {
	c.changes++
	return scope.Result{}, errNothing
}

// looks ends every program of a probe with an error: those change nothing.
type looks struct{}

func (looks) Run(context.Context, scope.Command) (scope.Result, error) {
	return scope.Result{}, errNothing
}

// services are stopped, and start when they are told.
type services struct{ *blank }

func (services) State(context.Context, service.Spec) (service.State, error) {
	return service.State{}, nil
}
func (s services) Start(context.Context, service.Spec) error           { return s.change() }
func (s services) Stop(context.Context, service.Spec) error            { return s.change() }
func (s services) Inhibit(context.Context, service.Spec, string) error { return s.change() }
func (s services) Allow(context.Context, service.Spec) error           { return s.change() }
func (services) Inhibited(context.Context, service.Spec) (string, bool, error) {
	return "", false, nil
}

// gates are down.
type gates struct{ *blank }

func (g gates) Up(context.Context, gate.Spec) error             { return g.change() }
func (g gates) Down(context.Context, string) error              { return g.change() }
func (gates) State(context.Context, string) (gate.State, error) { return gate.State{}, nil }

// computer boots when it is told, at once.
type computer struct{ *blank }

func (computer) BootID() (string, error)        { return "b", nil }
func (c computer) Reboot(context.Context) error { c.changes++; return errNothing }

// silent is a network where nobody answers.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNothing }

func dial(context.Context, string, string) (net.Conn, error) { return nil, errNothing }
