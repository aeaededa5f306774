package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// tokens are those of the hub whose folder this is.
func (s *hubState) tokens() *hub.Tokens {
	return hub.NewTokens(manage.OpenHubFiles(s.dir, "tokens"), time.Now)
}

// forMachines has a server answer programs.
func (s *hubState) forMachines(server *hub.Server, openMetrics bool) *hub.Server {
	return server.ForMachines(s.tokens(), hub.NewStarts(manage.OpenHubFiles(s.dir, "starts"), time.Now), openMetrics)
}

func (a *App) hubToken(state *string) *cobra.Command {
	cmd := group(&cobra.Command{Use: "token", Short: "Tokens by which programs ask the hub: its API and its metrics"})
	cmd.AddCommand(a.addToken(state), a.listTokens(state), a.removeToken(state))
	return cmd
}

func (a *App) addToken(state *string) *cobra.Command {
	var role, only string
	var days int
	cmd := &cobra.Command{Use: "add NAME", Short: "Make a token; it is shown once", Args: args(1, 1, "a name"),
		RunE: func(_ *cobra.Command, got []string) error {
			switch {
			case days < 1:
				return usage{errors.New("--days is how long the token is good for: 1 or more")}
			case strings.ContainsAny(only, "~/"):
				return usage{fmt.Errorf("--only takes the id of one installation, as upkeep hub shows it in addresses, and %q may become another's: give its document a name of its own", only)}
			}
			var secret string
			t := hub.Token{Name: got[0], Role: ask.Role(role), Only: only, By: a.person(), Ends: time.Now().AddDate(0, 0, days)}
			on := map[string]string{"name": t.Name, "role": role, "until": t.Ends.Format(time.DateOnly)}
			if only != "" {
				on["only"] = only
			}
			err := a.changes(*state, "token-add", on, func(s *hubState) (err error) {
				secret, t, err = s.tokens().Add(t)
				return err
			})
			if err != nil {
				return tokenUsage(err)
			}
			if a.format == "json" {
				return a.json(struct {
					tokenDoc
					Token string `json:"token"`
				}{newTokenDoc(t), secret})
			}
			a.print(show.TokenMade(tokenRow(t), secret, a.width()))
			return nil
		}}
	cmd.Flags().StringVar(&role, "role", string(ask.Viewer), "`ROLE`: viewer looks, operator starts and decides, administrator changes settings")
	cmd.Flags().StringVar(&only, "only", "", "`ID` of the one installation that it is for (default all)")
	cmd.Flags().IntVar(&days, "days", 90, "how long it is good for")
	return cmd
}

func (a *App) listTokens(state *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the tokens; they themselves are kept nowhere", Args: args(0, 0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			s, err := openHubState(*state, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			list, err := s.tokens().List()
			if err != nil {
				return err
			}
			docs, rows := []tokenDoc{}, []show.Token{}
			for _, t := range list {
				docs, rows = append(docs, newTokenDoc(t)), append(rows, tokenRow(t))
			}
			if a.format == "json" {
				return a.json(docs)
			}
			a.print(show.Tokens(rows, time.Now(), a.width()))
			return nil
		}}
}

func (a *App) removeToken(state *string) *cobra.Command {
	return &cobra.Command{Use: "remove NAME", Short: "End a token at once", Args: args(1, 1, "a name"),
		RunE: func(_ *cobra.Command, got []string) error {
			err := a.changes(*state, "token-remove", map[string]string{"name": got[0]}, func(s *hubState) error { return s.tokens().Remove(got[0]) })
			if err != nil {
				return tokenUsage(err)
			}
			if a.format == "json" {
				return a.json(map[string]string{"removed": got[0]})
			}
			a.print(show.Good("the token "+show.Clean(got[0])+" has ended") + "\n")
			return nil
		}}
}

func tokenUsage(err error) error {
	var mine *hub.TokenError
	if errors.As(err, &mine) {
		return usage{err}
	}
	return err
}

// tokenDoc is the JSON of a token. Its keys are stable.
type tokenDoc struct {
	Name string    `json:"name"`
	Role ask.Role  `json:"role"`
	Only string    `json:"only,omitempty"`
	By   string    `json:"by"`
	Made time.Time `json:"made"`
	Ends time.Time `json:"ends"`
}

func newTokenDoc(t hub.Token) tokenDoc {
	return tokenDoc{Name: t.Name, Role: t.Role, Only: t.Only, By: t.By, Made: t.Made, Ends: t.Ends}
}

func tokenRow(t hub.Token) show.Token {
	return show.Token{Name: t.Name, Role: string(t.Role), Only: t.Only, By: t.By, Made: t.Made, Ends: t.Ends}
}
