package upgrade

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"upkeep/internal/gate"
	"upkeep/internal/lab/tap"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/service"
)

// manager runs the services of the world. Their inhibits are files, as those
// of the real managers are.
type manager struct {
	service.Inhibits
	p *process
}

func (m manager) State(_ context.Context, s service.Spec) (service.State, error) {
	if n := m.p.w.Running[s.ID]; n != 0 {
		return service.State{Running: true, PID: 1000 + n, Started: fmt.Sprint(n)}, nil
	}
	return service.State{Detail: "it does not run"}, nil
}

func (m manager) Start(ctx context.Context, s service.Spec) error {
	if err := m.Permit(ctx, s); err != nil {
		return err
	}
	return m.p.effect("service", "start", s.ID, func() error {
		if m.p.stubborn[s.ID+" start"] {
			return &service.DiedError{Service: s.ID, How: "exit code 1"}
		}
		m.p.w.start(s.ID)
		return nil
	})
}

func (m manager) Stop(_ context.Context, s service.Spec) error {
	return m.p.effect("service", "stop", s.ID, func() error {
		if m.p.stubborn[s.ID+" stop"] {
			return fmt.Errorf("cannot stop %s: it does not end", s.ID)
		}
		delete(m.p.w.Running, s.ID)
		return nil
	})
}

// Running implements probe.Services.
func (m manager) Running(_ context.Context, s plan.Service) (bool, string, error) {
	n := m.p.w.Running[s.ID]
	return n != 0, fmt.Sprintf("invocation %d", n), nil
}

// kernel is the gate.
type kernel struct{ p *process }

func (k kernel) Up(context.Context, gate.Spec) error {
	return k.p.effect("gate", "up", "", func() error { k.p.w.Gate = true; return nil })
}

func (k kernel) Down(context.Context, string) error {
	return k.p.effect("gate", "down", "", func() error { k.p.w.Gate, k.p.w.gateLies = false, false; return nil })
}

func (k kernel) State(context.Context, string) (gate.State, error) {
	up := k.p.w.Gate || k.p.w.gateLies
	return gate.State{Up: up, Ports: []uint16{18090}, Mark: gate.DefaultMark, Answering: up}, nil
}

// commands are the product's own programs, and the site's hooks. They do not
// die with the engine.
type commands struct{ p *process }

// change is one file that a program writes, as a whole; or that it removes, with
// all below, where the text is "-".
type change struct{ at, text string }

func (c commands) Run(_ context.Context, cmd scope.Command) (scope.Result, error) {
	name, w := filepath.Base(cmd.Args[0]), c.p.w
	var does []change
	var err error
	switch name {
	case "migrate":
		does, err = c.migrate(cmd.Args[1])
	case "index":
		does = []change{{"data/index.txt", "index of " + w.read("app/VERSION")}}
	case "set":
		does = []change{{"settings/mode", cmd.Args[1] + "\n"}}
	case "guard":
		does = []change{{"settings/guard", cmd.Args[1] + "\n"}}
	case "notify", "note":
		return scope.Result{}, c.p.effect("people", "told", "", func() error { return nil })
	case "before-install.sh", "after-install.sh":
		does = []change{{"data/" + name + ".txt", "it ran on " + w.read("app/VERSION")}}
	default:
		err = fmt.Errorf("no such program: %s", cmd.Args[0])
	}
	for i, d := range does {
		c.p.going = orphan{cmd.OpID, does[i:], 4 + 37*c.p.n%150}
		if err := c.p.effect("program", name, d.at, func() error { return w.write(d) }); err != nil {
			return scope.Result{ExitCode: -1}, err
		}
	}
	c.p.going = orphan{}
	if err != nil {
		return scope.Result{ExitCode: 1}, err
	}
	return scope.Result{}, nil
}

// migrate changes the books and then says so, in two steps: killed between
// them, the data are of no version at all.
func (c commands) migrate(to string) ([]change, error) {
	_, rows, _ := strings.Cut(c.p.w.read("data/books.txt"), "\n")
	books := "schema " + to + "\n"
	for r := range strings.Lines(rows) {
		books += strings.TrimSuffix(r, "\n") + "." + to + "\n"
	}
	does := []change{{"data/books.txt", books}, {"data/2024", "-"}, {"data/SCHEMA", to + "\n"}}
	switch c.p.fails {
	case to:
		return does[:2], &scope.ExitError{Name: "migrate", Code: 1, Last: "column exists"}
	case "quietly " + to:
		return nil, nil
	case "once " + to:
		if !c.p.w.Tried {
			c.p.w.Tried = true
			return does[:2], &scope.ExitError{Name: "migrate", Code: 1, Last: "the disk was busy"}
		}
	}
	return does, nil
}

// effect is an operation on something that is no file.
func (p *process) effect(kind, name, path string, do func() error) error {
	return p.hook(tap.Op{Kind: kind, Name: name, Path: path}, do)
}
