//go:build !unix

package hooks

import "io/fs"

// Owners and modes are those of access lists here, which are not read yet; the
// sums of the plan hold everywhere.
const (
	noFollow    = 0
	checksModes = false
)

func owners(string) ([]uint32, error) { return nil, nil }

func owned(fs.FileInfo, []uint32) bool { return true }
