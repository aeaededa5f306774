package hub

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// Store keeps what is known of people. Several processes may have it: the hub, and
// a command of the terminal.
type Store interface {
	// Read gives what was kept last; nil before that.
	Read() ([]byte, error)
	// Change has f make what is kept anew, while nobody else does. When f fails,
	// everything stays.
	Change(f func(old []byte) ([]byte, error)) error
}

// rosterFormat is the version of what is kept.
const rosterFormat = 1

// roster is all that is known of people. Of codes, sessions and passwords it has
// the sums only.
type roster struct {
	Format   int              `json:"format"`
	Accounts []account        `json:"accounts"`
	Links    []link           `json:"links,omitempty"`
	Sessions []session        `json:"sessions,omitempty"`
	Tries    map[string]tries `json:"tries,omitempty"` // wrong ones in a row, by sum of the name
}

type account struct {
	Name     string    `json:"name"`
	Role     ask.Role  `json:"role"`
	Password string    `json:"password,omitempty"` // argon2id, in the form of its reference
	Since    time.Time `json:"since"`
	By       string    `json:"by"`
}

type link struct {
	Sum     string    `json:"sum"`
	Name    string    `json:"name"`
	Made    time.Time `json:"made"`
	Invited bool      `json:"invited,omitempty"` // by somebody else than who has started the hub
}

func parseRoster(raw []byte) (*roster, error) {
	r := &roster{Format: rosterFormat}
	if len(raw) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("cannot read who has an account: %w", err)
	}
	if r.Format != rosterFormat {
		return nil, fmt.Errorf("cannot read who has an account: it is of format %d, and this Upkeep reads %d", r.Format, rosterFormat)
	}
	return r, nil
}

// account finds an account; names that differ by the case of their letters are
// the same.
func (r *roster) account(name string) *account {
	i := slices.IndexFunc(r.Accounts, func(a account) bool { return strings.EqualFold(a.Name, name) })
	if i < 0 {
		return nil
	}
	return &r.Accounts[i]
}

func (r *roster) session(id string) *session {
	i := slices.IndexFunc(r.Sessions, func(s session) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Sessions[i]
}

func (r *roster) endSessions(name string) {
	r.Sessions = slices.DeleteFunc(r.Sessions, func(s session) bool { return strings.EqualFold(s.Name, name) })
}

// sweep forgets what is over.
func (r *roster) sweep(now time.Time) {
	r.Sessions = slices.DeleteFunc(r.Sessions, func(s session) bool { return s.over(now) })
	r.Links = slices.DeleteFunc(r.Links, func(l link) bool { return now.Sub(l.Made) > linkLasts })
	for k, t := range r.Tries {
		if now.Sub(t.At) > triesForgotten {
			delete(r.Tries, k)
		}
	}
}

func sum(secret string) string {
	s := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(s[:])
}

// newCode is a secret that nobody guesses: 130 bits of chance.
func newCode() string { return rand.Text() }

// memory keeps it as long as the process runs.
type memory struct {
	mu  sync.Mutex
	raw []byte
}

func (m *memory) Read() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.raw, nil
}

func (m *memory) Change(f func([]byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, err := f(m.raw)
	if err == nil {
		m.raw = raw
	}
	return err
}
