package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"upkeep/internal/manage"
)

// ErrDetached says that the person stopped watching; the run goes on.
var ErrDetached = errors.New("detached")

// frame is how often the bar is drawn when nothing happens.
const frame = 200 * time.Millisecond

// painter keeps the bar at the bottom of what was printed. It knows three
// things of a terminal: to go up, to clear to the end, and its width; so that
// nothing which stands on the screen is ever written over.
type painter struct {
	mu    sync.Mutex
	out   io.Writer
	width func() int
	track *Track
	drawn int // lines of the bar that are on the screen
}

// take takes in an event; the line that it leaves goes above the bar.
func (p *painter) take(e manage.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.track.Width = p.width()
	if line := p.track.Apply(e); line != "" {
		p.paint(line+"\n", true)
	}
}

// tick draws the bar anew.
func (p *painter) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paint("", true)
}

// end takes the bar away.
func (p *painter) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paint("", false)
}

// paint writes one frame at once. What cannot be written is lost without harm.
func (p *painter) paint(above string, bar bool) {
	var b strings.Builder
	if p.drawn > 0 {
		b.WriteByte('\r')
		if p.drawn > 1 {
			fmt.Fprintf(&b, "\x1b[%dA", p.drawn-1)
		}
		b.WriteString("\x1b[J")
	}
	b.WriteString(above)
	p.drawn = 0
	if bar {
		// the last column stays free: terminals differ in what they do there
		text := p.track.Status(time.Now(), p.width()-1)
		b.WriteString(text)
		p.drawn = 1 + strings.Count(text, "\n")
	}
	_, _ = io.WriteString(p.out, b.String())
}

// Screen shows a run on a terminal of that width with a moving bar, until it
// ends or waits. Ending ctx, as Ctrl-C does, is ErrDetached: the run goes on.
func Screen(ctx context.Context, out io.Writer, width func() int, a Attacher, id string, from int64, t *Track) (*manage.Run, error) {
	defer silence()()
	p := &painter{out: out, width: width, track: t}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(frame)
		defer tick.Stop()
		for {
			p.tick()
			select {
			case <-done:
				p.end()
				return
			case <-tick.C:
			}
		}
	})
	r, err := a.Attach(ctx, id, from, p.take)
	close(done)
	wg.Wait()
	if err != nil && ctx.Err() != nil {
		return nil, ErrDetached
	}
	return r, err
}
