//go:build !linux

package kin

import (
	"context"
	"os"
	"time"

	"upkeep/internal/scope/proc"
)

// CgroupParent says that there are no control groups here.
func CgroupParent(string) (string, error) { return "", ErrUnsupported }

// Members finds nobody here: nothing can have been launched.
func (g Group) Members() ([]proc.Proc, error) { return nil, nil }

// Populated is false here.
func (g Group) Populated() (bool, error) { return false, nil }

// End has nothing to end here.
func (g Group) End(context.Context, time.Duration) (int, error) { return 0, nil }

// Launch is unsupported here.
func (g Group) Launch(Launch) (*os.Process, proc.ID, error) {
	return nil, proc.ID{}, ErrUnsupported
}

// Discard has nothing to remove here.
func (g Group) Discard() {}

// RunsAs is false here.
func RunsAs(int, string) bool { return false }

// Has is false here.
func (g Group) Has(proc.Proc) bool { return false }
