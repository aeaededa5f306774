package sitetest

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"upkeep/internal/demo"
)

// layOut installs the example:
//
//	product/                    what the example calls /srv/NAME
//	product/installation.yaml   its installation document
//	product/COMPONENT           the trees of the installed release
//	product/…                   what the example has in site/
//
// A file of site/ that ends in .db.sql becomes the database that it fills.
// Trees and data belong to the product's account; everything else, hooks
// above all, to whoever upgrades.
func (s *Site) layOut() error {
	from, err := s.folder()
	if err != nil {
		return err
	}
	for _, dir := range []string{s.Root, s.Releases, s.Marks, filepath.Join(s.Dir, "home")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := s.service.Own(s.Marks); err != nil {
		return err
	}
	if s.Example == "notes" {
		err = s.notes()
	} else {
		err = s.trees(from)
	}
	if err != nil {
		return err
	}
	if err := s.document(from); err != nil {
		return err
	}
	return s.give()
}

// notes lays out the sample product, whose trees the binary carries.
func (s *Site) notes() error {
	_, err := demo.Install(context.Background(), s.files(), demo.InstallOptions{Dir: s.Root, Runtime: s.Bin, Port: s.Port, Account: s.service.Name})
	return err
}

func (s *Site) trees(from string) error {
	release := filepath.Join("releases", s.Version)
	list, err := os.ReadDir(filepath.Join(from, release))
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.IsDir() && !beside(e.Name()) {
			if err := s.copy(from, filepath.Join(release, e.Name()), filepath.Join(s.Root, e.Name())); err != nil {
				return err
			}
		}
	}
	if _, err := os.Stat(filepath.Join(from, "site")); err != nil {
		return nil
	}
	return s.copy(from, "site", s.Root)
}

// copy copies a folder of the example.
func (s *Site) copy(example, dir, to string) error {
	root := filepath.Join(example, dir)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(at, 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755
		}
		body := s.edited(filepath.Join(dir, rel), string(text))
		if dir == "site" { // which may name its own folder
			body = strings.ReplaceAll(body, "/srv/"+s.Example, s.Root)
		}
		if db, ok := strings.CutSuffix(at, ".sql"); ok && strings.HasSuffix(db, ".db") {
			return fill(db, body)
		}
		if err := os.WriteFile(at, []byte(body), mode); err != nil {
			return err
		}
		return os.Chmod(at, mode) // whatever the umask is
	})
}

func (s *Site) edited(path, text string) string {
	if s.Edit == nil {
		return text
	}
	return s.Edit(filepath.ToSlash(path), text)
}

func fill(path, text string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		return fmt.Errorf("cannot fill %s: %w", path, err)
	}
	return nil
}

// document writes the installation document with this site's own values in
// place of the example's.
func (s *Site) document(from string) error {
	text, err := os.ReadFile(filepath.Join(from, "installation.yaml"))
	if err != nil {
		return err
	}
	doc := s.edited("installation.yaml", string(text))
	doc = strings.ReplaceAll(doc, "/srv/"+s.Example, s.Root)
	doc = strings.ReplaceAll(doc, "/usr/local/bin/upkeep", s.Bin)
	doc = regexp.MustCompile(`(?m)^(  account: ).*$`).ReplaceAllString(doc, "${1}"+s.service.Name)
	doc = regexp.MustCompile(`(?m)^(  updater: ).*$`).ReplaceAllString(doc, "${1}"+s.callerName())
	doc = regexp.MustCompile(`(?m)^(  port: ).*$`).ReplaceAllString(doc, `${1}"`+strconv.Itoa(s.Port)+`"`)
	doc = strings.Replace(doc, "installation: {id: "+s.Example, "installation: {id: "+s.id(), 1)
	return os.WriteFile(s.Document, []byte(doc), 0o644)
}

// guarded are folders of programs and scripts that root may run: they stay root's.
var guarded = regexp.MustCompile(`^(hooks|updates|pools|bin|[a-z-]+\.d)$`)

// give hands the product's files to its account, and everything to whoever
// upgrades when that is not root.
func (s *Site) give() error {
	if s.caller.Switch {
		return filepath.WalkDir(s.Dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return s.caller.Own(path)
		})
	}
	list, err := os.ReadDir(s.Root)
	if err != nil {
		return err
	}
	for _, e := range list {
		if guarded.MatchString(e.Name()) || e.Name() == "installation.yaml" || e.Name() == "upkeep" {
			continue
		}
		err := filepath.WalkDir(filepath.Join(s.Root, e.Name()), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return s.service.Own(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// callerName is the account that gives the commands.
func (s *Site) callerName() string {
	switch {
	case s.caller.Name != "":
		return s.caller.Name
	case os.Geteuid() == 0:
		return "root"
	}
	return s.service.Name
}
