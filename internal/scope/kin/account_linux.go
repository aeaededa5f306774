package kin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// credential returns what a process of this account runs under: user, group
// and its further groups; nil when that is the caller's own account.
func credential(account string) (*syscall.Credential, error) {
	if account == "" {
		return nil, nil
	}
	u, err := lookup(account)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("cannot run as %s: %w", account, err)
	}
	if os.Geteuid() != 0 {
		if int(uid) == os.Geteuid() {
			return nil, nil
		}
		return nil, fmt.Errorf("cannot run as %s: %w: start upkeep as root, or as %s", account, ErrNotRoot, account)
	}
	groups, err := groupsOf(u)
	if err != nil {
		return nil, fmt.Errorf("cannot run as %s: cannot tell its groups: %w", account, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: groups}, nil
}

// lookup reads /etc/passwd and, for accounts of a directory service, asks getent(1).
func lookup(account string) (*user.User, error) {
	u, err := user.Lookup(account)
	if err == nil {
		return u, nil
	}
	if strings.HasPrefix(account, "-") {
		return nil, fmt.Errorf("cannot run as %q: no such account", account)
	}
	if line, ok := getent("passwd", account); ok {
		if f := strings.Split(line, ":"); len(f) == 7 {
			return &user.User{Username: f[0], Uid: f[2], Gid: f[3], HomeDir: f[5]}, nil
		}
	}
	return nil, fmt.Errorf("cannot run as %s: no such account: create it, or name another: %w", account, err)
}

func groupsOf(u *user.User) ([]uint32, error) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	if line, ok := getent("initgroups", u.Username); ok {
		if f := strings.Fields(line); len(f) > 1 {
			ids = append(ids, f[1:]...)
		}
	}
	ids = append(ids, u.Gid)
	var out []uint32
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		out = append(out, uint32(n))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// getent asks the system's name service, which this program, built without C,
// cannot ask itself. Where all accounts are local it is not needed.
func getent(database, key string) (string, bool) {
	if !directoryService(database == "passwd") {
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, p := range []string{"/usr/bin/getent", "/bin/getent"} {
		c := exec.CommandContext(ctx, p, database, key)
		c.Env = []string{"LC_ALL=C"}
		if out, err := c.Output(); err == nil {
			return strings.TrimSpace(string(out)), true
		}
	}
	return "", false
}

// directoryService tells whether nsswitch.conf(5) names more than local files
// for accounts or groups. The source "systemd" (systemd-homed, DynamicUser=)
// matters for finding an account, not for the groups of one that is in the files.
func directoryService(systemd bool) bool {
	b, err := os.ReadFile("/etc/nsswitch.conf")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		db, sources, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || db != "passwd" && db != "group" && db != "initgroups" {
			continue
		}
		for _, s := range strings.Fields(sources) {
			if s != "files" && s != "compat" && !strings.HasPrefix(s, "[") && (s != "systemd" || systemd) {
				return true
			}
		}
	}
	return false
}

// RunsAs tells whether a process runs under the account; "" is the caller's own.
func RunsAs(pid int, account string) bool {
	uid := os.Geteuid()
	if account != "" {
		u, err := lookup(account)
		if err != nil {
			return false
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return false
		}
	}
	return realUID(pid) == uid
}

func realUID(pid int) int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "Uid:" {
			if uid, err := strconv.Atoi(f[1]); err == nil {
				return uid
			}
		}
	}
	return -1
}
