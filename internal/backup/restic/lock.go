package restic

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"upkeep/internal/backup"
)

// lock is one that restic has left in a repository.
type lock struct {
	Time     time.Time `json:"time"`
	Hostname string    `json:"hostname"`
	Username string    `json:"username"`
	PID      int       `json:"pid"`
}

// dead says that its process was one of this computer, and is gone.
func (l lock) dead(host string) bool {
	return l.Hostname == host && l.PID > 0 && gone(l.PID)
}

// foreign says that restic unlock would take it away by its age alone.
func (l lock) foreign(host string, now time.Time) bool {
	const stale = 25 * time.Minute // restic: 30; a living one renews it every 5
	return l.Hostname != host && now.Sub(l.Time) > stale
}

// unlock takes the locks of processes away that ran here and died. restic takes
// all stale locks away or none; while there is one that may be another
// computer's, a person has to say.
func (e *Engine) unlock(ctx context.Context) (cleared bool, err error) {
	host, err := os.Hostname()
	if err != nil {
		return false, fmt.Errorf("cannot tell whose locks these are: %w", err)
	}
	out, err := e.once(ctx, call{args: []string{"list", "locks", "--no-lock", "--quiet"}})
	if err != nil {
		return false, err
	}
	stale := false
	for _, id := range strings.Fields(string(out)) {
		text, err := e.once(ctx, call{args: []string{"cat", "lock", id, "--no-lock"}})
		if err != nil {
			continue // gone by itself
		}
		var l lock
		if err := json.Unmarshal(text, &l); err != nil {
			return false, fmt.Errorf("cannot read a lock of the repository: %w", err)
		}
		if l.foreign(host, e.Now()) {
			return false, &backup.PlaceError{Msg: fmt.Sprintf("it is %s on %s, process %d, since %s", l.Username, l.Hostname, l.PID, l.Time.Format(time.DateTime)),
				Now: "if that computer is out of use, take its lock away with restic unlock"}
		}
		stale = stale || l.dead(host)
	}
	if !stale {
		return false, nil
	}
	_, err = e.once(ctx, call{args: []string{"unlock"}, writes: true})
	return err == nil, err
}
