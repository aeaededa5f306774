// Package contract tries mutants on contract suites: calls of package durable
// that only need the machine's package manager, or a real systemd, are left out,
// and made without their syncs, where no run of the other crash harnesses comes
// to them. It has tests only.
package contract
