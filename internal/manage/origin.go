package manage

import (
	"os"

	"upkeep/internal/run"
)

// origin says where this process was started from.
func (in *Installation) origin() run.Origin {
	return run.Origin{Account: in.Account, Sudo: os.Getenv("SUDO_USER"), Terminal: terminal(), Unit: unit()}
}
