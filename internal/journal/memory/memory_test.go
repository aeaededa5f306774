package memory_test

import (
	"testing"

	"upkeep/internal/journal/journaltest"
	"upkeep/internal/journal/memory"
)

func TestContract(t *testing.T) {
	journaltest.Suite(t, func(*testing.T) journaltest.Journal { return &memory.Journal{} })
}
