// Package gate keeps a product's users out while Upkeep works on it, and lets
// Upkeep's own probes in. Every user gets an honest page instead: what is going
// on, and when it is expected to end.
//
// How: one nftables table (family inet, "upkeep-NAME") with one chain in the
// prerouting hook. Of the packets to the product's ports on this machine, those
// that carry Upkeep's mark (SO_MARK, which only root can set) pass; new
// connections are handed to a small listener on loopback by a transparent
// proxy (tproxy); connections from before are reset, so a page that was kept
// open does not reach the product either; UDP is refused.
//
// Why tproxy and not a redirect by address translation: the packet keeps its
// destination, so the host's own firewall, which allows the product's port and
// no other, lets it through; the listener stays on loopback; and nothing
// depends on connection tracking, which knows nothing of older connections.
// A dead listener's port cannot be taken by another program: tproxy hands
// packets to a transparent socket only.
//
// The rules live in the kernel and outlive the engine; users then get a reset,
// and are still out. They do not outlive a reboot or a `nft flush ruleset`.
// Ports that a container engine publishes by address translation are not
// covered: that traffic is forwarded, not received.
//
// It works on Linux as root; Supported says why not elsewhere. It may import
// the standard library, golang.org/x/sys and github.com/google/nftables.
package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultMark is the mark of Upkeep's probes. It avoids the bits that common
// software takes for its own: Kubernetes 0x4000 and 0x8000, Tailscale 0xff0000,
// Cilium 0xf00, Calico 0xffff0000.
const DefaultMark uint32 = 0x1075

// ErrUnsupported is wrapped by what Supported returns.
var ErrUnsupported = errors.New("no gate is possible here")

// ErrNotUp is returned by SetPage for a gate whose listener this process does not hold.
var ErrNotUp = errors.New("this gate is not up")

// Spec describes one gate.
type Spec struct {
	Name     string   // of the installation: lower-case letters, digits, - and _
	Ports    []uint16 // of the product, TCP and UDP
	Mark     uint32   // that passes; 0 = DefaultMark
	PassUIDs []uint32 // accounts whose local processes pass: a product that talks to itself
	Page     Page
}

// State is what the kernel holds of a gate.
type State struct {
	Up        bool
	Ports     []uint16
	Mark      uint32
	Answering bool // this process answers users; else they get a reset
}

// Gate puts gates up and down. It is safe for concurrent use.
type Gate struct {
	mu        sync.Mutex
	listeners map[string]*listener
	now       func() time.Time
}

// New makes a Gate that has none up. Those of an earlier process are seen by
// State and taken down by Down.
func New() *Gate { return &Gate{listeners: map[string]*listener{}, now: time.Now} }

// Supported returns nil where a gate can be put up, or why not. It really
// tries: the rules are compiled by the kernel in a transaction that leaves nothing.
func (g *Gate) Supported() error {
	if err := try(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return nil
}

// Up puts the gate up, or brings it to this Spec, in one transaction: users are
// either all in or all out. It is idempotent, also over a gate that an earlier
// process left.
func (g *Gate) Up(ctx context.Context, s Spec) error {
	s, err := s.checked()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot put up the gate of %s: %w", s.Name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.listeners[s.Name]
	if l == nil {
		if l, err = listen(g.now, s.Mark); err != nil {
			return fmt.Errorf("cannot put up the gate of %s: %w", s.Name, err)
		}
	}
	l.page.Store(&s.Page)
	if err := apply(s, l.port); err != nil {
		if g.listeners[s.Name] == nil {
			l.close()
		}
		return fmt.Errorf("cannot put up the gate of %s: %w", s.Name, err)
	}
	g.listeners[s.Name] = l
	return nil
}

// Down lets users in again. It is idempotent. Users who are just reading the
// page get to its end.
func (g *Gate) Down(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot take down the gate of %s: %w", name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := remove(name); err != nil {
		return fmt.Errorf("cannot take down the gate of %s: %w", name, err)
	}
	if l := g.listeners[name]; l != nil {
		delete(g.listeners, name)
		l.close()
	}
	return nil
}

// State reads the rules back from the kernel.
func (g *Gate) State(ctx context.Context, name string) (State, error) {
	if err := checkName(name); err != nil {
		return State{}, err
	}
	if err := ctx.Err(); err != nil {
		return State{}, fmt.Errorf("cannot tell the state of the gate of %s: %w", name, err)
	}
	st, port, err := read(name)
	if err != nil {
		return State{}, fmt.Errorf("cannot tell the state of the gate of %s: %w", name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.listeners[name]
	st.Answering = st.Up && l != nil && l.port == port
	return st, nil
}

// Names lists the gates that are up, whoever put them up.
func (g *Gate) Names() ([]string, error) {
	n, err := tables()
	if err != nil {
		return nil, fmt.Errorf("cannot list gates: %w", err)
	}
	return n, nil
}

// SetPage changes what users see.
func (g *Gate) SetPage(name string, p Page) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.listeners[name]
	if l == nil {
		return fmt.Errorf("cannot change the page of %s: %w", name, ErrNotUp)
	}
	l.page.Store(&p)
	return nil
}

// Close ends the listeners and leaves the rules: users stay out.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, l := range g.listeners {
		l.close()
		delete(g.listeners, name)
	}
}

const prefix = "upkeep-"

func checkName(name string) error {
	ok := name != "" && len(name) <= 100 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	if !ok {
		return fmt.Errorf("cannot name a gate %q: use lower-case letters, digits, - and _", name)
	}
	return nil
}

func (s Spec) checked() (Spec, error) {
	if err := checkName(s.Name); err != nil {
		return s, err
	}
	if len(s.Ports) == 0 || slices.Contains(s.Ports, 0) {
		return s, fmt.Errorf("cannot put up the gate of %s: its ports are %v; name those that users reach the product by", s.Name, s.Ports)
	}
	s.Ports = slices.Clone(s.Ports)
	slices.Sort(s.Ports)
	s.Ports = slices.Compact(s.Ports)
	s.PassUIDs = slices.Clone(s.PassUIDs)
	slices.Sort(s.PassUIDs)
	s.PassUIDs = slices.Compact(s.PassUIDs)
	if s.Mark == 0 {
		s.Mark = DefaultMark
	}
	return s, nil
}
