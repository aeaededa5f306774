package cli

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

func (a *App) auditLog() *cobra.Command {
	var dir string
	var limit int
	list := func(*cobra.Command, []string) error { return a.listAudit(dir, limit) }
	cmd := group(&cobra.Command{Use: "audit", Short: "Who has changed what on the page"})
	sub := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, got []string) error {
		if len(got) > 0 {
			return sub(cmd, got)
		}
		return list(cmd, nil)
	}
	a.stateFlag(cmd, &dir)
	cmd.PersistentFlags().IntVar(&limit, "limit", 50, "at most `N` changes, the latest")
	var heads []string
	verify := &cobra.Command{Use: "verify", Short: "Look whether the log was cut, changed or put in another order", Args: args(0, 0, "no argument"),
		Long: `Look whether the audit log was cut, changed or put in another order.

Each entry is bound to the one before it. What is cut at the very end does not
show by that: name an entry that was noted elsewhere, as N:SUM, with --head. The
hub writes N:SUM of each entry into its own log, which journald or another
computer keeps.`,
		RunE: func(*cobra.Command, []string) error { return a.verifyAudit(dir, heads) }}
	verify.Flags().StringArrayVar(&heads, "head", nil, "`N:SUM` of an entry that must be there; may be given several times")
	cmd.AddCommand(&cobra.Command{Use: "list", Short: "List changes, latest first", Args: args(0, 0, "no argument"), RunE: list}, verify)
	return cmd
}

func (a *App) listAudit(given string, limit int) error {
	if limit < 1 {
		return usage{fmt.Errorf("--limit is 1 or more, not %d", limit)}
	}
	s, err := openHubState(given, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	got, err := s.audit.Acts(ask.AuditQuery{Limit: limit})
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(got)
	}
	a.print(show.Audit(got, time.Now(), a.width()))
	return nil
}

func (a *App) verifyAudit(given string, heads []string) error {
	dir, err := manage.HubFolder(given)
	if err != nil {
		return err
	}
	var known []manage.AuditHead
	for _, h := range heads {
		n, sum, _ := strings.Cut(h, ":")
		number, err := strconv.ParseInt(n, 10, 64)
		if raw, bad := hex.DecodeString(sum); err != nil || bad != nil || len(raw) != 32 || number < 1 {
			return usage{fmt.Errorf("--head wants N:SUM as the hub's log has it, not %q", show.Clean(h))}
		}
		known = append(known, manage.AuditHead{N: number, Hash: sum})
	}
	r, err := manage.VerifyAudit(dir, known...)
	if err != nil {
		return err
	}
	if a.format == "json" {
		if err := a.json(r); err != nil {
			return err
		}
	} else {
		a.print(show.AuditReport(r, len(known) > 0, a.width()))
	}
	if len(r.Breaks) > 0 {
		return exit(ExitError)
	}
	return nil
}
