// Package process is the crash harness for the real binary. The test build
// (build tag crash) ends itself with SIGKILL before or after any of its durable
// operations and journal commits, or has one of them fail; the ordinary command
// then recovers, and an oracle looks at everything: the product ends new or
// old, never between.
//
// It is for tests. It may import package sitetest and what that imports, and
// package fault.
package process
