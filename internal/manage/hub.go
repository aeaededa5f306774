package manage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/audit"
	"upkeep/internal/durable"
	"upkeep/internal/node/local"
)

// HubFolder is where the hub keeps people, sessions and its audit log, as given or
// as it is by itself.
func HubFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if _, root := local.Account(); root {
		return filepath.Join(sharedState, ".hub"), nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", errors.New("cannot tell where the hub's state belongs, since HOME is not set: set it, or say --state DIR")
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "upkeep", ".hub"), nil
}

// HubFile is a file of the hub's folder that is read and written as a whole, by
// several processes. It is safe for use by several goroutines.
type HubFile struct {
	fs   durable.FS
	path string

	turn sync.Mutex // of those of this process who change it: waiting for the lock takes a thread

	mu  sync.Mutex
	was durable.Info // of the file that raw was read from
	raw []byte
}

// OpenHubFile makes the folder where it is missing. Only its owner may look into it.
func OpenHubFile(dir, name string) (*HubFile, error) {
	fsys := realFiles()
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the hub's folder: %w", err)
	}
	i, err := fsys.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the hub's folder: %w", err)
	}
	if i.Mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the hub's folder %s can be read by others (mode %04o): whoever reads it can try passwords; chmod 700 %s", dir, i.Mode.Perm(), dir)
	}
	return &HubFile{fs: fsys, path: filepath.Join(dir, name)}, nil
}

// Read gives what is in it; nil where there is none yet.
func (f *HubFile) Read() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.fs.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && i.Ino == f.was.Ino && i.CTime.Equal(f.was.CTime) && i.Size == f.was.Size && f.raw != nil {
		return f.raw, nil
	}
	var raw []byte
	if err == nil {
		raw, err = f.fs.ReadFile(f.path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what the hub keeps: %w", err)
	}
	f.was, f.raw = i, raw
	return raw, nil
}

// Change has f make it anew.
func (f *HubFile) Change(change func([]byte) ([]byte, error)) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	release, err := waitLock(f.path + ".lock")
	if err != nil {
		return err
	}
	defer release()
	old, err := f.Read()
	if err != nil {
		return err
	}
	raw, err := change(old)
	if err != nil || old != nil && bytes.Equal(old, raw) {
		return err
	}
	return f.fs.WriteFile(f.path, raw, 0o600)
}

// AuditFile is the name of the audit log in the hub's folder.
const AuditFile = "audit.jsonl"

// OpenAudit opens the audit log of the hub's folder.
func OpenAudit(dir string) (*audit.Log, error) {
	fsys, at := realFiles(), filepath.Join(dir, AuditFile)
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the hub's folder: %w", err)
	}
	return audit.Open(fsys, at, func() (func(), error) { return waitLock(at + ".lock") }, time.Now)
}

// AuditHead is an entry of the audit log as it was noted elsewhere, AuditReport what
// verifying has found, AuditAct a change.
type (
	AuditHead   = audit.Head
	AuditReport = audit.Report
	AuditAct    = audit.Act
)

// VerifyAudit reads the whole log, and compares it with what was noted elsewhere.
func VerifyAudit(dir string, known ...AuditHead) (AuditReport, error) {
	return audit.Verify(realFiles(), filepath.Join(dir, AuditFile), known...)
}
