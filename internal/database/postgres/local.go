package postgres

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// serverDir is the folder of a server on this computer, which its processes
// work in; empty where the server is not here, or may not be looked at. A tunnel
// and a container look like this computer too, so the folder must know the port
// and the process.
func serverDir(host string, port uint16, pid int) string {
	if ip := net.ParseIP(host); host != "localhost" && !strings.HasPrefix(host, "/") && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return ""
	}
	raw, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	lines := strings.Split(string(raw), "\n")
	const portLine = 3 // pid, folder, start, port: miscadmin.h
	if err != nil || len(lines) <= portLine || strings.TrimSpace(lines[portLine]) != fmt.Sprint(port) {
		return ""
	}
	return dir
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && info.IsDir()
}
