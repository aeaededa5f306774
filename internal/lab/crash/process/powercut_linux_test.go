package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/tap"
)

// The power is cut while an upgrade over two hops runs: journal, product and
// database lie on one volume, and only what was flushed is there afterwards.
func TestPowerCutForward(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	powerCuts(t, "ext4", r.target("power cut forward", 0, "3.0", r.good), 48)
}

// The same on the way back of a migration that fails.
func TestPowerCutBack(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	powerCuts(t, "ext4", r.target("power cut back", 6, "1.0", r.bad), 32)
}

// The same on XFS.
func TestPowerCutXFS(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	powerCuts(t, "xfs", r.target("power cut on XFS", 0, "3.0", r.good), 20)
}

// powerCuts copies the volume's image before chosen operations of the engine;
// each copy is mounted at the same place, and recovered.
func powerCuts(t *testing.T, kind string, x Target, many int) {
	dice, seed := Seed(t)
	u := Trace(t, x)
	v := NewVolume(t, kind)
	x.In, x.Users, x.Notes = v.At, false, true
	w := New(t, x)
	w.users = serve(w) // one row of users is there
	w.users.rest()
	w.users = nil
	before := Look(w)
	v.Sync()

	var must, may []int // the states right after a commit, and all others
	for _, o := range u.Ops {
		switch {
		case o.Process != "engine" || x.Code == 6 && !backward(u, o):
		case o.N > 1 && journalAt(u, o.N-1):
			must = append(must, o.N)
		default:
			may = append(may, o.N)
		}
	}
	ats := append(scale.Sample(must, many/2, dice), scale.Sample(may, many/2, dice)...)
	copies := filepath.Join(lab.Dir(t), "copies")
	if err := os.Mkdir(copies, 0o755); err != nil {
		t.Fatal(err)
	}
	w.With(&fault.Spec{Process: "engine", Do: fault.Copy, Ats: ats, Image: v.Image, Copies: copies})
	began := time.Now()
	w.Must(x.Code, w.Args...)
	took := time.Since(began)
	w.With(nil)
	after := Look(w)
	images, err := filepath.Glob(filepath.Join(copies, "*.img"))
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	v.Unmount()
	v.Renumber()
	last := 0 // a run may make some operations less than the one that was traced
	for _, o := range u.Ops {
		if o.Process == "engine" {
			last = max(last, o.N)
		}
	}
	late := len(slices.DeleteFunc(slices.Clone(ats), func(n int) bool { return n <= last-fewer }))
	if len(images) > len(ats) || len(images) < len(ats)-late {
		t.Errorf("%d images of %d moments", len(images), len(ats))
	}
	c := &Count{Ends: map[string]int{}}
	started := 0
	for _, image := range images {
		name := strings.TrimSuffix(filepath.Base(image), ".img")
		t.Run(name, func(t *testing.T) {
			if err := v.Mount(image); err != nil {
				t.Fatal(err)
			}
			defer v.Unmount()
			defer w.Stop()
			if afterPowerCut(t, w, before, after, c) {
				started++
			}
		})
		if err := os.Remove(image); err != nil {
			t.Error(err)
		}
	}
	if err := v.Mount(v.Image); err != nil { // for the end of the site
		t.Fatal(err)
	}
	t.Logf("%s on %s: %d operations, copied for %v; %d images ended %v; the service was started by hand before in %d; recovery %v in the median, %v at worst",
		x.Name, kind, len(u.Ops), took.Round(time.Millisecond), len(images), c.Ends, started, c.Median(), c.Worst())
	tally.Seeded(t, "power cut", "images", len(images), seed)
	tally.Seeded(t, "power cut", "between", c.Between, seed)
	tally.Seeded(t, "power cut", "recovery median ms", int(c.Median().Milliseconds()), seed)
	tally.Seeded(t, "power cut", "recovery worst ms", int(c.Worst().Milliseconds()), seed)
}

func journalAt(u *Undisturbed, n int) bool {
	return slices.ContainsFunc(u.Ops, func(o tap.Traced) bool { return o.Process == "engine" && o.N == n && o.Kind == "journal" })
}

// backward says whether the operation comes after the decision to go back.
func backward(u *Undisturbed, o tap.Traced) bool {
	return slices.ContainsFunc(u.Ops, func(d tap.Traced) bool { return d.Process == "engine" && d.Path == "Decision" && d.N <= o.N })
}

// afterPowerCut recovers what a power cut has left, by the ordinary command. A
// service that Upkeep runs itself does not start with the computer (limits.md):
// where the run does not keep it stopped, an administrator starts it before, as
// systemd would start a unit. It says whether that was so.
func afterPowerCut(t *testing.T, w *World, before, after Seen, c *Count) bool {
	t.Helper()
	started := !w.Exists("upkeep/services/web.inhibit")
	if started {
		w.Start()
	}
	began := time.Now()
	r := Recover(w, c)
	took := time.Since(began)
	v := Judge(w, r.Code, before, after, false)
	c.add(func() {
		c.recovery = append(c.recovery, took)
		c.Ends[v.Result]++
		if v.Wrong != "" {
			c.Between++
		}
	})
	if v.Wrong != "" {
		t.Errorf("%s\n%v\n%s", v.Wrong, r, w.Log())
	}
	return started
}
