// Package chromium gives tests Debian's Chromium with an empty profile, and takes
// down what a page must never cause. It is for tests, and may import chromedp.
package chromium

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Program is where Debian has it.
const Program = "/usr/bin/chromium"

// Window is one window. It is a context of chromedp; it goes with its test.
type Window struct {
	context.Context
	t testing.TB

	mu   sync.Mutex
	said []string
}

// Open starts a browser with one window of that size.
func Open(t testing.TB, width, height int) *Window {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(Program), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	all, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(all)
	t.Cleanup(end)
	return watched(t, ctx)
}

// Another opens a window that shares nothing with this one, as another person's.
func (w *Window) Another(t testing.TB) *Window {
	t.Helper()
	if err := chromedp.Do(w.Context); err != nil { // the browser must be there
		t.Fatal(err)
	}
	ctx, end := chromedp.NewContext(w.Context, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	return watched(t, ctx)
}

func watched(t testing.TB, ctx context.Context) *Window {
	t.Helper()
	w := &Window{Context: ctx, t: t}
	err := chromedp.Listen(ctx, w.hear)
	if err == nil {
		_, err = chromedp.Call(ctx, cdplog.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Window) hear(e any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		w.said = append(w.said, text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Source == cdplog.EntrySourceSecurity || e.Entry.Source == cdplog.EntrySourceViolation || strings.Contains(e.Entry.Text, "Content Security Policy") {
			w.said = append(w.said, e.Entry.Text)
		}
	}
}

// Said gives what no page must cause: exceptions of scripts, and what the page's
// policy has stopped.
func (w *Window) Said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.said...)
}

// Within is how long something may take in a window.
const Within = time.Minute

// Do does something in the window; an error ends the test.
func (w *Window) Do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w, Within)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// Read gives what an action finds; an error ends the test.
func Read[T any](w *Window, a chromedp.Action[T]) T {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w, Within)
	defer stop()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// Tell sends a command of the browser's protocol; an error ends the test.
func Tell[P, R any](w *Window, cmd cdp.Command[P, R], params P) R {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w, Within)
	defer stop()
	v, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}
