package backup

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound: there is no complete restore point, or part, of that name.
	ErrNotFound = errors.New("no such restore point")
	// ErrExists: the name belongs to a restore point of another run.
	ErrExists = errors.New("a restore point of that name exists already")
	// ErrDamaged: what is stored is not what was stored.
	ErrDamaged = errors.New("the restore point is damaged")
	// ErrLocked: it is encrypted, and the key to it is not at hand.
	ErrLocked = errors.New("the restore point is encrypted, and cannot be read here")
	// ErrNotProven: what was restored is not what the restore point describes.
	ErrNotProven = errors.New("the restored content differs from the restore point")
	// ErrSpace: see SpaceError.
	ErrSpace = errors.New("too little room")
)

// SpaceError names the volume that is too small. It is ErrSpace.
type SpaceError struct{ Need }

func (e *SpaceError) Error() string {
	return fmt.Sprintf("too little room: the volume of %s needs %s, and %s are free: free %s there, or choose another place", e.Path, Size(e.Bytes), Size(e.Free), Size(e.Bytes-e.Free))
}

// Unwrap makes it ErrSpace.
func (e *SpaceError) Unwrap() error { return ErrSpace }

// Size says a number of bytes for people, in powers of 1000.
func Size(n int64) string {
	f, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for f >= 1000 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

// PlaceError says that the place of restore points, or the program that keeps
// them there, cannot be used as it is, and what to do now.
type PlaceError struct {
	Msg string
	Err error // may be nil
	Now string
}

func (e *PlaceError) Error() string {
	text := e.Msg
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ": " + e.Now
}

// Unwrap gives the cause.
func (e *PlaceError) Unwrap() error { return e.Err }
