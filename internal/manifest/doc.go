// Package manifest is the vendor's half of the documents: what a product is
// and what a release brings. It holds the types, their strict decoding from
// a parsed document, the rules of lint, and the patterns of hook names. It is
// part of the model: it does no I/O and imports only the standard library and
// the packages document, document/nearest and version.
package manifest
