package sitetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"upkeep/internal/lab"
)

// Repository has the installation keep its restore points with restic, in a
// folder that is not there yet. It gives the folder, and the file with the
// password. The program lies where every account can run it.
func (s *Site) Repository(extra ...string) (repository, password string) {
	s.t.Helper()
	dir := filepath.Join(s.Dir, "restic")
	repository, password = filepath.Join(dir, "repository"), filepath.Join(dir, "password")
	program := filepath.Join(dir, "bin", "restic")
	text, err := os.ReadFile(lab.Restic(s.t))
	s.must(err)
	s.must(errors.Join(os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, text, 0o755), os.WriteFile(password, []byte("a secret word\n"), 0o600)))
	if s.caller.Name != "" {
		s.must(errors.Join(os.Chown(dir, s.caller.UID, s.caller.GID), os.Chown(password, s.caller.UID, s.caller.GID)))
	}
	keys := append([]string{"keep: 3", "engine: restic", "repository: " + repository, "program: " + program, "password: {file: " + password + "}"}, extra...)
	s.Replace(s.Document, "backup: {keep: 3}", "backup: {"+strings.Join(keys, ", ")+"}")
	return repository, password
}
