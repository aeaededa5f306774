package manage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/service/systemd"
)

// register is where root notes which installation documents runs were started
// from, so that a boot unit finds their runs. Installation ids never begin with
// a dot, so it is nobody's state folder.
const register = sharedState + "/.register"

// enrol notes the document. Only root's runs can be carried on at boot.
func (in *Installation) enrol() error {
	if !in.Root || !systemd.Booted() {
		return nil
	}
	return enrol(in.FS, register, in.Path)
}

func enrol(fsys durable.FS, dir, document string) error {
	at := enrolment(dir, document)
	if have, err := fsys.ReadFile(at); err == nil && string(have) == document+"\n" {
		return nil
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot note the installation for the next boot: %w", err)
	}
	if err := fsys.WriteFile(at, []byte(document+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot note the installation for the next boot: %w", err)
	}
	return nil
}

// enrolment is the file that notes a document.
func enrolment(dir, document string) string {
	sum := sha256.Sum256([]byte(document))
	return filepath.Join(dir, hex.EncodeToString(sum[:8]))
}

// enrolled lists the documents that were noted, and those that lie where
// documents belong: a run may have been opened before there was a register.
func enrolled(fsys durable.FS, dir string, folders []string) ([]string, error) {
	var out []string
	list, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read which installations are known: %w", err)
	}
	for _, e := range list {
		raw, err := fsys.ReadFile(filepath.Join(dir, e.Name))
		if err != nil {
			return nil, fmt.Errorf("cannot read which installations are known: %w", err)
		}
		if doc := strings.TrimSpace(string(raw)); filepath.IsAbs(doc) {
			out = append(out, doc)
		}
	}
	out = append(out, documentsIn(folders)...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Forget has this computer know of an installation no longer that is gone: its
// document lies where nobody looks.
func Forget(document string) error {
	err := realFiles().Remove(enrolment(register, document))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // the register is root's
		return nil
	}
	return err
}
