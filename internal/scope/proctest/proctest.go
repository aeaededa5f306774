// Package proctest lets tests that end processes do so in a world of their
// own: a PID namespace, where nothing of the machine can be seen or hit. A
// fault in the code under test would else end whatever it takes for a member.
// It may import the standard library and golang.org/x/sys.
package proctest

import "testing"

// Main runs a package's tests, apart from the machine's processes where that is
// possible (Linux, root), and returns the exit code. Call it from TestMain.
func Main(m *testing.M) int { return apart(m) }
