package msi

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"upkeep/internal/packages"
)

// exits are what msiexec says by its exit code.
var exits = map[int]string{
	1601: "the service of Windows Installer cannot be reached",
	1602: "it was cancelled",
	1603: "it failed, and was taken back by Windows Installer",
	1618: "another installation is at work",
	1619: "the package cannot be opened",
	1620: "it is no package of Windows Installer",
	1625: "a policy of this computer forbids it",
	1633: "the package is for another processor",
	1638: "another version of it is installed, which this package does not replace",
	1641: "it restarts Windows",
	3010: "Windows must be restarted",
}

// Install gives every file to msiexec, without a question and without a
// restart. A product that is there already in that version is left alone; one
// whose package says that it is the same product in another version is
// installed over. Windows Installer itself takes a failed installation back,
// and what was interrupted it takes back when it is called again.
func (m *Manager) Install(ctx context.Context, files []string, o packages.Options) error {
	if o.Wait > 0 {
		if err := packages.WaitFree(ctx, m, o.Wait, nil); err != nil {
			return err
		}
	}
	restart := false
	for _, path := range files {
		c, err := m.read(ctx, path)
		if err != nil {
			return err
		}
		list, suspended, err := m.products(ctx) // anew: the file before may have changed it
		if err != nil {
			return err
		}
		args := []string{system + `\msiexec.exe`, "/i", path, "/qn", "/norestart", "/l*v", path + ".log", "ALLUSERS=1", "REBOOT=ReallySuppress"}
		if at := slices.IndexFunc(list, func(p product) bool { return p.code == c.code }); at >= 0 {
			if list[at].Version == c.Version && list[at].Whole && suspended == "" {
				continue
			}
			if list[at].Whole { // of one that is only advertised there is nothing to be replaced
				args = append(args, "REINSTALL=ALL", "REINSTALLMODE=vomus")
			}
		}
		err = m.c.Exec(ctx, packages.Command{Args: args, Env: env()})
		var exit interface{ ExitCode() int }
		if !errors.As(err, &exit) {
			if err != nil {
				return fmt.Errorf("msiexec: %w", err)
			}
			continue
		}
		switch code := exit.ExitCode(); {
		case code == 3010 || code == 1641:
			restart = true
		case code == 1618:
			return fmt.Errorf("%w: msiexec: %s", packages.ErrLocked, exits[code])
		case exits[code] != "":
			return fmt.Errorf("msiexec cannot install %s %s: %s (%w); its log is %s.log", c.Name, c.Version, exits[code], err, path)
		default:
			return fmt.Errorf("msiexec cannot install %s %s: %w; its log is %s.log", c.Name, c.Version, err, path)
		}
	}
	if restart {
		return ErrRestart
	}
	return nil
}
