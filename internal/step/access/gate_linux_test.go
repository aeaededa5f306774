package access_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/gate"
	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// kernel is a gate in memory, whose rules outlive the engine and whose page
// does not.
type kernel struct {
	point func(string, func() error) error
	up    bool
	spec  gate.Spec
	alive bool // this process answers
}

func (g *kernel) Up(_ context.Context, s gate.Spec) error {
	return g.point("up", func() error {
		g.up, g.spec, g.alive = true, s, true
		return nil
	})
}

func (g *kernel) Down(context.Context, string) error {
	return g.point("down", func() error {
		g.up, g.spec, g.alive = false, gate.Spec{}, false
		return nil
	})
}

func (g *kernel) State(context.Context, string) (gate.State, error) {
	return gate.State{Up: g.up, Ports: g.spec.Ports, Answering: g.alive}, nil
}

func (g *kernel) Fingerprint() string {
	return fmt.Sprintf("up %v %v %q", g.up, g.spec.Ports, g.spec.Page.Product)
}

func shop(ports ...string) plan.AccessParams {
	return plan.AccessParams{Mode: "maintenance",
		Gate: &plan.Gate{Name: "shop", Ports: ports, Told: plan.Told{Product: "Shop", Doing: "upgrade", To: "2.0"}, Expect: time.Hour}}
}

func TestGateContract(t *testing.T) {
	for _, reopen := range []string{"", "gate"} {
		t.Run("reopen "+reopen, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[*kernel]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *kernel) {
					g := &kernel{point: k.Point}
					p := shop("443", "80")
					if p.Reopen = reopen; reopen != "" {
						g.up, g.alive, g.spec = true, true, gate.Spec{Page: gate.Page{Product: "Shop"}, Ports: []uint16{80, 443}}
					}
					return access.New(childtest.Runner(t, k), childtest.Probes(t), g), childtest.Step(t, plan.Step{Verb: "access"}, p), g
				},
				Mixed: map[string]func(*testing.T, *kernel){
					"an earlier run's, with other ports": func(_ *testing.T, g *kernel) { g.up, g.alive, g.spec.Ports = true, true, []uint16{8080} },
				},
			})
		})
	}
}

// A gate that an earlier run left closes too little or too much: it is not the
// one of this step.
func TestGateWithOtherPortsIsNotThere(t *testing.T) {
	g := &kernel{point: func(_ string, f func() error) error { return f() }}
	s := childtest.Step(t, plan.Step{Verb: "access"}, shop("80"))
	env, _ := childtest.Env(t, s, step.Forward)
	h := access.New(childtest.Runner(t, nil), childtest.Probes(t), g)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	g.up, g.alive, g.spec.Ports = true, true, []uint16{8080}
	state(t, h, env, s, m, step.Mixed)
	must(t, h.Do(t.Context(), env, s, m))
	state(t, h, env, s, m, step.New)
}

func TestBadPortIsRefusedBeforeAnythingHappens(t *testing.T) {
	for _, port := range []string{"http", "0", "65536", "-1", ""} {
		s := childtest.Step(t, plan.Step{Verb: "access"}, shop(port))
		env, _ := childtest.Env(t, s, step.Forward)
		h := access.New(childtest.Runner(t, nil), childtest.Probes(t), &kernel{})
		if _, err := h.Prepare(t.Context(), env, s); err == nil || !strings.Contains(err.Error(), "no number from 1 to 65535") {
			t.Errorf("port %q: %v", port, err)
		}
	}
}

// After a reboot the rules are gone; the run brings them back, with the end
// that users were told before.
func TestResumeAfterAReboot(t *testing.T) {
	g := &kernel{point: func(_ string, f func() error) error { return f() }}
	s := childtest.Step(t, plan.Step{Verb: "access"}, shop("80"))
	env, _ := childtest.Env(t, s, step.Forward)
	h := access.New(childtest.Runner(t, nil), childtest.Probes(t), g)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	must(t, h.Do(t.Context(), env, s, m))
	first := g.spec.Page.ExpectedEnd
	g.up, g.alive, g.spec = false, false, gate.Spec{}
	must(t, h.Resume(t.Context(), env, s, m))
	if !g.up || !g.spec.Page.ExpectedEnd.Equal(first) || time.Until(first) < 55*time.Minute {
		t.Errorf("resumed, the gate is %+v, want it up and the end %s", g.spec, first)
	}
}

// The real gate, in a network namespace of its own: users see the page, and
// the product again afterwards.
func TestRealGate(t *testing.T) {
	if os.Getenv("ACCESS_TEST_NAMESPACE") == "" {
		lab.Root(t)
		c := exec.Command(os.Args[0], "-test.run=^TestRealGate$", "-test.v")
		c.Env = append(os.Environ(), "ACCESS_TEST_NAMESPACE=1")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		out, err := c.CombinedOutput()
		switch {
		case errors.Is(err, unix.EPERM):
			t.Skip("no right to make a network namespace: ", err)
		case err != nil:
			t.Fatalf("in its namespace: %v\n%s", err, out)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("skipped in its namespace: %s", out)
		}
		return
	}
	loopback(t)
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	must(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the shop") })}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()

	g := gate.New()
	defer g.Close()
	if err := g.Supported(); err != nil {
		t.Skip(err)
	}
	h := access.New(childtest.Runner(t, nil), childtest.Probes(t), g)
	s := childtest.Step(t, plan.Step{ID: "gate", Verb: "access"}, shop("8080"))
	env, _ := childtest.Env(t, s, step.Forward)
	m, err := h.Prepare(t.Context(), env, s)
	must(t, err)
	must(t, h.Do(t.Context(), env, s, m))
	sees(t, http.StatusServiceUnavailable, "Shop is being upgraded to 2.0")
	state(t, h, env, s, m, step.New)

	g.Close() // the engine died: users are out, and a new engine shows the page again
	g2 := gate.New()
	defer g2.Close()
	h = access.New(childtest.Runner(t, nil), childtest.Probes(t), g2)
	state(t, h, env, s, m, step.Mixed)
	must(t, h.Resume(t.Context(), env, s, m))
	sees(t, http.StatusServiceUnavailable, "Shop is being upgraded to 2.0")

	p := shop("8080")
	p.Reopen = "gate"
	open := childtest.Step(t, plan.Step{ID: "reopen", Verb: "access"}, p)
	mo, err := h.Prepare(t.Context(), env, open)
	must(t, err)
	must(t, h.Do(t.Context(), env, open, mo))
	state(t, h, env, open, mo, step.New)
	sees(t, http.StatusOK, "the shop")
}

func state(t *testing.T, h *access.Handler, env step.Env, s plan.Step, m step.Memo, want step.State) {
	t.Helper()
	obs, err := h.Observe(t.Context(), env, s, m)
	if err != nil || obs.State != want {
		t.Errorf("%s is %+v, %v, want %s", s.ID, obs, err, want)
	}
}

func sees(t *testing.T, status int, text string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	r, err := c.Get("http://127.0.0.1:8080/")
	if err != nil {
		t.Errorf("a user sees %v", err)
		return
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status || !strings.Contains(string(b), text) {
		t.Errorf("a user sees %d %q, %v, want %d and %q", r.StatusCode, b, err, status, text)
	}
}

func loopback(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(t, err)
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	must(t, err)
	req.SetUint16(unix.IFF_UP)
	must(t, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}
