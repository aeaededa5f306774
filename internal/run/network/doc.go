// Package network holds the model of a run whose steps lie on two computers.
// It has no code that ships: its tests drive the real fold and the real
// decision (run.State.Apply, run.Next) as coordinator, over a network that
// delays, loses, repeats and reorders, against nodes whose effects can be
// interrupted; coordinator and nodes die at any point. They may import the
// model, internal/lab and rapid.
//
// What the search found to be needed, and enough, is the rule of grants. Every
// part has a control in the tests: without it the search finds a violation.
//
//  1. A grant carries run, epoch, and the sequence and hash of the journal's
//     last entry when it is sent, so that what has no Intent can be granted, too.
//  2. A node keeps the highest grant that it has accepted, durable before the
//     effect, and refuses whatever is older.
//  3. Accepting a grant, it first ends what an older one has begun.
//  4. It keeps, durable before its answer, that a grant has ended. A repeated
//     grant that has ended is answered by observing only; one that has not is
//     gone on with.
//  5. The coordinator takes an answer only to the grant that it waits for, and
//     records no Outcome without one: silence is never a failure.
//  6. What passes a step without undoing it (skip-undo) is a grant too, with
//     nothing to do: it ends what may still be under way. So is the seal.
//  7. A coordinator that starts takes an epoch above all that the nodes know,
//     and makes every node accept it before it sends any grant. It stops when a
//     node has accepted a grant of an entry that its journal does not have: it
//     was restored from an older copy.
//
// Bounds of a search are the moves that hurt: crashes (of the coordinator or
// of a node), faults of the network (a loss, a copy, a request sent again
// before its time), breaks (a step or an undo that fails), words of people, and
// restores of the journal. Delay and order are not bounded, nor is sending again
// what was lost; five messages are on their way at most. Preparations that fail
// and tasks of people are left to the walk of package run.
//
// docs/adr/0020-grants.md says why.
package network
