package proc

import (
	"fmt"
	"strings"
)

// Use is a process that uses something of a folder.
type Use struct {
	Proc
	UID    uint32
	Folder string // the one that was asked for
	How    string // "open", "mapped", "works in", "runs"
	Path   string // one of the things that it uses; with " (deleted)" where the file was replaced
}

// String shows the process and what it uses.
func (u Use) String() string { return fmt.Sprintf("%s %s %s", u.Proc, u.How, u.Path) }

// below says whether a path, as the kernel shows it, is the folder or in it.
func below(root, path string) bool {
	path = strings.TrimSuffix(path, " (deleted)")
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}

// mapped finds, in the text of /proc/PID/maps (proc(5)), the first file below
// the folder.
func mapped(root string, maps []byte) (string, bool) {
	text := string(maps)
	if !strings.Contains(text, root) {
		return "", false
	}
	for line := range strings.Lines(text) {
		if i := strings.IndexByte(line, '/'); i >= 0 {
			if path := strings.TrimRight(line[i:], "\n"); below(root, path) {
				return path, true
			}
		}
	}
	return "", false
}
