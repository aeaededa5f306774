package manage

import (
	"fmt"
	"net/netip"
	"slices"

	"upkeep/internal/scope/proc"
)

// Listening names the processes that listen at a TCP address of this computer, as
// far as this account can tell.
func Listening(at netip.AddrPort) ([]string, error) {
	list, err := proc.Listening(at)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list {
		if slices.ContainsFunc(list, func(q proc.Proc) bool { return q.PID == p.PPID }) {
			continue // a child that has it from its parent
		}
		out = append(out, fmt.Sprintf("%s, process %d", p.Name, p.PID))
	}
	return out, nil
}
