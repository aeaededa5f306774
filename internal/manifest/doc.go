// Package manifest is the vendor's half of the documents: what a product is
// and what a release brings. It holds the types, their strict decoding from
// a parsed document and the rules of lint. It is part of the model: it does
// no I/O and imports only the standard library, package document and
// package version.
package manifest
