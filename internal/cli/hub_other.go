//go:build !linux

package cli

import (
	"context"
	"errors"
	"net"
	"os/user"
)

var errHubLinux = errors.New("upkeep hub runs on Linux only for now: nothing else here tells who is at the other end of a socket")

func (a *App) keepPage(context.Context, *user.User, *net.TCPListener, []string) error {
	return errHubLinux
}

func confine() error { return errHubLinux }
