package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
)

// readSum: the SHA-256 of a file, in lower-case hexadecimal.
func readSum(ctx context.Context, e *Evaluator, q query) (Value, error) {
	f, err := openRegular(e.deps.Files, q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, cancellable{ctx, f}, make([]byte, 256<<10)); err != nil {
		return Value{}, unreadable(q.arg, cause(err))
	}
	return Value{Text: hex.EncodeToString(h.Sum(nil)), Present: true, Evidence: "SHA-256 of " + q.arg}, nil
}

// checkSum refuses an expectation that no sum can meet: upper case, a missing
// digit.
func checkSum(q query) error {
	for _, want := range q.Expect {
		if strings.ContainsAny(want, "/<>=!*") || want == "present" || want == "none" {
			continue
		}
		if raw, err := hex.DecodeString(want); err != nil || len(raw) != sha256.Size || want != strings.ToLower(want) {
			return malformed("%q is no SHA-256 sum: it has 64 digits, 0-9 and a-f", oneLine(want, 80))
		}
	}
	return nil
}
