package probe

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// readPort: "open" when something accepts connections at HOST:PORT; a port
// alone is one of this computer. Refused is no value.
func readPort(ctx context.Context, e *Evaluator, q query) (Value, error) {
	address := q.arg
	if !strings.Contains(address, ":") {
		address = net.JoinHostPort("127.0.0.1", address)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return Value{}, malformed("%q is no HOST:PORT", oneLine(q.arg, 80))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Value{}, malformed("%q is no port", oneLine(port, 40))
	}
	conn, err := e.deps.Dial(ctx, "tcp", address)
	switch {
	case err == nil:
		conn.Close()
		return Value{Text: "open", Present: true, Evidence: address + " accepts connections"}, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return Value{Evidence: address + " refuses connections"}, nil
	}
	return Value{}, unreadable(address, netCause(err))
}

// netCause takes operation and address off a network error: ours names them.
func netCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
