package probe

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/scope/proc"
)

// readOpenFiles: the processes that use something of a folder: work in it, run
// a program of it, have a file of it open or mapped. Where only root could look
// into all of them, none found is no answer.
func readOpenFiles(ctx context.Context, _ *Evaluator, q query) (Value, error) {
	uses, blind, err := proc.Using(q.arg)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	if ctx.Err() != nil {
		return Value{}, unreadable(q.arg, context.Cause(ctx))
	}
	if len(uses) == 0 && blind > 0 && os.Geteuid() != 0 {
		return Value{}, unreadable(q.arg, fmt.Errorf("%d processes of other accounts may not be looked into: this probe needs root", blind))
	}
	if len(uses) == 0 {
		v := Value{Evidence: "no process uses anything of " + q.arg}
		if blind > 0 { // inside a container, whose first process is its host's
			v.Evidence += fmt.Sprintf(", as far as root may look (%d processes not)", blind)
		}
		return v, nil
	}
	slices.SortFunc(uses, func(a, b proc.Use) int { return a.PID - b.PID })
	accounts := map[uint32]string{}
	var who, what []string
	for _, u := range uses {
		name, known := accounts[u.UID]
		if !known {
			name = strconv.FormatUint(uint64(u.UID), 10)
			if a, err := user.LookupId(name); err == nil {
				name = a.Username
			}
			accounts[u.UID] = name
		}
		who = append(who, fmt.Sprintf("%s (%d, %s)", u.Name, u.PID, name))
		what = append(what, u.String())
	}
	return Value{Text: strings.Join(who, ", "), Present: true, Evidence: fmt.Sprintf("%d processes: %s", len(uses), oneLine(strings.Join(what, ", "), 300))}, nil
}
