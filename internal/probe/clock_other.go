//go:build !linux

package probe

func clockInStep() (bool, error) { return false, errLinuxOnly }
