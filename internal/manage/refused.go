package manage

import "strings"

// RefusedError says that something was not done, and all the reasons. Nothing
// was changed.
type RefusedError struct {
	What    string // what is not done
	Reasons []string
}

func (e *RefusedError) Error() string { return e.What + ": " + strings.Join(e.Reasons, "; ") }
