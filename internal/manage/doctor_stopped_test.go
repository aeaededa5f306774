package manage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/service"
	"upkeep/internal/site"
)

// crew are services by name, and what was done with them.
type crew struct {
	runs  map[string]bool
	pids  map[string]int
	fails map[string]bool // "stop db"
	did   []string
	on    func(what string)
}

type member struct {
	*crew
	id string
}

func (m member) do(what string, runs bool) error {
	what += " " + m.id
	if m.fails[what] {
		return errors.New(what + ": it would not")
	}
	if m.on != nil {
		m.on(what)
	}
	m.did, m.runs[m.id] = append(m.did, what), runs
	return nil
}

func (m member) State(context.Context, service.Spec) (service.State, error) {
	return service.State{Running: m.runs[m.id], PID: m.pids[m.id]}, nil
}
func (m member) Start(context.Context, service.Spec) error           { return m.do("start", true) }
func (m member) Stop(context.Context, service.Spec) error            { return m.do("stop", false) }
func (m member) Inhibit(context.Context, service.Spec, string) error { return nil }
func (m member) Allow(context.Context, service.Spec) error           { return nil }
func (m member) Inhibited(context.Context, service.Spec) (string, bool, error) {
	return "", false, nil
}

// visited is a visit to an installation with services of which some run: db and
// two pools of the shop, and one of another application.
func visited(t *testing.T, runs ...string) (*Visit, *crew) {
	t.Helper()
	p, _, err := decode("upkeep.yaml", []byte(`product: {id: shop, versions: dotted}
components: {shop: {kind: tree, at: /srv/shop}, office: {kind: tree, at: /srv/office}}
services:
  - {id: db, start: [db], stop: [db], state: {exists: /x}}
  - {id: one, of: [shop], start: [one], stop: [one], state: {exists: /x}}
  - {id: two, of: [office, shop], start: [two], stop: [two], state: {exists: /x}}
  - {id: three, of: [office], start: [three], stop: [three], state: {exists: /x}}
remedies:
  - {symptom: it is slow, probe: {exists: /x}, fix: [{hold: {pools: shop}, to: stopped, during: [{run: [look]}]}]}
---
release: {product: shop, version: "1"}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := &crew{runs: map[string]bool{}, pids: map[string]int{}, fails: map[string]bool{}}
	for _, id := range runs {
		w.runs[id] = true
	}
	in := &Installation{Doc: &site.Installation{ID: "shop", Product: "shop"}, State: t.TempDir(), FS: durable.OS(),
		services: local.Services{Command: func(s plan.Service) service.Manager { return member{w, s.ID} }}}
	r, err := plan.NewResolver(p, in.Doc, plan.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	return &Visit{c: &consultation{Installation: in, product: p, resolver: r}}, w
}

// Exactly what ran is stopped, in the reverse order, and started again; what will
// be stopped is written down before.
func TestHold_S3_42(t *testing.T) {
	v, w := visited(t, "db", "one", "two", "three")
	r := v.c.steps(t.Context(), v.c.product.Remedies[0].Fix)[0]
	if !slices.Equal(r.Stops, []string{"one", "two"}) || len(r.Idle) > 0 || !r.Carries() {
		t.Fatalf("%+v", r)
	}
	w.runs["two"] = false // it has ended since that was shown
	w.on = func(what string) {
		s, err := v.c.leftStopped()
		if err != nil || s == nil || !slices.Equal(s.IDs(), []string{"one"}) || s.For != "it is slow" || s.Doctor != os.Getpid() {
			t.Errorf("at %s the register has %+v, %v", what, s, err)
		}
	}
	sp, err := v.Hold(t.Context(), Symptom{Text: "it is slow"}, r, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Hold(t.Context(), Symptom{}, r, "bert"); err == nil || !strings.Contains(err.Error(), "another doctor") {
		t.Errorf("a second doctor: %v", err)
	}
	started, err := sp.End(t.Context())
	if err != nil || !slices.Equal(started, []string{"one"}) || !slices.Equal(w.did, []string{"stop one", "start one"}) || w.runs["two"] {
		t.Errorf("%v, %v, %v", started, w.did, err)
	}
	if s, err := v.c.leftStopped(); s != nil || err != nil {
		t.Errorf("the register still has %v, %v", s, err)
	}
}

// What was stopped already is started again when another service does not stop.
func TestHoldThatFails_S3_42(t *testing.T) {
	v, w := visited(t, "one", "two")
	w.fails["stop one"] = true
	r := v.c.steps(t.Context(), v.c.product.Remedies[0].Fix)[0]
	_, err := v.Hold(t.Context(), Symptom{}, r, "anna")
	if err == nil || !strings.Contains(err.Error(), "stop one: it would not") || !w.runs["one"] || !w.runs["two"] {
		t.Errorf("%v, %v", w.runs, err)
	}
	if s, err := v.c.leftStopped(); s != nil || err != nil || holder(v.c.doctorLockPath()) != 0 {
		t.Errorf("the register still has %v, %v", s, err)
	}
}

// A doctor that was killed leaves behind what it has stopped: that is found,
// nothing more is stopped before, and what was started is found no more.
func TestHoldThatIsKilled_S3_42(t *testing.T) {
	v, w := visited(t, "db", "one", "two")
	r := v.c.steps(t.Context(), v.c.product.Remedies[0].Fix)[0]
	sp, err := v.Hold(t.Context(), Symptom{Text: "it is slow"}, r, "anna")
	if err != nil {
		t.Fatal(err)
	}
	sp.lock.release() // as the kernel does
	found, err := lookStopped(t.Context(), v.c)
	if err != nil || len(found) != 1 || found[0].Text != "the doctor was interrupted: one, two are still stopped" || len(found[0].Try) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	if all, err := lookServices(t.Context(), v.c); err != nil || len(all) != 1 || all[0].ID != "stopped.three" {
		t.Errorf("it is told twice: %+v, %v", all, err)
	}
	if _, err := v.Hold(t.Context(), Symptom{}, r, "anna"); err == nil || !strings.Contains(err.Error(), "one, two are still stopped: start that first") {
		t.Errorf("another hold: %v", err)
	}
	w.fails["start two"] = true
	for _, one := range found[0].Try {
		_ = v.Carry(t.Context(), one, "anna", &strings.Builder{})
	}
	if s, err := v.c.stopped(t.Context()); err != nil || s == nil || !slices.Equal(s.IDs(), []string{"two"}) {
		t.Errorf("left is %+v, %v", s, err)
	}
	w.runs["two"] = true // somebody has started it by hand
	if found, err := lookStopped(t.Context(), v.c); err != nil || len(found) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if err := os.WriteFile(v.c.stoppedPath(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lookStopped(t.Context(), v.c); err == nil || !strings.Contains(err.Error(), "cannot tell which services the doctor has stopped") {
		t.Errorf("a damaged register: %v", err)
	}
}

// An engine whose run has ended starts what a doctor has left that is gone, and
// leaves the rest to one that is there.
func TestStartAbandoned_S3_42(t *testing.T) {
	v, w := visited(t, "one")
	r := v.c.steps(t.Context(), v.c.product.Remedies[0].Fix)[0]
	sp, err := v.Hold(t.Context(), Symptom{}, r, "anna")
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	note := func(s string) { notes = append(notes, s) }
	if v.c.startAbandoned(t.Context(), note); w.runs["one"] || len(notes) > 0 {
		t.Errorf("the doctor is there: %v", notes)
	}
	sp.lock.release()
	if v.c.startAbandoned(t.Context(), note); !w.runs["one"] || len(notes) != 1 {
		t.Errorf("the doctor is gone: %v", notes)
	}
}

// The register survives a power cut, and so does that it is empty.
func TestRegisterIsDurable(t *testing.T) {
	disk := crashfs.New()
	in := &Installation{State: "/state", FS: disk}
	if err := disk.MkdirAll("/state", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := in.register(&Stopped{Services: []plan.Service{{ID: "one"}}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		after := &Installation{State: "/state", FS: disk.Crash(crashfs.KeepNone())}
		if s, err := after.leftStopped(); err != nil || (s != nil) != want {
			t.Errorf("after a power cut: %+v, %v, want one: %v", s, err, want)
		}
		if err := in.register(nil); err != nil {
			t.Fatal(err)
		}
	}
}

// What the vendor's own probe asks is not asked again.
func TestAskedByTheVendor(t *testing.T) {
	v, _ := visited(t)
	r := &v.c.product.Remedies[0]
	r.Probe.Source = "open-files"
	for folder, want := range map[string]bool{"/srv/shop": true, "/srv/shop/": true, "/srv": true, "/srv/shop/images": false, "/srv/sho": false} {
		if r.Probe.Args = []string{folder}; v.c.asked(filepath.Clean("/srv/shop")) != want {
			t.Errorf("the vendor asks for %s: want %v", folder, want)
		}
	}
	if r.Probe.Source, r.Probe.Args = "exists", []string{"/srv/shop"}; v.c.asked("/srv/shop") {
		t.Error("another probe says nothing of users")
	}
}
