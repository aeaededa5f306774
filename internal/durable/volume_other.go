//go:build !linux && !windows

package durable

func volume(string) (VolumeInfo, error) { return VolumeInfo{}, ErrUnsupported }
