package systemd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Booted says that systemd runs this machine (sd_booted(3)).
func Booted() bool {
	st, err := os.Lstat("/run/systemd/system")
	return err == nil && st.IsDir()
}

// bus is a connection to systemd, made when it is needed and made again when
// it broke, as it does when systemd itself is upgraded.
type bus struct {
	socket string
	mu     sync.Mutex
	conn   *dbus.Conn
}

// private is the socket on which systemd talks to root without a bus.
const private = "/run/systemd/private"

func (b *bus) dial() (*dbus.Conn, error) {
	ctx := context.Background() // the connection outlives the call that makes it
	socket := b.socket
	if socket == "" && os.Geteuid() == 0 {
		socket = private
	}
	if socket == "" {
		return dbus.NewSystemConnectionContext(ctx)
	}
	conn, err := dbus.NewConnection(func() (*godbus.Conn, error) {
		c, err := godbus.Dial("unix:path="+socket, godbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		if err := c.Auth([]godbus.Auth{godbus.AuthExternal(fmt.Sprint(os.Geteuid()))}); err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	})
	if err != nil && b.socket == "" {
		return dbus.NewSystemConnectionContext(ctx)
	}
	return conn, err
}

func (b *bus) get() (*dbus.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && b.conn.Connected() {
		return b.conn, nil
	}
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
	if b.socket == "" && !Booted() {
		return nil, errors.New("systemd does not run this machine")
	}
	conn, err := b.dial()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("it does not listen: %w", err)
		}
		return nil, fmt.Errorf("cannot talk to systemd: %w", err)
	}
	b.conn = conn
	return conn, nil
}

// do calls f, once more when the connection broke meanwhile: every call here
// may be made twice.
func (b *bus) do(ctx context.Context, f func(*dbus.Conn) error) error {
	for try := 0; ; try++ {
		conn, err := b.get()
		if err == nil {
			err = f(conn)
			if err == nil || conn.Connected() {
				return err
			}
		}
		if try >= 20 || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || b.socket == "" && !Booted() {
			return err
		}
		time.Sleep(100 * time.Millisecond) // it may be executing itself anew
	}
}

// unit is what is known of a unit.
type unit struct {
	Name       string // its own, when it was asked for by an alias
	Load       string // loaded, not-found, masked, bad-setting, error
	Active     string
	Sub        string
	File       string // UnitFileState: enabled, disabled, masked, static, …
	Result     string
	Status     string // what the service itself said last
	Type       string // simple, notify, forking, oneshot, …
	Invocation string
	MainPID    int
	Cgroup     string // below the root of the hierarchy
	ExitCode   int    // CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3
	ExitStatus int
	Restarts   uint32
	Reload     bool // its file was changed since it was read
	Condition  bool // of the last start
	Job        bool // a job is waiting or running
	Moved      bool // its state has changed in this boot: it was started

	DropIns     []string // that systemd has read
	TriggeredBy []string // sockets, timers, paths
	ConsistsOf  []string // PartOf: they stop with it, and start by themselves
	StopsToo    []string // all that stop when it does
}

// running says whether there is something of the unit to be stopped, or to be
// used. A unit that waits for its automatic restart is not running.
func (u unit) running() bool {
	switch u.Active {
	case "active", "reloading", "refreshing", "deactivating":
		return true
	case "activating":
		return u.Sub != "auto-restart" && u.Sub != "auto-restart-queued"
	}
	return false
}

// idle says that nothing of it is there or to come.
func (u unit) idle() bool { return u.Active == "inactive" || u.Active == "failed" || u.Active == "" }

func (u unit) known() bool { return u.Load != "not-found" && u.Load != "" }

func (b *bus) unit(ctx context.Context, name string) (unit, error) {
	var props map[string]any
	err := b.do(ctx, func(c *dbus.Conn) (err error) {
		props, err = c.GetAllPropertiesContext(ctx, name)
		return err
	})
	if err != nil {
		return unit{}, fmt.Errorf("cannot ask systemd for %s: %w", name, err)
	}
	return parse(props), nil
}

// parse reads the properties; those that a unit of its kind does not have are
// zero.
func parse(props map[string]any) unit {
	text := func(k string) string { s, _ := props[k].(string); return s }
	list := func(k string) []string { l, _ := props[k].([]string); return l }
	number := func(k string) int {
		switch n := props[k].(type) {
		case uint32:
			return int(n)
		case int32:
			return int(n)
		}
		return 0
	}
	flag := func(k string) bool { f, _ := props[k].(bool); return f }
	u := unit{Name: text("Id"), Load: text("LoadState"), Active: text("ActiveState"), Sub: text("SubState"), File: text("UnitFileState"),
		Result: text("Result"), Status: text("StatusText"), Type: text("Type"), Cgroup: text("ControlGroup"), MainPID: number("MainPID"),
		ExitCode: number("ExecMainCode"), ExitStatus: number("ExecMainStatus"), Reload: flag("NeedDaemonReload"), Condition: flag("ConditionResult"),
		DropIns: list("DropInPaths"), TriggeredBy: list("TriggeredBy"), ConsistsOf: list("ConsistsOf")}
	if id, ok := props["InvocationID"].([]byte); ok && len(id) > 0 {
		u.Invocation = hex.EncodeToString(id)
	}
	if at, ok := props["StateChangeTimestamp"].(uint64); ok {
		u.Moved = at > 0
	}
	u.Restarts, _ = props["NRestarts"].(uint32)
	if job, ok := props["Job"].([]any); ok && len(job) > 0 {
		id, _ := job[0].(uint32)
		u.Job = id != 0
	}
	for _, k := range []string{"ConsistsOf", "BoundBy", "RequiredBy", "PropagatesStopTo"} {
		for _, n := range list(k) {
			if !contains(u.StopsToo, n) {
				u.StopsToo = append(u.StopsToo, n)
			}
		}
	}
	return u
}

// job has systemd start or stop a unit and waits for the end of it. The result
// is empty where it cannot be told any more: the unit's state then says it.
func (b *bus) job(ctx context.Context, verb, name string) (string, error) {
	done := make(chan string, 1)
	err := b.do(ctx, func(c *dbus.Conn) (err error) {
		switch {
		case verb == "stop":
			_, err = c.StopUnitContext(ctx, name, "replace", done)
		case strings.HasSuffix(name, ".target"): // by itself: what it wants may have been stopped for a reason
			_, err = c.StartUnitContext(ctx, name, "ignore-dependencies", done)
		default:
			_, err = c.StartUnitContext(ctx, name, "replace", done)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	look := time.NewTicker(500 * time.Millisecond) // a signal can be lost with its connection
	defer look.Stop()
	for {
		select {
		case result := <-done:
			return result, nil
		case <-ctx.Done():
			return "", fmt.Errorf("cannot %s %s: %w", verb, name, context.Cause(ctx))
		case <-look.C:
			u, err := b.unit(ctx, name)
			if err != nil {
				return "", err
			}
			if !u.Job {
				select {
				case result := <-done:
					return result, nil
				case <-time.After(100 * time.Millisecond):
					return "", nil
				}
			}
		}
	}
}

// reload has systemd read all unit files again.
func (b *bus) reload(ctx context.Context) error {
	if err := b.do(ctx, func(c *dbus.Conn) error { return c.ReloadContext(ctx) }); err != nil {
		return fmt.Errorf("cannot have systemd read its unit files again: %w", err)
	}
	return nil
}
