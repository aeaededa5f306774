// Package probe reads values off the machine: a line of a file, a version over
// HTTP, the first value of a query, whether a service runs. It answers two
// questions: what is the value, and is it as wanted. A probe never writes and
// never starts a product's program on its own initiative; a command probe runs
// exactly the command that it is given.
//
// The sources and the grammar are described in docs/reference/probes.md. There
// is one file a source.
//
// It belongs to the edge: it may import the model (plan, version, document), the
// packages database, durable, scope and service, its own sub-packages, the
// standard library and golang.org/x/sys. It is handed everything that touches the world.
package probe
