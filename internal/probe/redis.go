package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// maxReply is the most that is read of an answer of Redis.
const maxReply = 1 << 20

// readRedis: the version of the Redis server (or one that speaks like it) at
// HOST:PORT, 6379 when left out; with select another entry of its INFO. It
// asks INFO and nothing else, after AUTH where the probe has a password.
func readRedis(ctx context.Context, e *Evaluator, q query) (Value, error) {
	address := redisAddress(q.arg)
	var login []string
	if q.Password != nil {
		if e.deps.Secrets == nil {
			return Value{}, unreadable(address, errors.New("no secrets can be read here"))
		}
		secret, err := e.deps.Secrets(ctx, *q.Password)
		if err != nil {
			return Value{}, unreadable(address, fmt.Errorf("cannot read its password: %w", err))
		}
		if login = []string{"AUTH", secret}; q.Params["user"] != "" {
			login = []string{"AUTH", q.Params["user"], secret}
		}
	}
	conn, err := e.deps.Dial(ctx, "tcp", address)
	if err != nil {
		return Value{}, unreadable(address, netCause(err))
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	in := bufio.NewReader(io.LimitReader(conn, maxReply))
	if login != nil {
		if _, err := ask(conn, in, login...); err != nil {
			return Value{}, unreadable(address, fmt.Errorf("it does not let us in: %w", netCause(err)))
		}
	}
	info, err := ask(conn, in, "INFO")
	if err != nil {
		return Value{}, unreadable(address, redisCause(err))
	}
	key := q.Select
	if key == "" {
		key = "redis_version"
	}
	value, ok := infoOf(info, key)
	if !ok {
		return Value{Evidence: fmt.Sprintf("Redis at %s says nothing of %s", address, oneLine(key, 60))}, nil
	}
	return Value{Text: value, Present: value != "", Evidence: fmt.Sprintf("%s of Redis at %s is %s", key, address, oneLine(value, 80))}, nil
}

func redisCause(err error) error {
	var said redisError
	if errors.As(err, &said) && strings.HasPrefix(string(said), "NOAUTH") {
		return errors.New("it wants a password: give one by reference")
	}
	return netCause(err)
}

// ask sends a command and reads its reply.
func ask(out io.Writer, in *bufio.Reader, words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return "", err
	}
	return readReply(in)
}

// redisError is what the server answers instead.
type redisError string

func (e redisError) Error() string { return oneLine(string(e), 120) }

// readReply reads one reply of RESP: a line, a number, an error, or a text of a
// length that is said before. Lists are none of what is asked for.
func readReply(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("its answer broke off: %w", err)
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || text == "" {
		return "", errors.New("it does not speak the protocol of Redis")
	}
	switch kind, rest := text[0], text[1:]; kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", redisError(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < -1 || n > maxReply {
			return "", fmt.Errorf("its answer has the length %q", oneLine(rest, 40))
		}
		if n < 0 {
			return "", nil
		}
		body := make([]byte, n+2)
		if _, err := io.ReadFull(in, body); err != nil {
			return "", fmt.Errorf("its answer broke off: %w", err)
		}
		if string(body[n:]) != "\r\n" {
			return "", errors.New("its answer is longer than it says")
		}
		return string(body[:n]), nil
	}
	return "", errors.New("it does not speak the protocol of Redis")
}

// infoOf finds an entry of the text of INFO: sections with lines NAME:VALUE.
func infoOf(info, key string) (string, bool) {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && name == key && !strings.HasPrefix(name, "#") {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

func redisAddress(arg string) string {
	if _, _, err := net.SplitHostPort(arg); err == nil {
		return arg
	}
	return net.JoinHostPort(strings.Trim(arg, "[]"), "6379")
}

func checkRedis(q query) error {
	host, port, err := net.SplitHostPort(redisAddress(q.arg))
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/@") || perr != nil || n == 0 {
		return malformed("%q is no HOST:PORT; a password is given beside it, as a reference", oneLine(q.arg, 80))
	}
	if q.Password == nil && q.Params["user"] != "" {
		return malformed("it has a user, but no password")
	}
	return nil
}
