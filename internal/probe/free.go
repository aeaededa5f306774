package probe

import (
	"context"
	"fmt"
	"math/big"
	"strconv"

	"upkeep/internal/probe/expect"
)

// readFree: bytes that an ordinary account may still use on the volume of a
// path. A path that does not exist yet counts as its nearest parent.
func readFree(_ context.Context, e *Evaluator, q query) (Value, error) {
	volume, err := e.deps.Files.Free(q.arg)
	if err != nil {
		return Value{}, unreadable(q.arg, cause(err))
	}
	return Value{
		Text: strconv.FormatInt(volume.Free, 10), Present: true,
		Evidence: fmt.Sprintf("%s free on the volume of %s", expect.Bytes(new(big.Rat).SetInt64(volume.Free)), q.arg),
	}, nil
}
