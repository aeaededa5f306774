// Package vendor is the side of those who publish: it makes keys, makes a feed
// of releases, and changes it. A feed is a folder of static files after the
// specification of The Update Framework (TUF) 1.0; docs/reference/feed.md
// describes it. Whoever reads the folder while it is written sees what was, or
// what is new, never a half: content comes first, timestamp.json last.
//
// A change is first a draft in the folder pending, which those who hold keys
// sign, one after the other, on computers of their own if they like; it goes
// live when enough of them have.
//
// It may import the model, internal/durable, internal/bundle, internal/document,
// internal/step for the errors of people, go-tuf, sigstore's signers, age and
// the standard library.
package vendor

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// The four roles that every feed has. A product's role is called as the product.
const (
	RoleRoot      = metadata.ROOT
	RoleTargets   = metadata.TARGETS
	RoleSnapshot  = metadata.SNAPSHOT
	RoleTimestamp = metadata.TIMESTAMP
	RoleProduct   = "product" // in Lifetimes: every product's role
)

// The folders of a feed.
const (
	MetadataDir = "metadata"
	TargetsDir  = "targets"
	PendingDir  = "pending" // drafts; no reader looks there
)

// Lifetimes are how long what a role signs counts, by role.
type Lifetimes map[string]time.Duration

// DefaultLifetimes are those that count where nobody says otherwise.
func DefaultLifetimes() Lifetimes {
	const day = 24 * time.Hour
	return Lifetimes{RoleRoot: 365 * day, RoleTargets: 365 * day, RoleProduct: 182 * day, RoleSnapshot: 14 * day, RoleTimestamp: 14 * day}
}

// Patcher makes patches between payloads.
type Patcher interface {
	// Recipe names how a result is compressed again.
	Recipe() string
	// Make writes the patch that makes the payload at newPath from the one at
	// oldPath. Not ok: there is none that would be worth it.
	Make(ctx context.Context, oldPath, newPath string, w io.Writer) (ok bool, err error)
}

// Feed is the folder of a feed. One process at a time changes it.
type Feed struct {
	FS        durable.FS
	Dir       string // absolute
	Now       func() time.Time
	Lifetimes Lifetimes // nil: DefaultLifetimes
	Patch     Patcher   // nil: no patches are made
}

// expires is when what a role signs now ends.
func (f *Feed) expires(role string) time.Time {
	defaults := DefaultLifetimes()
	if _, top := defaults[role]; !top {
		role = RoleProduct
	}
	life := defaults[role]
	if own, ok := f.Lifetimes[role]; ok {
		life = own
	}
	return f.Now().UTC().Add(life).Truncate(time.Second)
}

func (f *Feed) path(parts ...string) string {
	return filepath.Join(append([]string{f.Dir}, parts...)...)
}

// put writes a small file atomically and durably, and the folders above it.
func (f *Feed) put(data []byte, parts ...string) error {
	path := f.path(parts...)
	if err := f.FS.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return f.FS.WriteFile(path, data, 0o644)
}

// mistake is an error that the person at the keyboard can mend.
func mistake(now string, msg string) error { return &step.UserError{Msg: msg, Now: now} }
