// Package crashfs is a file system in memory that knows what a power cut would leave of it. It implements [durable.FS] and
// answers as durable.OS() does as root, so that a whole upgrade can run in it, be cut at any operation, and be recovered,
// tens of thousands of times. It is support for tests.
//
// It promises the least of what ext4 and xfs promise and durable relies on:
//
//   - Content and metadata of a file (mode, owner, times, attributes) last after SyncFile, File.Sync or SyncTree, which syncs
//     the whole volume.
//   - Names last after SyncDir of their directory or SyncTree, or when a later synced change in the same directory syncs it.
//     SyncDir makes the metadata of the directory itself last, too.
//   - A name lasts only if its directory does: what was synced in a directory whose own name was not is lost with it.
//   - Rename, Replace, Exchange and SwapLink change both of their names on the disk or neither. What would otherwise be torn
//     comes with them: earlier changes of the same names, what a removed directory held, earlier moves of directories.
//   - A file that was made has the mode that it was made with, and no content, as soon as its name lasts.
//
// Real volumes keep more: their journals are in order, so a sync of one directory brings all earlier changes of names. Code
// that relies on that is shown to be wrong here.
package crashfs
