// Package demo is Notes, the sample product that the upkeep binary carries: a
// small web application with its users' notes in SQLite. The binary is its
// runtime (Serve), as a Java would be; everything that makes a version lies in
// the tree that it is given: templates, styles, queries, the schema it expects.
// A version of the one on the schema of another answers 200 on / all the same,
// as real products do, and serves no notes.
//
// It also lays out what a demonstration needs: the releases as source folders
// of bundles (WriteBundleSources), and an installed 1.0 with users' notes
// (Install). The documents are those of examples/notes.
//
// It stands outside of Upkeep proper: it may import the standard library,
// modernc.org/sqlite, examples/notes, and the packages durable and files for
// laying out.
package demo
