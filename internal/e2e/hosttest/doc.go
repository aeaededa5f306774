// Package hosttest upgrades products on whole machines of the lab and ends the
// machines while they do: at moments that a seed chooses, forward and on the
// way back. What was interrupted is recovered by the machine's own boot, by
// nothing and nobody else, and must be the new version, verified, or the old
// one in every file, row and unit.
//
// It is test support, for Linux and root. It may import internal/lab and what
// it contains, and of Upkeep itself internal/manage and internal/run for the
// shape of events, and internal/demo for the sample product.
package hosttest
