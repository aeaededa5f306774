package manage

import (
	"os"
	"path"
	"strings"
)

// terminal is the one that the process reads from; empty when it reads from
// none.
func terminal() string {
	at, err := os.Readlink("/proc/self/fd/0")
	if err != nil || !strings.HasPrefix(at, "/dev/pts/") && !strings.HasPrefix(at, "/dev/tty") {
		return ""
	}
	return at
}

// unit is the unit of systemd that the process runs in, by its control group
// (systemd.unit(5)); empty when there is none.
func unit() string {
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	return unitOf(string(raw))
}

func unitOf(cgroups string) string {
	for line := range strings.Lines(cgroups) {
		_, rest, _ := strings.Cut(line, ":")
		_, at, _ := strings.Cut(rest, ":")
		for at = strings.TrimSpace(at); at != "" && at != "/" && at != "."; at = path.Dir(at) {
			if ext := path.Ext(at); ext == ".service" || ext == ".scope" {
				return path.Base(at)
			}
		}
	}
	return ""
}
