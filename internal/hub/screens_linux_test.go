package hub

import (
	"bytes"
	"context"
	"net"
	"os"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// screensFake hears who asks.
type screensFake struct {
	ask.Engine
	by string
}

func (f *screensFake) Send(_ context.Context, by string, e ask.Errand) (ask.Errand, error) {
	f.by = by
	return e, nil
}

func (f *screensFake) Support(context.Context, string, ask.Of) (ask.File, error) {
	return ask.File{Name: "a\x1bb", Data: []byte("\x00\x1b\xff\u202e")}, nil
}

// TestScreenQuestions: nobody without a session asks anything; who asks is told by
// the session; a file comes over as it is, its name without what could hide.
func TestScreenQuestions(t *testing.T) {
	f, p := &screensFake{}, NewPeople(time.Now)
	at := serve(t, &fake{Engine: f}, p, os.Getuid())
	c := ask.NewClient(at, func(c net.Conn) error { return FromAccount(c, os.Getuid()) })
	ctx := context.Background()
	stranger := c.As("made up")
	for name, err := range map[string]error{
		"errand": second(stranger.Errand(ctx, ask.Of{})), "batch": second(stranger.Batch(ctx)), "settings": second(stranger.Settings(ctx, ask.Of{})), "singles": second(stranger.Singles(ctx, ask.Of{})),
		"report": second(stranger.Report(ctx, ask.ReportQuery{})), "refresh": second(stranger.Refresh(ctx, ask.Of{})), "send": second(stranger.Send(ctx, ask.Errand{})), "outlook": second(stranger.Outlook(ctx, ask.PointQuery{})),
		"return": second(stranger.Return(ctx, ask.Of{})), "take-back": second(stranger.TakeBack(ctx, ask.Yes{})), "start-all": second(stranger.StartAll(ctx, ask.Together{})), "support": second(stranger.Support(ctx, ask.Of{})),
	} {
		if ask.KindOf(err) != ask.Denied {
			t.Errorf("%s without a session: %v", name, err)
		}
	}
	in, err := c.Enter(ctx, p.Link("anna"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.As(in.Session).Send(ctx, ask.Errand{By: "bert"}); err != nil || f.by != "anna" {
		t.Errorf("the engine hears %q, %v", f.by, err)
	}
	file, err := c.As(in.Session).Support(ctx, ask.Of{})
	if err != nil || file.Name != "a b" || !bytes.Equal(file.Data, []byte("\x00\x1b\xff\u202e")) {
		t.Errorf("the file comes over as %+v, %v", file, err)
	}
}
