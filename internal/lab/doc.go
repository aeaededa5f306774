// Package lab is what Upkeep's tests and benchmarks need of the outside
// world: a PostgreSQL and a MariaDB of their own, a real product from two
// Debian suites, a user who polls it, accounts without rights, and the switches
// that keep slow tests out of a quick run.
//
// It is test support and no part of the program: it may import anything but
// the packages of Upkeep itself, so that what it reports never depends on the
// code under test. Every part is usable without a test as well (functions
// that return an error); the short forms that take a testing.TB wrap those.
//
// The lab writes in temporary folders and in its cache only, binds to
// loopback only, and ends only processes that it started or whose program
// lies in a folder that it made.
package lab
