package sqlite

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
)

// random is a part of a name that nobody else has.
func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

func isExist(err error) bool { return errors.Is(err, fs.ErrExist) }
