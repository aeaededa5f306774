package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/demo"
	"upkeep/internal/manage"
)

func (a *App) demo() *cobra.Command {
	var dir string
	var keep bool
	cmd := &cobra.Command{Use: "demo", Short: "Watch a sample product being upgraded, and one upgrade that fails and is put back", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), dir, keep) }}
	cmd.Flags().StringVar(&dir, "dir", "", "`FOLDER` of the demonstration, which must not exist; a temporary one otherwise")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the folder and the running product for a closer look")
	var o demo.Options
	serve := &cobra.Command{Use: "serve", Short: "Run the sample product (its service does)", Hidden: true, Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo.Serve(cmd.Context(), o) }}
	serve.Flags().StringVar(&o.Tree, "tree", "", "folder of the product's version")
	serve.Flags().StringVar(&o.Data, "data", "", "folder of its data")
	serve.Flags().StringVar(&o.Listen, "listen", "", "address")
	cmd.AddCommand(serve, a.demoConsole())
	return cmd
}

// stage is one demonstration with all that it has laid out.
type stage struct {
	*App
	dir, releases, broken, document string
	port                            int
	in                              *manage.Installation
}

func (a *App) runDemo(ctx context.Context, dir string, keep bool) (err error) {
	s := &stage{App: a}
	if s.dir, err = demoDir(dir); err != nil {
		return err
	}
	s.title("Upkeep's demonstration", "everything happens in "+s.dir)
	if err := s.layOut(ctx); err != nil {
		return err
	}
	defer func() {
		if keep {
			a.print("\nThe product still runs at http://127.0.0.1:" + fmt.Sprint(s.port) + "/; its installation is " + s.document + "\n")
			return
		}
		if stop := s.tidy(); err == nil {
			err = stop
		}
	}()
	notes, err := s.notes()
	if err != nil {
		return err
	}
	s.title("1. An upgrade over a required stop", fmt.Sprintf("Notes 1.0 with %d notes of its users; 3.0 is wanted, and can be reached only from 2.0", notes))
	if err := s.upgrade(ctx, s.releases, ExitDone); err != nil {
		return err
	}
	after, err := s.fingerprint(ctx, "3.0")
	if err != nil {
		return err
	}
	kept, err := s.notes()
	if err != nil {
		return err
	}
	if kept != notes {
		return fmt.Errorf("there were %d notes, and now there are %d", notes, kept)
	}
	a.print("\n" + show.Good(fmt.Sprintf("all %d notes are there, read through the product itself", kept)) + "\n")

	s.title("2. An upgrade whose migration fails half way", "3.1 brings a unique index that the users' own data does not allow")
	if err := s.upgrade(ctx, s.broken, ExitOld); err != nil {
		return err
	}
	back, err := s.fingerprint(ctx, "3.0")
	if err != nil {
		return err
	}
	s.title("Before and after, in full", "")
	a.print(show.Fingerprints(after, back, a.width()))
	if d := after.Differences(back); len(d) > 0 {
		return fmt.Errorf("the product is not as it was: %v", d)
	}
	a.print("\n" + show.Good("files, services and data are exactly as they were") + "\n")
	a.print(show.Click(a.width()))
	return nil
}

func demoDir(dir string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "upkeep-demo-")
		if err != nil {
			return "", fmt.Errorf("cannot make a folder for the demonstration: %w", err)
		}
		return made, os.Chmod(made, 0o755)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(abs, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folder of the demonstration: %w", err)
	}
	return abs, nil
}

// layOut builds the releases, installs 1.0 and starts it.
func (s *stage) layOut(ctx context.Context) error {
	s.releases, s.broken = filepath.Join(s.dir, "releases"), filepath.Join(s.dir, "broken")
	if err := manage.DemoReleases(ctx, s.dir, s.releases, s.broken); err != nil {
		return err
	}
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	if s.document, err = manage.DemoInstall(ctx, filepath.Join(s.dir, "notes"), s.Exe, s.port); err != nil {
		return err
	}
	s.installation = s.document
	if s.in, err = s.open(); err != nil {
		return err
	}
	p, err := manage.DemoProduct("1.0")
	if err != nil {
		return err
	}
	return s.in.StartServices(ctx, p)
}

// upgrade gives the commands that a person would, and shows what the
// product's users see meanwhile.
func (s *stage) upgrade(ctx context.Context, from string, want int) error {
	s.prompt("upkeep check --from " + filepath.Base(from))
	if code := s.Run(ctx, []string{"check", "--installation", s.document, "--from", from}); code != ExitDone {
		return fmt.Errorf("the check ended with exit code %d", code)
	}
	s.prompt("upkeep upgrade --yes --from " + filepath.Base(from))
	seen := watchUsers(ctx, fmt.Sprintf("http://127.0.0.1:%d/notes", s.port))
	code := s.Run(ctx, []string{"upgrade", "--yes", "--installation", s.document, "--from", from})
	s.print("\n" + show.Users(seen(), s.width()))
	if code != want {
		return fmt.Errorf("the upgrade ended with exit code %d, want %d", code, want)
	}
	return nil
}

// notes counts the users' notes through the product's own API.
func (s *stage) notes() (int, error) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/notes", s.port))
	if err != nil {
		return 0, fmt.Errorf("cannot read the notes: %w", err)
	}
	defer resp.Body.Close()
	var list []json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return 0, fmt.Errorf("cannot read the notes (status %s): %w", resp.Status, err)
	}
	return len(list), nil
}

func (s *stage) fingerprint(ctx context.Context, version string) (manage.Fingerprint, error) {
	p, err := manage.DemoProduct(version)
	if err != nil {
		return manage.Fingerprint{}, err
	}
	return s.in.Fingerprint(ctx, p)
}

// tidy stops the product and removes the folder, whatever ended the
// demonstration.
func (s *stage) tidy() error {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	p, err := manage.DemoProduct("3.0")
	if err != nil {
		return err
	}
	if err := s.in.StopServices(ctx, p); err != nil {
		return fmt.Errorf("cannot stop the sample product: %w", err)
	}
	return s.discard()
}

func (s *stage) discard() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("cannot remove the demonstration: %w", err)
	}
	return nil
}

func (s *stage) title(text, below string) {
	s.print("\n" + show.Bold("━━ "+text) + "\n")
	if below != "" {
		s.print(show.Faint("   "+below) + "\n")
	}
	s.print("\n")
}

func (s *stage) prompt(text string) { s.print("\n" + show.Faint("$ ") + text + "\n\n") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
