package probe

import (
	"crypto/rand"
	"sync"
)

// operation is on whose behalf probes are read.
type operation struct {
	id string
	mu sync.Mutex // one command of an operation at a time: they share a scope
}

func newOperation(id string) *operation { return &operation{id: id} }

// session names database sessions.
func (o *operation) session() string {
	if o.id == "" {
		return "probe"
	}
	return o.id
}

// command names the scope of a command probe, and makes it wait for its turn
// where the scope is shared. done must be called.
func (o *operation) command() (id string, fresh bool, done func()) {
	if o.id == "" {
		return "probe/" + rand.Text(), true, func() {}
	}
	o.mu.Lock()
	return o.id, false, o.mu.Unlock
}
