package sitetest

import (
	"os/exec"
	"syscall"

	"upkeep/internal/lab"
)

// become has a command run under another account, in a session of its own.
func become(cmd *exec.Cmd, a lab.Account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.Switch {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
}
