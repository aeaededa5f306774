package manage

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"strings"

	"upkeep/internal/step"
)

// MakePageAccount makes the account of the page where there is none yet, and
// says whether it did. It has no home, no shell and no password.
func (m *Machine) MakePageAccount(ctx context.Context) (made bool, err error) {
	_, err = user.Lookup(PageAccount)
	var none user.UnknownUserError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &none):
		return false, fmt.Errorf("cannot look up the account of the page: %w", err)
	}
	out, err := exec.CommandContext(ctx, "useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", "--comment", "Upkeep page", PageAccount).CombinedOutput()
	if err != nil {
		return false, &step.UserError{Msg: fmt.Sprintf("cannot make the account %s of the page: %v: %s", PageAccount, err, strings.TrimSpace(string(out))), Now: "make it as this computer's accounts are made, or name another one with --page-as"}
	}
	return true, nil
}
