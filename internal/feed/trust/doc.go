// Package trust decides what is believed of a feed. It is a client of The
// Update Framework, version 1.0: from a root that was pinned once it verifies
// who may sign what, that nothing is older than what was seen before, that all
// of it belongs together and has not expired; and then names length and SHA-256
// of each target. It fetches no target.
//
// The format and its signatures are go-tuf's, whose checks of one file against
// another (its trustedmetadata) are used. The order of work, the bounds, the
// storage and the words of the errors are our own.
//
// Nothing is stored before it was verified. What lies in the folder:
//
//	N.root.json                               every root since the pinned one
//	timestamp.json                            the newest that was verified: nothing older is believed
//	complete.json                             the timestamp of the newest feed that was verified to its end
//	N.snapshot.json N.targets.json N.ROLE.json  what the two name
//	clock.json                                when metadata was last believed
//
// complete.json is written last, so whoever reads offline finds all of one
// feed, even when the last refresh ended half way. It imports durable and
// go-tuf.
package trust
