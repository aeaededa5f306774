package live

import (
	"fmt"
	"io"
	"sync"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/lingua"
)

// every is how often a meter writes a line where nobody sees a bar.
const every = 10 * time.Second

// Meter shows how much of something is done and when it will be: a bar that
// moves on a terminal, otherwise a line now and then. It may be told from several
// goroutines.
type Meter struct {
	Out      io.Writer
	Width    func() int       // nil: no terminal
	Language *lingua.Language // nil: English
	Now      func() time.Time

	mu    sync.Mutex
	began time.Time // of what is measured
	drawn time.Time
	bar   bool // one is on the screen
}

// Say writes a line above the bar, and begins to measure what comes next.
func (m *Meter) Say(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	_, _ = io.WriteString(m.Out, m.Language.Text(line)+"\n") // lost without harm
	m.began, m.drawn = m.Now(), m.Now()
}

// Told shows how far it is, in bytes.
func (m *Meter) Told(done, total int64, part string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Now()
	if m.began.IsZero() {
		m.began, m.drawn = now, now
	}
	wait := every
	if m.Width != nil {
		wait = frame
	}
	if now.Sub(m.drawn) < wait || total <= 0 {
		return
	}
	m.drawn = now
	text := fmt.Sprintf("%s: %s of about %s", show.Clean(part), show.Bytes(done), show.Bytes(total))
	if took := now.Sub(m.began); done > 0 && took >= time.Second {
		left := time.Duration(float64(took) / float64(done) * float64(total-done)).Round(time.Second)
		text += fmt.Sprintf(", about %s left, %s", show.Duration(left), now.Add(left).Local().Format("15:04:05"))
	}
	text = m.Language.Text(text)
	if m.Width == nil {
		_, _ = fmt.Fprintf(m.Out, "  %s\n", text) // likewise
		return
	}
	width := m.Width() - 1
	size := min(30, max(10, width-70))
	_, _ = fmt.Fprintf(m.Out, "\r\x1b[K%s %s", bar(size, float64(done)/float64(total), false), clip(text, width-size-1))
	m.bar = true
}

// End takes the bar away.
func (m *Meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *Meter) clear() {
	if m.bar {
		_, _ = io.WriteString(m.Out, "\r\x1b[K")
	}
	m.bar = false
}
