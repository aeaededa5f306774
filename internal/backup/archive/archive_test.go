package archive

import (
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

func TestContract(t *testing.T) {
	backuptest.Run(t, backuptest.Folders(func(t *testing.T, dir string, fs durable.FS) backup.Engine {
		return New(Config{Dir: dir, FS: fs})
	}, dumpFile(aheadOf("database"))))
}

// TestContractEncrypted is the same for an archive of which a new process knows
// the identity.
func TestContractEncrypted(t *testing.T) {
	lab.Slow(t)
	to := encryption(t)
	backuptest.Run(t, backuptest.Folders(func(t *testing.T, dir string, fs durable.FS) backup.Engine {
		return New(Config{Dir: dir, FS: fs, Encrypt: to})
	}, dumpFile(aheadOf("database"))+".age"))
}
