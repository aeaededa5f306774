package probe

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/plan"
	"upkeep/internal/scope/proc"
)

// sitting is what probes share that are read at about one moment: the lists of
// processes and of packages, and connections to databases.
type sitting struct {
	all  func() ([]proc.Proc, error)
	dpkg struct {
		once sync.Once
		list map[string]string
		err  error
	}
	mu    sync.Mutex
	pools map[string]*pool
	over  bool
}

// pool is the connections to one database.
type pool struct {
	idle  chan database.Database
	open  int
	grown time.Time // when one more was opened last
}

// A database is asked over a few connections. One more is opened when none of
// them comes free in a moment, and then one after the other, so that slow
// statements do not hold up the others.
const (
	enough = 2
	moment = 250 * time.Millisecond
	growth = 20 * time.Millisecond
)

// keeper is a database that can keep a connection between questions.
type keeper interface{ Keep() }

// Sitting returns the same evaluator for many probes that are read at about one
// moment: what several of them need is read once, or kept open between them.
// The end of it must be called; what is read after it shares nothing.
func (e *Evaluator) Sitting() (shared *Evaluator, end func()) {
	other := *e
	other.sitting = &sitting{all: sync.OnceValues(proc.All), pools: map[string]*pool{}}
	return &other, other.sitting.end
}

func (s *sitting) processes() ([]proc.Proc, error) {
	if s == nil {
		return proc.All()
	}
	return s.all()
}

// packages gives the list that the first who asks has made.
func (s *sitting) packages(make func() (map[string]string, error)) (map[string]string, error) {
	s.dpkg.once.Do(func() { s.dpkg.list, s.dpkg.err = make() })
	return s.dpkg.list, s.dpkg.err
}

func (s *sitting) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, p := range s.pools {
		for len(p.idle) > 0 {
			(<-p.idle).Close() // it was only read
		}
	}
}

// database opens a database, or takes one that another probe has done with.
// done must be called.
func (e *Evaluator) database(ctx context.Context, which plan.Database) (db database.Database, done func(), err error) {
	open := func() (database.Database, error) { return e.deps.Database(ctx, which, e.op.session()) }
	key, err := json.Marshal(which)
	if e.sitting == nil || err != nil {
		if db, err = open(); err != nil {
			return nil, nil, err
		}
		return db, func() { db.Close() }, nil
	}
	p, more := e.sitting.pool(string(key))
	for began := time.Now(); !more; more = e.sitting.mayGrow(p, began) {
		wait := time.NewTimer(growth)
		select {
		case db = <-p.idle:
			wait.Stop()
			return db, func() { e.sitting.put(p, db) }, nil
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, nil, context.Cause(ctx)
		}
	}
	if db, err = open(); err != nil {
		return nil, nil, err
	}
	if k, ok := db.(keeper); ok {
		k.Keep()
	}
	return db, func() { e.sitting.put(p, db) }, nil
}

// pool gives the connections to a database, and whether one more may be opened at once.
func (s *sitting) pool(key string) (p *pool, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pools[key] == nil {
		s.pools[key] = &pool{idle: make(chan database.Database, 64)}
	}
	p = s.pools[key]
	if p.open < enough {
		p.open++
		return p, len(p.idle) == 0
	}
	return p, false
}

// mayGrow says whether one that has waited since then may open one more.
func (s *sitting) mayGrow(p *pool, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(since) < moment || now.Sub(p.grown) < growth {
		return false
	}
	p.grown = now
	return true
}

func (s *sitting) put(p *pool, db database.Database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over { // otherwise it was left behind by its time limit
		select {
		case p.idle <- db:
			return
		default:
		}
	}
	db.Close()
}
