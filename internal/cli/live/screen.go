package live

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"upkeep/internal/manage"
)

// ErrDetached says that the person stopped watching; the run goes on.
var ErrDetached = errors.New("detached")

type (
	eventMsg manage.Event
	tickMsg  time.Time
	endMsg   struct {
		run *manage.Run
		err error
	}
)

// screen is the model of the terminal program.
type screen struct {
	track    *Track
	width    int
	end      *endMsg
	detached bool
}

func tick() tea.Cmd {
	return tea.Tick(200*time.Millisecond, func(t time.Time) tea.Msg { return tickMsg(t) })
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
			return s, tea.Quit
		}
	case eventMsg:
		if line := s.track.Apply(manage.Event(msg)); line != "" {
			return s, tea.Println(line)
		}
	case tickMsg:
		return s, tick()
	case endMsg:
		s.end = &msg
		return s, tea.Quit
	}
	return s, nil
}

// View implements tea.Model.
func (s screen) View() tea.View {
	if s.end != nil || s.detached {
		return tea.NewView("")
	}
	return tea.NewView(s.track.status(time.Now(), s.width))
}

// Screen shows a run with a moving bar. ErrDetached says that the person
// pressed Ctrl-C or q: the run goes on.
func Screen(ctx context.Context, in io.Reader, out io.Writer, a Attacher, id string, from int64, t *Track) (*manage.Run, error) {
	actx, stop := context.WithCancel(ctx)
	defer stop()
	p := tea.NewProgram(screen{track: t, width: 80}, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(os.Environ()))
	go func() {
		r, err := a.Attach(actx, id, from, func(e manage.Event) { p.Send(eventMsg(e)) })
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
