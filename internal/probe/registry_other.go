//go:build !windows

package probe

func registry() Registry { return nil }
