// Package contract tries mutants on contract suites and on the tests of single
// packages: calls of package durable to which no run of the other crash harnesses
// comes are left out, and made without their syncs. They need the machine's
// package manager, or a real systemd; or they are made only in situations that no
// whole upgrade there has: an extended attribute of a folder, a device, a mount
// inside a tree, what an interrupted try has left. That a sync is missing is
// noticed by a ledger: that of internal/step/steptest, or of internal/lab/tap/watch.
// It has tests only.
package contract
