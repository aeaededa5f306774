package files

import (
	"fmt"
	"path"
	"strings"
)

// checkLinks refuses links that lead out of their tree, through whatever other links on the way. The tree is the whole truth: nothing on disk is
// asked. What a link leads to need not exist.
func checkLinks(t Tree) error {
	for _, e := range t.Entries {
		if e.Type != Link {
			continue
		}
		if err := t.follow(e); err != nil {
			return fmt.Errorf("the link %q to %q %w", e.Path, e.Target, err)
		}
	}
	return nil
}

// follow resolves a link as the kernel would.
func (t Tree) follow(e Entry) error {
	const tooMany = 255
	at := path.Dir(e.Path) // "." is the root
	rest := strings.Split(e.Target, "/")
	if strings.HasPrefix(e.Target, "/") {
		return fmt.Errorf("is absolute")
	}
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return fmt.Errorf("leads out of the tree")
			}
			at = path.Dir(at)
			continue
		}
		next := part
		if at != "." {
			next = at + "/" + part
		}
		found, ok := t.Find(next)
		if !ok || found.Type != Link {
			at = next
			continue
		}
		if strings.HasPrefix(found.Target, "/") {
			return fmt.Errorf("leads out of the tree")
		}
		if hops++; hops > tooMany {
			return fmt.Errorf("leads round in circles")
		}
		rest = append(strings.Split(found.Target, "/"), rest...)
	}
	return nil
}
