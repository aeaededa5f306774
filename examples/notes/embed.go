// Package notes holds the documents of the sample product Notes, as a vendor
// and an administrator would write them: they are readable files here, and
// carried in the binary for `upkeep demo`. It imports only the standard
// library.
package notes

import "embed"

// Files are product.yaml, installation.yaml, and for each release a folder
// releases/VERSION with release.yaml and, where it has any, migrations.
//
//go:embed product.yaml installation.yaml releases
var Files embed.FS
