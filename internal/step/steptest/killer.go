package steptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap"
)

// Killer knows the moments of a handler: each call that writes to a file
// through its FS, and each Point of a stand-in. It can let the process die at
// any of them.
type Killer struct {
	mu     sync.Mutex
	log    []moment // what was done, in order
	ledger ledger
	only   only
	armed  bool
	manner manner
	at     int // index in log
	cancel context.CancelFunc
	dead   bool
	hit    bool
}

// moment is one effect that a handler made.
type moment struct {
	name string
	torn bool // it can be made by half
}

func newKiller() *Killer { return &Killer{ledger: ledger{}, only: only{}} }

// FS is the machine's file system, whose writes are moments. Syncs cost
// nothing in it, but a write that is never synced is a failure of the suite.
// tap.MutantEnv may make it wrong.
func (k *Killer) FS() durable.FS {
	return tap.Mutated(&deadlyFS{FS: durable.OS(), raw: durable.OS().Unsynced(), k: k, synced: true})
}

// Point is a moment of something that is not a file: stand-ins call it around
// each of their effects and return its error instead of going on.
//
//	return k.Point("start web", func() error { w.running = true; return nil })
//
// The name must not hold what differs from run to run.
func (k *Killer) Point(name string, effect func() error) error {
	return k.moment(name, effect, nil)
}

// moment carries out one effect, unless the process dies at it. torn makes
// half of the effect, where there is a half.
func (k *Killer) moment(name string, effect, torn func() error) error {
	k.mu.Lock()
	if k.dead {
		k.mu.Unlock()
		return ErrKilled
	}
	n := len(k.log)
	k.log = append(k.log, moment{name, torn != nil})
	now := k.armed && n == k.at
	if now {
		k.hit = true
		k.dead = k.manner == killedBefore || k.manner == killedAfter || k.manner == killedAmid
	}
	m, cancel := k.manner, k.cancel
	k.mu.Unlock()
	if !now {
		return effect()
	}
	switch m {
	case refused:
		return fmt.Errorf("%s: %w", name, ErrFull)
	case cancelled:
		cancel()
		return effect()
	case killedAfter:
		if err := effect(); err != nil {
			return err
		}
	case killedAmid:
		if torn != nil {
			_ = torn()
		}
	}
	return ErrKilled
}

func (k *Killer) arm(m manner, n int, cancel context.CancelFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.manner, k.at, k.cancel, k.hit = true, m, len(k.log)+n, cancel, false
}

// disarm brings a new process to life and says whether the moment came.
func (k *Killer) disarm() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.dead = false, false
	k.only = only{}
	k.ledger = ledger{} // a new process syncs what it makes; what was there is the kernel's
	return k.hit
}

func (k *Killer) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.log)
}

func (k *Killer) since(n int) []moment {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.log[n:])
}

func (k *Killer) dirty() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(append(k.ledger.list(), k.only.list()...), func(what string) bool {
		return strings.Contains(what, "/upkeep-tmp_") // temporary folders: see package scratch
	})
}

func (k *Killer) note(f func(ledger)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k.ledger)
}

func (k *Killer) order(f func(only, ledger)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k.only, k.ledger)
}

func (k *Killer) changes(path string) {
	k.order(func(o only, l ledger) { o.changes(l, path) })
}
