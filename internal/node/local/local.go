// Package local is this computer as the verbs and the survey see it: the
// values of the plan (services, databases, secrets) turned into the managers
// that touch the world. It imports what touches the world and the model, and
// is wired by cmd through package manage.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strings"

	"upkeep/internal/database"
	"upkeep/internal/database/command"
	"upkeep/internal/database/mariadb"
	"upkeep/internal/database/postgres"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
)

// Secrets resolves references to secrets. The text is never kept.
type Secrets struct {
	FS durable.FS
}

// Resolve reads a secret. A file that others can read is refused.
func (s Secrets) Resolve(_ context.Context, ref plan.SecretRef) (string, error) {
	switch {
	case ref.Env != "":
		v, ok := os.LookupEnv(ref.Env)
		if !ok {
			return "", fmt.Errorf("the secret in the environment variable %s is not set: start the command with it, or refer to a file: {file: PATH}", ref.Env)
		}
		return v, nil
	case ref.File != "":
		info, err := s.FS.Stat(ref.File)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("there is no secret file %s: make it with mode 0600, holding nothing but the secret", ref.File)
		}
		if err != nil {
			return "", fmt.Errorf("cannot look at the secret file: %w", err)
		}
		if info.Mode.Perm()&0o077 != 0 {
			return "", fmt.Errorf("the secret file %s can be read by others (mode %04o): chmod 600 %s", ref.File, info.Mode.Perm(), ref.File)
		}
		raw, err := s.FS.ReadFile(ref.File)
		if err != nil {
			return "", fmt.Errorf("cannot read the secret file: %w", err)
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	}
	return "", errors.New("an empty reference to a secret")
}

// Databases opens the databases of plans.
type Databases struct {
	FS      durable.FS
	Secrets Secrets
	Tools   Tools
}

// Open opens a database in the name of an operation.
func (d Databases) Open(ctx context.Context, db plan.Database, opID string) (database.Database, error) {
	if db.Tool == nil {
		return d.open(ctx, db, opID)
	}
	tool, err := d.Tools.config(d.FS, db, opID)
	if err != nil {
		return nil, err
	}
	if db.Kind == command.Kind {
		return command.New(tool), nil
	}
	under, err := d.open(ctx, db, opID)
	if err != nil {
		return nil, err
	}
	return command.NewOver(under, tool), nil
}

func (d Databases) open(ctx context.Context, db plan.Database, opID string) (database.Database, error) {
	switch db.Kind {
	case "sqlite":
		return sqlite.New(sqlite.Config{FS: d.FS, Path: db.Path}), nil
	case "postgres":
		return postgres.New(postgres.Config{Address: d.address(ctx, db), OpID: opID}), nil
	case "mariadb":
		return mariadb.New(mariadb.Config{Address: d.address(ctx, db), OpID: opID}), nil
	}
	return nil, fmt.Errorf("cannot open the database %s: kind %s is not known", db.Component, db.Kind)
}

// address reads where a server's database is, each time anew.
func (d Databases) address(ctx context.Context, db plan.Database) func() (string, error) {
	if db.DSN == nil {
		return func() (string, error) { return db.Plain, nil }
	}
	ref := *db.DSN
	return func() (string, error) { return d.Secrets.Resolve(context.WithoutCancel(ctx), ref) }
}

// Account is the account that this process runs as.
func Account() (name string, root bool) {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprint(os.Geteuid()), os.Geteuid() == 0
	}
	return u.Username, os.Geteuid() == 0
}

// Node is the name of this computer.
func Node() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}
