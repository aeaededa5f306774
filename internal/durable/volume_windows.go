package durable

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

func volume(path string) (VolumeInfo, error) {
	if _, err := os.Stat(path); err != nil {
		return VolumeInfo{}, err
	}
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return VolumeInfo{}, err
	}
	var free, total uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, &total, nil); err != nil {
		return VolumeInfo{}, err
	}
	return VolumeInfo{ID: filepath.VolumeName(path), Free: int64(free), Total: int64(total), FreeInodes: -1}, nil
}
