package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/hub"
	"upkeep/internal/hub/ask"
	"upkeep/internal/hub/local"
	"upkeep/internal/manage"
)

// Files of the hub's folder.
const (
	peopleFile  = "people.json"
	addressFile = "address" // of the page that ran last
)

// hubState is the hub's folder with what is in it.
type hubState struct {
	dir    string
	people *hub.People
	audit  hub.Audit
}

func (a *App) stateFlag(cmd *cobra.Command, dir *string) {
	cmd.PersistentFlags().StringVar(dir, "state", a.Getenv("UPKEEP_HUB_STATE"), "`DIR` of the hub's people, sessions and audit log (default /var/lib/upkeep/.hub for root)")
}

func openHubState(given string, log *slog.Logger) (*hubState, error) {
	dir, err := manage.HubFolder(given)
	if err != nil {
		return nil, err
	}
	file, err := manage.OpenHubFile(dir, peopleFile)
	if err != nil {
		return nil, err
	}
	l, err := manage.OpenAudit(dir)
	if err != nil {
		return nil, err
	}
	return &hubState{dir, hub.PeopleIn(file, time.Now, log), local.NewAudit(l, log)}, nil
}

func (a *App) hubPeople(dir *string) *cobra.Command {
	list := func(*cobra.Command, []string) error { return a.listPeople(*dir) }
	cmd := group(&cobra.Command{Use: "people", Short: "Who may use the page, and as what"})
	sub := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, got []string) error {
		if len(got) > 0 {
			return sub(cmd, got)
		}
		return list(cmd, nil)
	}
	var role string
	add := &cobra.Command{Use: "add NAME", Short: "Let somebody in, by a one-time link", Args: args(1, 1, "a name"),
		RunE: func(_ *cobra.Command, got []string) error {
			return a.invites(*dir, "person-add", got[0], map[string]string{"name": got[0], "role": role}, func(s *hubState) (ask.Invitation, error) {
				return s.people.Add(a.person(), got[0], ask.Role(role))
			})
		}}
	add.Flags().StringVar(&role, "role", string(ask.Viewer), "viewer, operator or administrator")
	link := &cobra.Command{Use: "link NAME", Short: "Make another one-time link, for who has forgotten the password", Args: args(1, 1, "a name"),
		RunE: func(_ *cobra.Command, got []string) error {
			return a.invites(*dir, "person-link", got[0], map[string]string{"name": got[0]}, func(s *hubState) (ask.Invitation, error) { return s.people.Invite(got[0]) })
		}}
	cmd.AddCommand(&cobra.Command{Use: "list", Short: "List who has an account", Args: args(0, 0, "no argument"), RunE: list}, add, link,
		&cobra.Command{Use: "role NAME ROLE", Short: "Give somebody another role; it ends the person's sessions", Args: args(2, 2, "a name, and viewer, operator or administrator"),
			RunE: func(_ *cobra.Command, got []string) error {
				return a.changesPerson(*dir, "person-role", map[string]string{"name": got[0], "role": got[1]}, got[0]+" is "+got[1]+" now; sessions that were begun before have ended",
					func(s *hubState) error { return s.people.SetRole(got[0], ask.Role(got[1])) })
			}},
		&cobra.Command{Use: "remove NAME", Short: "Take an account away, with its sessions", Args: args(1, 1, "a name"),
			RunE: func(_ *cobra.Command, got []string) error {
				return a.changesPerson(*dir, "person-remove", map[string]string{"name": got[0]}, got[0]+" is removed", func(s *hubState) error { return s.people.Remove(got[0]) })
			}},
		&cobra.Command{Use: "sign-out NAME", Short: "End all sessions of somebody", Args: args(1, 1, "a name"),
			RunE: func(_ *cobra.Command, got []string) error {
				return a.changesPerson(*dir, "person-leave", map[string]string{"name": got[0]}, "all sessions of "+got[0]+" have ended", func(s *hubState) error { return s.people.EndSessions(got[0]) })
			}},
		&cobra.Command{Use: "password NAME", Short: "Give somebody a password, typed or read from standard input; it ends the person's sessions", Args: args(1, 1, "a name"),
			RunE: func(cmd *cobra.Command, got []string) error {
				password, err := a.newPassword(cmd.Context())
				if err != nil {
					return err
				}
				return a.changesPerson(*dir, "person-password", map[string]string{"name": got[0]}, got[0]+" has a new password; sessions that were begun before have ended",
					func(s *hubState) error { return s.people.GivePassword(got[0], password) })
			}})
	return cmd
}

// newPassword reads a password: twice from a person, once from a file.
func (a *App) newPassword(ctx context.Context) (string, error) {
	a.say("The new password (it is not shown): ")
	first, err := a.secretLine(ctx)
	if err == nil && a.tty() {
		a.say("\nOnce more: ")
		var again string
		if again, err = a.secretLine(ctx); err == nil && again != first {
			err = usage{errors.New("the two passwords differ; nothing was changed")}
		}
	}
	a.say("\n")
	if err != nil {
		return "", fmt.Errorf("cannot read the password: %w", err)
	}
	return first, nil
}

func (a *App) listPeople(given string) error {
	s, err := openHubState(given, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	all, err := s.people.List()
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(all)
	}
	a.print(show.Accounts(all.People, time.Now(), a.width()))
	return nil
}

// changes carries out a change of the hub's, noted in its audit log before and after.
func (a *App) changes(given, do string, on map[string]string, f func(*hubState) error) error {
	s, err := openHubState(given, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return hub.Note(s.audit, a.person(), "", do, on, func() error { return f(s) })
}

func (a *App) changesPerson(given, do string, on map[string]string, done string, f func(*hubState) error) error {
	if err := a.changes(given, do, on, f); err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(on)
	}
	a.print(show.Good(show.Clean(done)) + "\n")
	return nil
}

func (a *App) invites(given, do, name string, on map[string]string, f func(*hubState) (ask.Invitation, error)) error {
	var i ask.Invitation
	var address string
	err := a.changes(given, do, on, func(s *hubState) (err error) {
		address = lastAddress(s.dir)
		i, err = f(s)
		return err
	})
	if err != nil {
		return err
	}
	link := address + "enter?code=" + url.QueryEscape(i.Code)
	if a.format == "json" {
		return a.json(map[string]any{"name": i.Name, "role": i.Role, "link": link, "until": i.Until})
	}
	a.print(show.Invitation(i.Name, string(i.Role), link, address == "/", a.width()))
	return nil
}

// lastAddress is where the page was served last; a path where that is not known.
func lastAddress(dir string) string {
	f, err := manage.OpenHubFile(dir, addressFile)
	if err == nil {
		if raw, err := f.Read(); err == nil && len(raw) > 0 {
			return string(raw)
		}
	}
	return "/"
}

// keepAddress notes where the page is served, for links that the terminal makes.
func keepAddress(dir, address string) error {
	f, err := manage.OpenHubFile(dir, addressFile)
	if err != nil {
		return err
	}
	return f.Change(func([]byte) ([]byte, error) { return []byte(address), nil })
}
