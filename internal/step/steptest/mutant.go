package steptest

import "upkeep/internal/durable"

// Watched is the machine's file system for suites of other contracts than a
// verb's: it knows what was written through it and not synced.
type Watched struct{ k *Killer }

// Watch makes one.
func Watch() Watched { return Watched{newKiller()} }

// FS is what the code under test writes through. tap.MutantEnv may make it wrong.
func (w Watched) FS() durable.FS { return w.k.FS() }

// Dirty lists what is not durable.
func (w Watched) Dirty() []string { return w.k.dirty() }

// Named says that a program which the code under test asks for it makes the
// name path, and leaves it to the code to sync it.
func (w Watched) Named(path string) { w.k.note(func(l ledger) { l.name(path) }) }

// Made says that a stand-in has made the file at path, and has not synced it: as
// the program does that it stands for.
func (k *Killer) Made(path string) { k.note(func(l ledger) { l.content(path); l.name(path) }) }
