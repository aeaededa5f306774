package hub

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
)

// guarded lets only some accounts in. Others are shut out before a byte of
// theirs is read.
type guarded struct {
	net.Listener
	accounts []int
	log      *slog.Logger
}

// Accept implements net.Listener.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := FromAccount(c, g.accounts...); err != nil {
			g.log.Warn("somebody was shut out", "why", err)
			c.Close()
			continue
		}
		return c, nil
	}
}

// FromAccount says why the peer of a connection is none of the accounts; nil
// when it is one.
func FromAccount(c net.Conn, accounts ...int) error {
	uid, pid, err := peer(c)
	if err != nil {
		return fmt.Errorf("cannot tell who is at the other end of the socket: %w", err)
	}
	if !slices.Contains(accounts, uid) {
		return fmt.Errorf("process %d of the account %d is at the other end of the socket, not the account %v", pid, uid, accounts)
	}
	return nil
}
