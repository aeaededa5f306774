package manage

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Notifier tells systemd how this process is (sd_notify(3)). Its zero value tells
// nobody.
type Notifier struct{ at string }

// TakeNotifier takes what systemd wants to be told out of the environment, so that
// children do not tell it as well.
func TakeNotifier() (Notifier, error) {
	const name = "NOTIFY_SOCKET"
	n := Notifier{os.Getenv(name)}
	if err := os.Unsetenv(name); err != nil {
		return n, fmt.Errorf("cannot keep systemd's socket from children: %w", err)
	}
	return n, nil
}

// Wanted says that systemd waits for a word.
func (n Notifier) Wanted() bool { return n.at != "" }

// Ready says that this process is ready.
func (n Notifier) Ready() error { return n.tell("READY=1") }

// Status says in a line what this process does, or why it ends.
func (n Notifier) Status(text string) error {
	return n.tell("STATUS=" + strings.Join(strings.Fields(text), " "))
}

func (n Notifier) tell(text string) error {
	if n.at == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.at, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("cannot tell systemd how this process is: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write([]byte(text))
	return err
}
