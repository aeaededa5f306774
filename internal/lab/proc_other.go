//go:build !unix

package lab

import (
	"errors"
	"os/exec"
)

var errNotUnix = errors.New("the lab's servers need a unix system")

func (a Account) apply(*exec.Cmd, bool) {}

func interrupt(int) error    { return errNotUnix }
func terminate(int) error    { return errNotUnix }
func kill(int) error         { return errNotUnix }
func alive(int) bool         { return false }
func lockFile(uintptr) error { return errNotUnix }

func freeBytes(string) (int64, error) { return 0, errNotUnix }
