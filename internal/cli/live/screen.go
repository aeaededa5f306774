package live

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"upkeep/internal/manage"
)

// ErrDetached says that the person stopped watching; the run goes on.
var ErrDetached = errors.New("detached")

type (
	tickMsg time.Time
	quitMsg struct{}
	endMsg  struct {
		run *manage.Run
		err error
	}
)

// shared is the track as two goroutines use it: the one that takes in events,
// and the one that draws.
type shared struct {
	mu    sync.Mutex
	track *Track
}

func (s *shared) apply(e manage.Event) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.track.Apply(e)
}

func (s *shared) status(now time.Time, width int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.track.Status(now, width)
}

// screen is the model of the terminal program.
type screen struct {
	track    *shared
	width    int
	end      *endMsg
	detached bool
}

func tick() tea.Cmd {
	return tea.Tick(200*time.Millisecond, func(t time.Time) tea.Msg { return tickMsg(t) })
}

// quit ends the program once an empty frame has taken the bar away.
func quit() tea.Cmd {
	return tea.Tick(50*time.Millisecond, func(time.Time) tea.Msg { return quitMsg{} })
}

// Init implements tea.Model.
func (s screen) Init() tea.Cmd { return tick() }

// Update implements tea.Model.
func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width = msg.Width
	case tea.KeyPressMsg:
		if k := msg.String(); k == "ctrl+c" || k == "q" {
			s.detached = true
			return s, quit()
		}
	case tickMsg:
		return s, tick()
	case endMsg:
		s.end = &msg
		return s, quit()
	case quitMsg:
		return s, tea.Quit
	}
	return s, nil
}

// View implements tea.Model.
func (s screen) View() tea.View {
	if s.end != nil || s.detached {
		return tea.NewView(" ") // an empty view would leave the bar standing
	}
	return tea.NewView(s.track.status(time.Now(), s.width))
}

// Screen shows a run with a moving bar. ErrDetached says that the person
// pressed Ctrl-C or q: the run goes on.
func Screen(ctx context.Context, in io.Reader, out io.Writer, a Attacher, id string, from int64, t *Track) (*manage.Run, error) {
	actx, stop := context.WithCancel(ctx)
	defer stop()
	sh := &shared{track: t}
	p := tea.NewProgram(screen{track: sh, width: 80}, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(os.Environ()))
	go func() {
		r, err := a.Attach(actx, id, from, func(e manage.Event) {
			// printed from here, since only one goroutine keeps the lines in order
			if line := sh.apply(e); line != "" {
				p.Println(line)
			}
		})
		p.Send(endMsg{r, err})
	}()
	final, err := p.Run()
	if err != nil {
		return nil, err
	}
	s := final.(screen)
	if s.end == nil {
		return nil, ErrDetached
	}
	return s.end.run, s.end.err
}
