package kin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"upkeep/internal/scope/proc"
)

// killWait bounds the wait for processes that were sent KILL.
const killWait = 10 * time.Second

// Members returns the group's living processes, zombies left out, and never
// the caller or one that it descends from.
func (g Group) Members() ([]proc.Proc, error) {
	if g.Boot != "" {
		boot, err := proc.BootID()
		if err != nil {
			return nil, err
		}
		if boot != g.Boot {
			return nil, nil
		}
	}
	all, err := proc.All()
	if err != nil {
		return nil, err
	}
	return g.among(all), nil
}

// Has tells whether a process is a member.
func (g Group) Has(p proc.Proc) bool {
	m, err := g.Members()
	return err == nil && slices.ContainsFunc(m, func(q proc.Proc) bool { return q.ID == p.ID })
}

// Populated tells cheaply whether the control group holds a process. Without
// one it answers through Members.
func (g Group) Populated() (bool, error) {
	if g.Cgroup != "" {
		if len(cgroupPIDs(g.Cgroup)) > 0 {
			return true, nil
		}
		if _, err := os.Stat(g.Cgroup); err == nil {
			return false, nil
		}
	}
	m, err := g.Members()
	return len(m) > 0, err
}

// among finds the members in a snapshot of all processes.
func (g Group) among(all []proc.Proc) []proc.Proc {
	byPID := make(map[int]proc.Proc, len(all))
	for _, p := range all {
		byPID[p.PID] = p
	}
	spared := ancestry(byPID)
	in := map[int]bool{}
	add := func(p proc.Proc) bool {
		if in[p.PID] || spared[p.PID] || p.PID == 1 || p.Kernel || p.Start < g.Since {
			return false
		}
		in[p.PID] = true
		return true
	}
	if g.Cgroup != "" {
		for _, pid := range cgroupPIDs(g.Cgroup) {
			if p, ok := byPID[pid]; ok {
				add(p)
			}
		}
	}
	for _, id := range append(slices.Clone(g.Also), g.Leader) {
		if p, ok := byPID[id.PID]; ok && p.Start == id.Start {
			add(p)
		}
	}
	marked := map[int]bool{}
	if g.Marker != "" {
		for _, p := range all {
			if p.Start < g.Since || spared[p.PID] || p.Kernel {
				continue
			}
			if env, err := proc.Environ(p.PID); err == nil && proc.HasEntry(env, g.Marker) {
				marked[p.PID] = true
				add(p)
			}
		}
	}
	// A session or process group is the group's own when a member leads it, or
	// when its leader is gone and a marked process is in it. A login shell from
	// which somebody started a service is therefore never taken for a member.
	own := func(leader int, orphan map[int]bool) bool {
		if leader <= 0 || spared[leader] {
			return false
		}
		if in[leader] {
			return true
		}
		_, alive := byPID[leader]
		return !alive && orphan[leader]
	}
	// Nothing is older than the first of those that were found for certain:
	// whatever else goes wrong here, the machine's own processes are not hit.
	first := uint64(math.MaxUint64)
	if g.Leader.PID > 0 {
		first = g.Leader.Start
	}
	for pid := range in {
		first = min(first, byPID[pid].Start)
	}
	sessions, pgids := map[int]bool{}, map[int]bool{}
	for pid := range marked {
		sessions[byPID[pid].Session], pgids[byPID[pid].PGID] = true, true
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.PID] || p.Start < first {
				continue
			}
			if in[p.PPID] || own(p.Session, sessions) || own(p.PGID, pgids) {
				grown = add(p) || grown
			}
		}
	}
	var out []proc.Proc
	for pid := range in {
		if p := byPID[pid]; !p.Dead() {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b proc.Proc) int { return a.PID - b.PID })
	return out
}

// ancestry is the caller and all it descends from.
func ancestry(byPID map[int]proc.Proc) map[int]bool {
	out := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !out[pid]; pid = byPID[pid].PPID {
		out[pid] = true
	}
	return out
}

