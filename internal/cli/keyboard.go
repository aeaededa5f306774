package cli

import (
	"bufio"
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// lines reads what a person types: one reader for all questions of a command,
// since a reader of its own would swallow the answers to later ones.
func (a *App) lines() *bufio.Reader { return a.keyboard }

// typed reads what a person types until the command is interrupted: a read of a
// terminal cannot be ended, and would keep Ctrl+C from ending the command.
type typed struct {
	ctx context.Context
	in  io.Reader
}

func (t *typed) Read(b []byte) (int, error) {
	type result struct {
		text []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		// b is the caller's again when the command is interrupted. Byte by byte:
		// whoever this process becomes, or starts, is to read what comes behind the line
		own := make([]byte, min(len(b), 1))
		n, err := t.in.Read(own)
		got <- result{own[:n], err}
	}()
	select {
	case r := <-got:
		return copy(b, r.text), r.err
	case <-t.ctx.Done():
		return 0, context.Cause(t.ctx)
	}
}

// unseen reads a line from a terminal without showing it. Interrupted, the
// terminal shows again what is typed.
func unseen(ctx context.Context, f *os.File) (string, error) {
	fd := int(f.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type result struct {
		text []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		got <- result{text, err}
	}()
	select {
	case r := <-got:
		return string(r.text), r.err
	case <-ctx.Done():
		_ = term.Restore(fd, was)
		return "", context.Cause(ctx)
	}
}
