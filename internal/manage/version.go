package manage

import "runtime/debug"

// stamped is the version that a release of Upkeep was built as:
//
//	go build -ldflags '-X upkeep/internal/manage.stamped=1.4.0' ./cmd/upkeep
var stamped string

// Version is the version of this program.
func Version() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0"
}
