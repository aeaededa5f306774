//go:build !linux

package proctest

import "testing"

func apart(m *testing.M) int { return m.Run() }
