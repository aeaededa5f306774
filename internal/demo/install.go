package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"upkeep/examples/notes"
	"upkeep/internal/durable"
)

// InstallOptions say where the sample product is installed.
type InstallOptions struct {
	Dir     string // absolute; made when missing, and must not hold an installation yet
	Runtime string // absolute path of the upkeep binary
	Port    int
	Account string // who runs the application and owns its files; empty: whoever installs
}

// Install lays out an installed, stopped Notes 1.0 with its users' notes:
//
//	app/                 the tree of 1.0, with local/theme.css as the site's own
//	data/notes.db        480 notes, the same ones every time
//	data/private-token   a secret, new every time, mode 0600
//	hooks/               for scripts of the site; empty
//	installation.yaml    the installation document, whose path is returned
func Install(ctx context.Context, to durable.FS, o InstallOptions) (document string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("cannot install the sample product in %s: %w", o.Dir, err)
	}
	who, err := user.Current()
	if err != nil {
		return fail(err)
	}
	if o.Account == "" {
		o.Account = who.Username
	}
	if !filepath.IsAbs(o.Dir) || !filepath.IsAbs(o.Runtime) || o.Port < 1 || o.Port > 65535 {
		return fail(fmt.Errorf("folder and program must be absolute paths, and %d a port", o.Port))
	}
	text, err := installation(o)
	if err != nil {
		return fail(err)
	}
	app, data := path.Join(o.Dir, "app"), path.Join(o.Dir, "data")
	building := to.Unsynced()
	if err := building.MkdirAll(o.Dir, 0o755); err != nil {
		return fail(err)
	}
	if err := writeTree(building, app, "1.0"); err != nil {
		return fail(err)
	}
	for _, dir := range []string{path.Join(app, "local"), data, path.Join(o.Dir, "hooks")} {
		if err := building.Mkdir(dir, 0o755); err != nil {
			return fail(err)
		}
	}
	if err := Seed(ctx, path.Join(data, DatabaseFile)); err != nil {
		return fail(err)
	}
	document = path.Join(o.Dir, "installation.yaml")
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{
		{path.Join(app, "local", "theme.css"), "/* this site's own */\nh1 { font-family: Georgia, serif; }\n", 0o644},
		{path.Join(data, PrivateToken), rand.Text() + "\n", 0o600},
		{document, text, 0o644},
	} {
		if err := writeFile(building, f.path, []byte(f.text), f.mode); err != nil {
			return fail(err)
		}
	}
	if o.Account != who.Username {
		if err := giveTo(building, o.Account, app, data); err != nil {
			return fail(err)
		}
	}
	if err := to.SyncTree(o.Dir); err != nil {
		return fail(err)
	}
	return document, nil
}

// installation is the example's document with this installation's values.
func installation(o InstallOptions) (string, error) {
	text, err := notes.Files.ReadFile("installation.yaml")
	if err != nil {
		return "", err
	}
	out := string(text)
	for _, v := range []struct{ key, example, value string }{
		{"root", "/srv/notes", o.Dir},
		{"runtime", "/usr/local/bin/upkeep", o.Runtime},
		{"account", "notes", o.Account},
		{"port", `"8090"`, strconv.Itoa(o.Port)},
		{"private: {file", "/srv/notes/data/private-token", path.Join(o.Dir, "data", PrivateToken)},
	} {
		quoted, err := json.Marshal(v.value) // a JSON text is a double-quoted YAML text
		if err != nil {
			return "", err
		}
		was := v.key + ": " + v.example
		if strings.Count(out, was) != 1 {
			return "", fmt.Errorf("the example's installation.yaml does not say %q", was)
		}
		out = strings.Replace(out, was, v.key+": "+string(quoted), 1)
	}
	return strings.Replace(out, `"upkeep demo" writes this file with a folder, program,
# account and port of its own.`, `Written by "upkeep demo".`, 1), nil
}

// giveTo makes an account the owner of trees.
func giveTo(to durable.FS, account string, trees ...string) error {
	u, err := user.Lookup(account)
	if err != nil {
		return fmt.Errorf("cannot find the account %s: %w", account, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	for _, tree := range trees {
		err := filepath.WalkDir(tree, func(name string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return to.Chown(name, uint32(uid), uint32(gid))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
