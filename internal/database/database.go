package database

import (
	"context"
	"io"
	"time"

	"upkeep/internal/drift"
)

// Database is one database of a product. A value is safe for use by one
// goroutine at a time, except Sessions and EndSessions, which may be called
// while another call runs. Every error names the database and wraps one of the
// Err values of this package where one fits.
type Database interface {
	// Kind is "postgres", "mariadb" or "sqlite".
	Kind() string

	// Inspect reads what the database is and what the account may do with it.
	// It never writes.
	Inspect(ctx context.Context) (Info, error)

	// Query runs one statement in a read-only transaction and gives the first
	// column of the first row as text. No row, or a NULL there, is ErrNoRow.
	// It never writes, and never creates the database.
	Query(ctx context.Context, sql string) (string, error)

	// Dump writes the whole content, as of one moment, to w. The report is
	// complete only when the error is nil: what reached w before a failure must
	// be thrown away. It never changes the database.
	Dump(ctx context.Context, w io.Writer) (Report, error)

	// Restore replaces the whole content by what Dump wrote: afterwards there is
	// exactly the dump's content, whatever was there before, half-migrated or
	// not. It takes effect at one instant; killed at any moment it leaves, once
	// EndSessions was called, the content from before or the dump's, and may be
	// run again. r is read to its
	// end, and an error from it (a wrong sum, a truncated file) prevents the
	// restore.
	Restore(ctx context.Context, r io.Reader) error

	// Fingerprint reads the full content: equal fingerprints mean equal schema
	// and equal rows. It never writes.
	Fingerprint(ctx context.Context) (Fingerprint, error)

	// Objects reads the definition of everything that drift knows in the database,
	// as of one moment. Where the account may not see all of it, or may not see
	// whether it does, the error wraps ErrPermission and says which right is
	// missing: less than everything is never given. It never writes.
	Objects(ctx context.Context) (drift.Schema, error)

	// Mark is a cheap sign of the content: where it is the same later, nothing was
	// committed between, and nothing that was under way then has been committed
	// since. Where it is another, the content may be the same all the same. Empty:
	// there is no sign at this moment. It never writes.
	Mark(ctx context.Context) (string, error)

	// Connect gives a connection on which scripts are carried out. While it is
	// open no other has one to this database: a second is told who is at work
	// (ErrInUse). SQLite has no such lock but that of its transactions.
	Connect(ctx context.Context, limits Limits) (Conn, error)

	// Native says how the server's own client is started, so that it carries out
	// a script which it reads from its input, in the operation's name. Secrets are
	// in the environment only. ErrToolMissing: there is none.
	Native(ctx context.Context) (Client, error)

	// Sessions lists what is connected in the name of an operation, the asking
	// connection left out. Empty where a kind has no sessions.
	Sessions(ctx context.Context, opID string) ([]Session, error)

	// EndSessions ends those sessions, waits until they are gone, and says how
	// many there were. What a killed Restore or Apply left half done it brings to
	// its end, or takes back. Recovery calls it before it observes anything.
	EndSessions(ctx context.Context, opID string) (int, error)

	// Scratch makes an empty database beside this one, on the same server (for
	// SQLite: a file in the temporary folder), with the same encoding and collation,
	// which the product and other accounts do not see: a dump is restored into it to
	// be looked at. It is named by the operation and this database; one that a killed
	// call has left is removed first. Closing the value removes it, and so does
	// EndSessions of this database for the operation. It moves the Mark of this
	// database where that is the server's. What cannot be made wraps ErrScratch.
	Scratch(ctx context.Context) (Database, error)

	// Close ends what is open. A scratch database is removed.
	Close() error
}

// Info is what Inspect found.
type Info struct {
	Server    string // "PostgreSQL 15.18", "MariaDB 10.11.19", "SQLite 3.50.4"
	Major     int    // 15, 3
	Name      string // database name or file path; never a password
	Account   string // who we are there; empty for SQLite
	SizeBytes int64  // on the server's disk, indexes included
	Tables    int    // user tables, those of extensions left out
	Encoding  string
	// InRecovery is true for a standby, which can be read but not restored.
	InRecovery bool
	Rights     Rights
	Scratch    ScratchRoom
}

// Rights says what the account may do. Problems has one plain sentence for
// every thing that stands in the way of Dump or Restore.
type Rights struct {
	Dump      bool
	Restore   bool
	Globals   bool // roles and tablespaces of the server may be read
	EndOthers bool // sessions of any other account may be ended
	Problems  []string
}

// Report describes one finished dump.
type Report struct {
	Kind        string        `json:"kind"`
	Server      string        `json:"server"`
	Tool        string        `json:"tool"`   // what wrote it: "pg_dump 15.18", "SQLite 3.50.4"
	Format      string        `json:"format"` // FormatCustom or FormatSQLite
	Bytes       int64         `json:"bytes"`
	Duration    time.Duration `json:"duration_ns"`
	LeftOut     []string      `json:"left_out,omitempty"` // what the dump does not hold, in sentences
	Fingerprint Fingerprint   `json:"fingerprint"`        // of the very moment of the dump
	Mark        string        `json:"mark,omitempty"`     // taken right before the dump; see Database.Mark
	Consistency Consistency   `json:"consistency,omitzero"`
}

// Formats of a dump. All can be read by the vendors' own tools: pg_restore,
// the mariadb client, and sqlite3 (the dump is a database file).
const (
	FormatCustom = "pg_dump custom, uncompressed"
	FormatSQL    = "SQL for the mariadb client"
	FormatSQLite = "sqlite database file"
)

// Conn is one connection on which scripts are carried out, with the settings
// that the server gives to everybody. For one goroutine.
type Conn interface {
	// ID is the server's number of the session; empty where it has none.
	ID() string
	// Exec carries out one statement and says how many rows it has changed, as
	// far as the server tells. Errors name the database and the script's line.
	Exec(ctx context.Context, s Statement) (rows int64, err error)
	Close() error
}

// Limits bound each statement of a connection, by the server itself.
type Limits struct {
	Statement time.Duration // 0: none
	Lock      time.Duration // how long a lock of somebody else is waited for; 0: what the kind thinks right
}

// Client is a program that carries out a script.
type Client struct {
	Args []string
	Env  []string // all of it
}

// Guard is implemented by kinds whose server cannot take statements back that
// change tables. Guard calls f so that all that it does is there afterwards, or,
// when it fails or we are killed, nothing (see EndSessions). It costs time and
// room for a copy of the database. After a failure the operation's other
// connections are ended.
type Guard interface {
	Guard(ctx context.Context, f func() error) error
}

// Session is one connection to the server.
type Session struct {
	ID      string // pid on the server
	Name    string // application name
	State   string // "active", "idle in transaction"
	Started time.Time
}
