//go:build !linux

package gentle

// lower does nothing: only Linux is supported.
func lower() func() { return func() {} }
