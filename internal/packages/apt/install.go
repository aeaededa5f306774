package apt

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"upkeep/internal/packages"
)

// conffiles are dpkg's options and the environment of a policy. Either way a
// file that only one side has changed is that side's; the policy decides where
// both have.
func conffiles(p packages.Policy) (options, environment []string) {
	if p == packages.TakeNew {
		return []string{"--force-confnew"}, []string{"UCF_FORCE_CONFFNEW=1"}
	}
	return []string{"--force-confdef", "--force-confold"}, []string{"UCF_FORCE_CONFFOLD=1"}
}

// Install first finishes what an interrupted run has left half configured,
// then lets apt-get install the files, and nothing else: all that is needed
// must be among them.
func (m *Manager) Install(ctx context.Context, files []string, o packages.Options) error {
	options, more := conffiles(o.Policy)
	var pass []string
	for _, opt := range options {
		pass = append(pass, "-o", "DPkg::Options::="+opt)
	}
	broken, err := m.Broken(ctx)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		args := []string{"--force-not-root"}
		if m.elsewhere() {
			args = append(args, "--force-script-chrootless")
		}
		call := m.dpkg("dpkg", slices.Concat(args, options, []string{"--configure", "--pending"})...)
		// where that fails, installing the files may be what mends it
		if err := m.c.Exec(ctx, packages.Command{Args: call, Env: env(more...)}); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	// a bound of our own: the lock was free when we looked
	wait := strconv.Itoa(int(max(o.Wait, time.Second) / time.Second))
	// without sources nothing can come over the network; and what is known of
	// packages without them must not be cached
	alone := []string{"-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}
	args := slices.Concat([]string{"-y", "--no-remove", "--allow-downgrades", "-o", "DPkg::Lock::Timeout=" + wait}, alone, pass, []string{"install"}, files)
	if err := m.c.Exec(ctx, packages.Command{Args: m.aptGet(args...), Env: env(more...)}); err != nil {
		return fmt.Errorf("apt-get: %w", err)
	}
	if len(o.Automatic) == 0 {
		return nil
	}
	// what is installed from a file counts as wanted
	if err := m.c.Exec(ctx, packages.Command{Args: m.apt("apt-mark", append([]string{"auto"}, o.Automatic...)...), Env: env()}); err != nil {
		return failed("mark the packages that are there for others", err)
	}
	return nil
}
