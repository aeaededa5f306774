package lab

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Account is under whom the lab runs a server: an account without rights when
// the lab itself is root (PostgreSQL refuses to run as root), otherwise the
// account that the lab runs under.
type Account struct {
	Name     string
	UID, GID int
	Switch   bool // the lab is root and changes to the account
}

// Unprivileged gives the first of the named accounts that exists, when the
// lab is root; without names, nobody.
func Unprivileged(names ...string) (Account, error) {
	if os.Geteuid() != 0 {
		u, err := user.Current()
		if err != nil {
			return Account{}, fmt.Errorf("cannot tell the account of this process: %w", err)
		}
		return account(u, false)
	}
	for _, name := range append(names, "nobody") {
		if u, err := user.Lookup(name); err == nil {
			return account(u, true)
		}
	}
	return Account{}, fmt.Errorf("cannot find an account without rights: none of %v and nobody exists", names)
}

func account(u *user.User, change bool) (Account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return Account{}, fmt.Errorf("cannot read the user id of %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return Account{}, fmt.Errorf("cannot read the group id of %s: %w", u.Username, err)
	}
	return Account{Name: u.Username, UID: uid, GID: gid, Switch: change}, nil
}

// Own gives a file or folder to the account.
func (a Account) Own(path string) error {
	if !a.Switch {
		return nil
	}
	if err := os.Lchown(path, a.UID, a.GID); err != nil {
		return fmt.Errorf("cannot give %s to %s: %w", path, a.Name, err)
	}
	return nil
}
