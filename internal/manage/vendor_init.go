package manage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/step"
)

// firstManifest is a whole manifest of 14 lines: a tree of files, a service that
// Upkeep runs, data of its own.
const firstManifest = `product: {id: PRODUCT, versions: semver}
params:
  root:    {ask: install, type: path, title: "Folder of the product"}
  account: {ask: install, title: "Account that it runs as"}
dirs: {root: "${param.root}", data: "${param.root}/data"}
components:
  app: {kind: tree, at: "${param.root}/app", version: {file: "${param.root}/app/version.txt"}}
services:
  - {id: main, as: "${param.account}", run: ["${param.root}/app/bin/serve", "${param.root}/data"], ready: {file: "${param.root}/data/ready"}}
---
release: {product: PRODUCT, version: "VERSION"}
routes: [{from: "< VERSION"}]
payloads: {app: app.tar.zst}
versions: {app: "VERSION"}
`

// firstProgram stands for the product until its own files are put in its place.
const firstProgram = `#!/bin/sh
# Stands for your program: says in a file of its data that it serves, and waits.
data=$1
trap 'rm -f "$data/ready"; exit 0' TERM INT
echo yes > "$data/ready"
while :; do sleep 1 & wait $!; done
`

// InitSource writes the source of a first bundle into a new folder, and gives
// the files that it has written.
func InitSource(dir, product, version string) ([]string, error) {
	switch {
	case !channel.ProductID.MatchString(product):
		return nil, &step.UserError{Msg: fmt.Sprintf("no product can be called %q", product), Now: "use small letters, digits, - and _"}
	case strings.ContainsAny(version, "\"\\\n$ ") || version == "":
		return nil, &step.UserError{Msg: fmt.Sprintf("%q is no version", version), Now: "say for example 1.0.0"}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	fsys := realFiles()
	if list, err := fsys.ReadDir(dir); err == nil && len(list) > 0 {
		return nil, &step.UserError{Msg: dir + " is not empty: nothing was written", Now: "name a folder that is not there yet"}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text := strings.NewReplacer("PRODUCT", product, "VERSION", version).Replace(firstManifest)
	var out []string
	for _, f := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{bundle.ManifestName, text, 0o644},
		{"components/app/version.txt", version + "\n", 0o644},
		{"components/app/bin/serve", firstProgram, 0o755},
	} {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := fsys.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return out, err
		}
		if err := fsys.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return out, err
		}
		out = append(out, path)
	}
	if r := Lint(dir); !r.Clean() {
		return out, &step.UserError{Msg: "the manifest does not fit: " + r.Error + " " + fmt.Sprint(r.Findings), Now: "the version must be one of Semantic Versioning, such as 1.0.0; change versions: in the manifest for another order"}
	}
	return out, nil
}
