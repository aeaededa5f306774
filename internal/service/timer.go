package service

import "time"

// Timer is what the computer knows of something that it starts at times.
type Timer struct {
	Name    string
	Starts  string    // the unit, or nothing where that has no name
	Enabled string    // enabled, disabled, masked, static
	Active  bool      // it waits for its next time, or what it starts is running
	Last    time.Time // zero: not since it is there
	Next    time.Time // zero: never
	// Result of the last time: success, running, or the reason in the words of
	// the computer (exit-code, timeout, 0x80070002). Empty: there was no last time.
	Result string
}
