package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// demoEnds is how long a run that is under way when the demonstration is ended may
// take to its own end.
const demoEnds = 2 * time.Minute

func (a *App) demoConsole() *cobra.Command {
	var listen string
	cmd := &cobra.Command{Use: "console", Short: "Click through the sample product's upgrade on the page, until it is interrupted with Ctrl+C", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDemoConsole(cmd.Context(), listen) }}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "`ADDRESS` of the page, on this computer")
	return cmd
}

// runDemoConsole has the sample product ready to be upgraded on the page. Nothing
// of it is left.
func (a *App) runDemoConsole(ctx context.Context, address string) (err error) {
	free, _, err := listen(address, secured{}) // before anything is laid out
	if err != nil {
		return err
	}
	if err := free.Close(); err != nil {
		return fmt.Errorf("cannot give the page its address: %w", err)
	}
	s := &stage{App: a}
	if s.dir, err = demoDir(""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.endConsole()) }()
	s.title("Upkeep's demonstration, to click", "everything happens in "+s.dir)
	if err := s.layOut(ctx); err != nil {
		return err
	}
	if _, err := manage.Adopt(ctx, manage.NewInstallation{Product: filepath.Join(s.releases, "notes-2.0.tar.zst"), Name: s.document, By: a.person(), Exe: a.Exe}); err != nil {
		return fmt.Errorf("cannot tell Upkeep of the sample product: %w", err)
	}
	notes, err := s.notes()
	if err != nil {
		return err
	}
	s.print(show.ClickDemo(fmt.Sprintf("http://127.0.0.1:%d/", s.port), notes, s.width()))
	return a.runHub(ctx, hubOptions{listen: address, pageAs: demoPage(), releases: s.releases, state: filepath.Join(s.dir, "hub")}, manage.Notifier{})
}

// demoPage is the account of the page: where root shows the demonstration, and no
// account was made for the page, that of nobody.
func demoPage() string {
	if os.Geteuid() != 0 {
		return ""
	}
	if _, err := user.Lookup(pageAccount); err == nil {
		return pageAccount
	}
	return "nobody"
}

// endConsole lets a run come to its end, and takes everything away.
func (s *stage) endConsole() error {
	ctx, stop := context.WithTimeout(context.Background(), demoEnds)
	defer stop()
	if s.in == nil { // it was not laid out to the end
		return s.discard()
	}
	r, err := s.in.OpenRun(ctx)
	if r != nil {
		s.print("\n" + show.Running("the run that you have started comes to its end first") + "\n")
		if s.Run(ctx, []string{"resume", "--installation", s.document}) == ExitWaiting {
			s.Run(ctx, []string{"back", "--yes", "--installation", s.document})
		}
		if r, err = s.in.OpenRun(ctx); r != nil {
			return fmt.Errorf("run %s is still open, so the demonstration stays in %s: upkeep --installation %s status says what it waits for", r.ID, s.dir, s.document)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot tell whether a run is open, so the demonstration stays in %s: %w", s.dir, err)
	}
	if err := errors.Join(s.tidy(), manage.Forget(s.document)); err != nil {
		return err
	}
	s.print("\n" + show.Good("the sample product is stopped, and nothing of it is left") + "\n")
	return nil
}