// End ends every member: TERM to all, then, after grace or when ctx is done,
// KILL until nobody is left. It returns how many there were. It is idempotent.
// The control group is removed.
func (g Group) End(ctx context.Context, grace time.Duration) (int, error) {
	seen := map[proc.ID]proc.Proc{}
	look := func() ([]proc.Proc, error) {
		m, err := g.Members()
		for _, p := range m {
			seen[p.ID] = p
		}
		// One that is just ending has lost its environment, by which it was
		// found, and still runs: what was a member once is waited for.
		for id, p := range seen {
			if !slices.ContainsFunc(m, func(q proc.Proc) bool { return q.ID == id }) && proc.Running(id) {
				m = append(m, p)
			}
		}
		return m, err
	}
	m, err := look()
	if err != nil {
		return 0, fmt.Errorf("cannot end what is left: %w", err)
	}
	if len(m) > 0 && grace > 0 {
		var gone bool
		if m, gone, err = g.term(ctx, m, grace, look); err != nil {
			return len(seen), err
		}
		if gone {
			m = nil
		}
	}
	if len(m) > 0 {
		if m, err = g.kill(m, look); err != nil {
			return len(seen), err
		}
	}
	if len(m) > 0 {
		return len(seen) - len(m), fmt.Errorf("cannot end %s: still there %v after KILL (in an uninterruptible wait of the kernel?)", names(m), killWait)
	}
	if g.Cgroup != "" {
		removeCgroup(g.Cgroup)
	}
	return len(seen), nil
}

// term asks all members to end and waits for it.
func (g Group) term(ctx context.Context, m []proc.Proc, grace time.Duration, look func() ([]proc.Proc, error)) ([]proc.Proc, bool, error) {
	asked := map[proc.ID]bool{}
	end := time.Now().Add(grace)
	pause := time.Millisecond
	for {
		for _, p := range m {
			if asked[p.ID] {
				continue
			}
			asked[p.ID] = true
			if err := signal(p, syscall.SIGTERM); err != nil {
				return m, false, err
			}
			_ = proc.Signal(p.ID, syscall.SIGCONT) // a stopped process cannot hear TERM
		}
		// The known ones are asked cheaply; all processes are read again only
		// when those are gone, or now and then.
		for next := time.Now().Add(200 * time.Millisecond); ; {
			alive := slices.ContainsFunc(m, func(p proc.Proc) bool { return proc.Running(p.ID) })
			now := time.Now()
			if !alive || now.After(next) || now.After(end) || ctx.Err() != nil {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, 20*time.Millisecond)
		}
		var err error
		if m, err = look(); err != nil {
			return nil, false, fmt.Errorf("cannot end what is left: %w", err)
		}
		if len(m) == 0 {
			return nil, true, nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return m, false, nil
		}
	}
}

// kill kills the members, and what they forked meanwhile, until none is left.
func (g Group) kill(m []proc.Proc, look func() ([]proc.Proc, error)) ([]proc.Proc, error) {
	end := time.Now().Add(killWait)
	pause := time.Millisecond
	for {
		if g.Cgroup != "" && !selfInside(g.Cgroup) {
			_ = killCgroup(g.Cgroup) // at once, so that nothing forks away; what it misses is next
		}
		for _, p := range m {
			if err := signal(p, syscall.SIGKILL); err != nil {
				return m, err
			}
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
		var err error
		if m, err = look(); err != nil {
			return nil, fmt.Errorf("cannot end what is left: %w", err)
		}
		if len(m) == 0 || time.Now().After(end) {
			return m, nil
		}
	}
}

func signal(p proc.Proc, sig syscall.Signal) error {
	if err := proc.Signal(p.ID, sig); err != nil && !errors.Is(err, proc.ErrGone) {
		return fmt.Errorf("cannot end %s: %w", p, err)
	}
	return nil
}

func selfInside(dir string) bool {
	all := map[int]proc.Proc{}
	for pid := os.Getpid(); pid > 1; {
		p, err := proc.Read(pid)
		if err != nil {
			break
		}
		all[pid], pid = p, p.PPID
	}
	for _, pid := range cgroupPIDs(dir) {
		if _, ok := all[pid]; ok {
			return true
		}
	}
	return false
}

func names(m []proc.Proc) string {
	var s []string
	for _, p := range m {
		s = append(s, p.String())
	}
	return strings.Join(s, ", ")
}
