package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

func (a *App) feed() *cobra.Command {
	cmd := group(&cobra.Command{Use: "feed", Short: "Look at the vendor's feed, fetch releases, carry them by hand"})
	cmd.AddCommand(a.feedList(), a.feedRefresh(), a.feedFetch(), a.feedExport(), a.feedImport())
	return cmd
}

func (a *App) feedList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Show what is installed, what was published, and what it costs to fetch; ask nobody", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			v, err := in.FeedList(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(v)
			}
			a.print(show.Feed(v, a.command(), time.Now(), a.width()))
			return nil
		}}
}

func (a *App) feedRefresh() *cobra.Command {
	var scheduled bool
	cmd := &cobra.Command{Use: "refresh", Short: "Look for releases now", Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			if scheduled {
				return a.scheduledRefresh(cmd.Context(), in)
			}
			v, fresh, err := in.FeedRefresh(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(struct {
					*manage.FeedView
					New []string `json:"new"`
				}{v, append([]string{}, fresh...)})
			}
			a.print(show.FeedRefreshed(fresh, a.width()) + "\n" + show.Feed(v, a.command(), time.Now(), a.width()))
			return nil
		}}
	cmd.Flags().BoolVar(&scheduled, "scheduled", false, "a timer asks: fetch ahead and upgrade, too, as far as the installation document says so")
	return cmd
}

// fetching shows how far a fetch is. Files of a few KiB are not worth a line.
func (a *App) fetching() (told func(file string, done, total int64), end func()) {
	m := a.meter()
	file := ""
	return func(f string, done, total int64) {
		if f != file && total > 1<<20 {
			m.Say(show.Faint(fmt.Sprintf("fetching %s (%s)", show.Clean(f), plan.Size(total))))
		}
		file = f
		m.Told(done, total, f)
	}, m.End
}

func (a *App) feedFetch() *cobra.Command {
	return &cobra.Command{Use: "fetch [VERSION]", Short: "Fetch the releases of the way to a version ahead of its upgrade; change nothing of the product", Args: args(0, 1, "at most one version"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			to := ""
			if len(got) > 0 {
				to = got[0]
			}
			told, end := a.fetching()
			f, err := in.FeedFetch(cmd.Context(), to, told)
			end()
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(f)
			}
			a.print(show.Fetched(f, a.width()))
			return nil
		}}
}

func (a *App) feedExport() *cobra.Command {
	var to string
	cmd := &cobra.Command{Use: "export VERSION...", Short: "Write releases, and all that proves them, into one file to be carried by hand", Args: args(1, 1000, "a version at least"),
		PreRunE: func(*cobra.Command, []string) error {
			if to == "" {
				return usage{errors.New("name the file with --output")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			told, end := a.fetching()
			e, err := in.FeedExport(cmd.Context(), got, to, told)
			end()
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(e)
			}
			a.print(show.Exported(e.File, e.Versions, e.Bytes, e.Until, a.width()))
			return nil
		}}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`FILE` to write")
	return cmd
}

func (a *App) feedImport() *cobra.Command {
	return &cobra.Command{Use: "import FILE", Short: "Take over releases that were carried here; needs no network", Args: args(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, got []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			told, end := a.fetching()
			i, err := in.FeedImport(cmd.Context(), got[0], told)
			end()
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]any{"note": i.Note, "versions": append([]string{}, i.Versions...), "until": i.Expires, "new": append([]string{}, i.New...)})
			}
			a.print(show.Imported(i.Versions, i.Note.Made, i.Expires, a.command(), time.Now(), a.width()))
			return nil
		}}
}

// fetchFor brings the payloads that the plan needs and are not here, after the
// yes. Where that took its time, the world may have moved: the plan is made
// again, and must be the one that was shown.
func (a *App) fetchFor(ctx context.Context, in *manage.Installation, w *wish, p *manage.Prepared) (*manage.Prepared, error) {
	if p.Missing() == 0 {
		return p, nil
	}
	told, end := a.fetching()
	got, err := in.FetchAll(ctx, p, told)
	end()
	if err != nil {
		return p, err
	}
	a.fetched(got.Files, got.Bytes, got.Notes)
	req, err := w.request(a.person())
	if err != nil {
		return p, err
	}
	now, err := in.Prepare(ctx, req)
	if err != nil {
		return p, err
	}
	p.Close()
	if now.UpToDate || now.Plan.Digest != p.Plan.Digest {
		e := &manage.Moved{Shown: p.Plan.ID()}
		if !now.UpToDate {
			e.Now, e.Changes = now.Plan.ID(), plan.Differences(p.Plan, now.Plan)
		}
		return now, e
	}
	return now, nil
}

// fetched says what has come after the yes.
func (a *App) fetched(files int, bytes int64, notes []string) {
	if files > 0 {
		a.say(show.Good(fmt.Sprintf("%s fetched and verified", plan.Size(bytes))) + "\n")
	}
	for _, n := range notes {
		a.say(show.Careful(show.Clean(n)) + "\n")
	}
}

// needed brings what a plan has to look into, where that is why it could not be
// made; it says whether it has.
func (a *App) needed(ctx context.Context, in *manage.Installation, err error) (bool, error) {
	var e *manage.NeedsPayloadError
	if !errors.As(err, &e) {
		return false, err
	}
	a.say(show.Faint("the plan has to look into payloads: they are fetched first") + "\n")
	told, end := a.fetching()
	_, err = in.FetchNeeded(ctx, e, told)
	end()
	return err == nil, err
}
