package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The bounds of what is read, in bytes, where no other file of the feed says
// less. A feed of 100,000 targets in one role has 26 MB.
const (
	MaxRoot      = 512 << 10
	MaxTimestamp = 16 << 10
	MaxSnapshot  = 4 << 20
	MaxTargets   = 64 << 20
	// MaxRotations is how many roots one refresh follows.
	MaxRotations = 256
	// MaxDelegations is how many roles are asked for one target.
	MaxDelegations = 32
)

// guard carries out a piece of the library's work. It panics on JSON that has
// null where an object belongs; that is damage of a file like any other.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it has nothing where something belongs: %v", r)
		}
	}()
	return do()
}

// bad is an error for a file that no vendor can mean.
func bad(format string, args ...any) error { return fmt.Errorf(format, args...) }

func common(version int64, spec string, expires time.Time) error {
	switch major, _, _ := strings.Cut(spec, "."); {
	case major != "1":
		return bad("it follows version %q of the specification, and this Upkeep knows 1", spec)
	case version < 1 || version >= math.MaxInt64-1:
		return bad("its version is %d", version)
	case expires.IsZero():
		return bad("it does not say when it expires")
	}
	return nil
}

func checkRoot(data []byte) (m *metadata.Metadata[metadata.RootType], err error) {
	err = guard(func() (err error) {
		if m, err = metadata.Root().FromBytes(data); err != nil {
			return err
		}
		s := &m.Signed
		if err := common(s.Version, s.SpecVersion, s.Expires); err != nil {
			return err
		}
		if !s.ConsistentSnapshot {
			return bad("it has no consistent snapshots")
		}
		for id, k := range s.Keys {
			if k == nil {
				return bad("the key %s is empty", id)
			}
		}
		for _, name := range metadata.TOP_LEVEL_ROLE_NAMES {
			if r := s.Roles[name]; r == nil || r.Threshold < 1 {
				return bad("it does not say who signs %s", name)
			}
		}
		return nil
	})
	return m, err
}

func checkTimestamp(data []byte) (m *metadata.Metadata[metadata.TimestampType], err error) {
	err = guard(func() (err error) {
		if m, err = metadata.Timestamp().FromBytes(data); err != nil {
			return err
		}
		if err := common(m.Signed.Version, m.Signed.SpecVersion, m.Signed.Expires); err != nil {
			return err
		}
		return checkMeta("snapshot.json", m.Signed.Meta["snapshot.json"])
	})
	return m, err
}

func checkSnapshot(data []byte) (m *metadata.Metadata[metadata.SnapshotType], err error) {
	err = guard(func() (err error) {
		if m, err = metadata.Snapshot().FromBytes(data); err != nil {
			return err
		}
		if err := common(m.Signed.Version, m.Signed.SpecVersion, m.Signed.Expires); err != nil {
			return err
		}
		if m.Signed.Meta["targets.json"] == nil {
			return bad("it does not name targets.json")
		}
		for name, f := range m.Signed.Meta {
			if err := checkMeta(name, f); err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}

func checkMeta(name string, f *metadata.MetaFiles) error {
	switch {
	case f == nil:
		return bad("it says nothing of %s", name)
	case f.Version < 1 || f.Length < 0:
		return bad("it says of %s that its version is %d and its length %d", name, f.Version, f.Length)
	case len(f.Hashes) > 0 && len(f.Hashes["sha256"]) != 32:
		return bad("it has no SHA-256 of %s", name)
	}
	return nil
}

// checkTargets is for metadata that the library has read and verified.
func checkTargets(m *metadata.Metadata[metadata.TargetsType]) error {
	if err := common(m.Signed.Version, m.Signed.SpecVersion, m.Signed.Expires); err != nil {
		return err
	}
	for name, t := range m.Signed.Targets {
		if t == nil || t.Length < 0 {
			return bad("it says nothing of the target %q", name)
		}
	}
	d := m.Signed.Delegations
	if d == nil {
		return nil
	}
	if d.SuccinctRoles != nil {
		return bad("it delegates to bins of hashes, which a feed does not have")
	}
	for id, k := range d.Keys {
		if k == nil {
			return bad("the key %s is empty", id)
		}
	}
	seen := map[string]bool{}
	for _, r := range d.Roles {
		if err := checkRole(r.Name); err != nil {
			return err
		}
		if seen[r.Name] {
			return bad("it delegates to the role %q twice", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

var plainRole = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// checkRole refuses names that cannot be those of delegated roles.
func checkRole(name string) error {
	for _, top := range metadata.TOP_LEVEL_ROLE_NAMES {
		if name == top {
			return bad("it delegates to a role with the name of the top-level role %s", name)
		}
	}
	if name == "" || len(escape(name)) > 200 {
		return bad("it delegates to a role without a usable name: %.80q", name)
	}
	return nil
}

// escape makes a role's name an element of a path.
func escape(role string) string {
	if plainRole.MatchString(role) {
		return role
	}
	return url.PathEscape(role)
}

// expiry reads when a file of the feed expires, for the words of an error.
func expiry(data []byte) time.Time {
	var m struct {
		Signed struct {
			Expires time.Time `json:"expires"`
		} `json:"signed"`
	}
	_ = json.Unmarshal(data, &m)
	return m.Signed.Expires
}

// errNone: the folder has no such file, or one that cannot be used.
var errNone = errors.New("not stored")
