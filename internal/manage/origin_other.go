//go:build !linux

package manage

func terminal() string { return "" }

func unit() string { return "" }
