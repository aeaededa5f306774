package manage

import (
	"errors"
	"os"
	"testing"
	"time"

	"upkeep/internal/durable"
)

func TestExclusive(t *testing.T) {
	in := &Installation{State: t.TempDir(), FS: durable.OS()}
	other, _, err := takeLock(in.lockPath())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, other.release)
	l, err := in.exclusive(t.Context())
	if err != nil {
		t.Fatalf("a command was turned away by one that was there for a moment: %v", err)
	}
	defer l.release()
	_, err = in.exclusive(t.Context())
	if busy, ok := errors.AsType[*BusyError](err); !ok || busy.PID != os.Getpid() || busy.Run != "" {
		t.Errorf("beside a command that stays: %v", err)
	}
}
