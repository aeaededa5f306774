package contract

// survives says why nothing notices a mutant, and need not.
var survives = map[string]string{
	"unsynced internal/step/packages/fetch.go:Do MkdirAll":      volume,
	"unsynced internal/step/packages/fetch.go:Do RemoveAll":     volume,
	"unsynced internal/step/packages/fetch.go:Do WriteFile":     volume,
	"unsynced internal/step/packages/fetch.go:fill Mkdir":       volume,
	"unsynced internal/step/packages/fetch.go:Undo RemoveAll 1": "the Rename after it syncs the same folder",

	"unsynced internal/backup/archive/ahead.go:ahead RemoveAll":      "the note after it syncs the same folder",
	"unsynced internal/backup/archive/ahead.go:current RemoveAll":    "the SyncDir before the record syncs the same folder; after a failure the next try removes it again",
	"unsynced internal/backup/archive/ahead.go:take Rename":          "the SyncDir before the record syncs the same folder",
	"unsynced internal/backup/archive/amend.go:stray Remove":         "the SyncDir before the record syncs the same folder; after a failure the next try removes it again",
	"unsynced internal/backup/archive/archive.go:Remove RemoveAll 1": "the Rename after it syncs the same folder",
	"unsynced internal/backup/putback/inplace.go:move RemoveAll":     "the copy that is made there syncs the same folder",
	"unsynced internal/backup/putback/inplace.go:move Replace 2":     "a gap: the ledger does not tell volumes apart, and takes the SyncTree at the end for one of the mount too",
	"unsynced internal/backup/archive/prepare.go:Prepare RemoveAll":  "what a power cut brings back is unfinished, and is swept, or removed by the next try",
	"unsynced internal/backup/archive/prepare.go:globals Remove":     "the note after it syncs the same folder",
	"unsynced internal/backup/archive/prepare.go:tidy RemoveAll":     "the SyncDir before the record syncs the same folder; after a failure the next try removes it again",
	"unsynced internal/backup/putback/putback.go:aside Rename":       "the Rename of what is staged syncs the same folder",
	"unsynced internal/backup/putback/putback.go:stage Rename 2":     "the exchange that follows takes earlier changes of the name along, and syncs the same folder",
	"omit internal/files/copy.go:CopyTree SyncDir":                   "the SyncTree before it has synced the name as well, where it syncs the volume",
	"unsynced internal/files/copy.go:CopyTree RemoveAll":             "after a failure: who copies again removes first what is there",
	"unsynced internal/files/stage.go:stage RemoveAll":               "after a failure: what a power cut brings back is wiped by the next try",
	"unsynced internal/step/merge/merge.go:lay Rename":               "what is written to the old name and beside the new one next syncs both folders",
	"unsynced internal/step/install/trees.go:rename Rename 3":        "the Rename of the other tree to the same name syncs both folders",
}

const volume = "the SyncTree after it syncs all of the volume, before the folder gets its name"
