// Command upkeep upgrades self-hosted software, or has it exactly as it was.
// It only wires: the faces are in internal/cli, what they do is in
// internal/manage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // windows have a time zone on computers without that database, too

	"modernc.org/sqlite"

	"upkeep/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// a lock that belongs to the open file survives the close of another
	// descriptor of the same file; where the platform has none, the default stays
	if _, err := sqlite.OFDLocking(true); err != nil && !errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		fmt.Fprintf(os.Stderr, "upkeep: cannot lock journals safely: %v\n", err)
		return cli.ExitError
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.New().Run(ctx, os.Args[1:])
}
