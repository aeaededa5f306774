package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// DatabaseFile is the name of the notes' database in the data folder.
const DatabaseFile = "notes.db"

// finish is how long running requests may take after the application was told
// to end.
const finish = 10 * time.Second

// Options say what to serve, and where.
type Options struct {
	Tree   string // folder of a version
	Data   string // folder of the users' notes and the markers
	Listen string // HOST:PORT; port 0 takes a free one
	Log    io.Writer
	// Ready is told the address when requests are taken. May be nil.
	Ready func(address string)
}

// Serve runs the application until ctx ends, or SIGTERM or an interrupt come;
// running requests are finished. It does not start without a whole tree and
// an existing database, but takes any schema: that versions fit is the
// upgrade's business.
func Serve(ctx context.Context, o Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	if o.Log == nil {
		o.Log = io.Discard
	}
	r, err := loadRelease(o.Tree)
	if err != nil {
		return err
	}
	db, err := openDB(filepath.Join(o.Data, DatabaseFile), false)
	if err != nil {
		return err
	}
	// Closing the last connection writes the WAL back and removes it.
	defer db.Close()
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", o.Listen, err)
	}
	a := &app{tree: o.Tree, data: o.Data, release: r, store: &store{db: db, release: r}, log: log.New(o.Log, "", log.LstdFlags|log.LUTC|log.Lmsgprefix)}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.note("notes %s serves on %s", r.version, listener.Addr())
	if o.Ready != nil {
		o.Ready(listener.Addr().String())
	}
	select {
	case err := <-served:
		return fmt.Errorf("cannot serve on %s: %w", o.Listen, err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	err = server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("requests were cut off after %s", finish), server.Close())
	}
	a.note("notes %s has ended", r.version)
	return err
}

// note writes a line of the application's log.
func (a *app) note(format string, args ...any) { a.log.Printf(format, args...) }
