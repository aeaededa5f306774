package cli_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"upkeep/internal/cli"
)

// cancels ends a command once it has written a text.
type cancels struct {
	text bytes.Buffer
	at   string
	stop context.CancelFunc
}

func (c *cancels) Write(b []byte) (int, error) {
	n, err := c.text.Write(b)
	if bytes.Contains(c.text.Bytes(), []byte(c.at)) {
		c.stop()
	}
	return n, err
}

// Ctrl+C at a question ends the command, though nobody types a line any more.
func TestInterruptedQuestion(t *testing.T) {
	h := newHouse(t)
	typed, hand := io.Pipe()
	defer hand.Close()
	ctx, stop := context.WithCancel(t.Context())
	out := &cancels{at: "[y/N]", stop: stop}
	a := &cli.App{In: typed, Out: out, Err: io.Discard, Exe: h.exe, Getenv: func(string) string { return "" }}
	if code := a.Run(ctx, []string{"--installation", h.doc, "upgrade", "--from", h.good}); code != cli.ExitDeclined {
		t.Errorf("it ended with %d\n%s", code, out.text.String())
	}
	contains(t, "upgrade", out.text.String(), "Nothing was changed.")
	if h.runs() != 0 {
		t.Error("a run was opened")
	}
}
