package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
	"upkeep/internal/site"
)

// setup is what the flags of install and adopt say of a new installation.
type setup struct {
	set    []string
	state  string
	backup string
	name   string
	yes    bool
	dryRun bool

	product  string // of install: its id, where no bundle tells it
	feed     string
	feedRoot string
}

// what repeats where the release to be installed comes from.
func (s *setup) what(from string) (text string) {
	if s.product != "" {
		text += " " + show.Quote(s.product)
	}
	for _, o := range [][2]string{{"--from", from}, {"--feed", s.feed}, {"--feed-root", s.feedRoot}} {
		if o[1] != "" {
			text += " " + o[0] + " " + show.Quote(o[1])
		}
	}
	return text
}

func (s *setup) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.set, "set", nil, "`NAME=VALUE` of a parameter; a secret as NAME=file:PATH or NAME=env:NAME")
	cmd.Flags().StringVar(&s.state, "state", "", "`DIR` of what Upkeep keeps of the installation (default /var/lib/upkeep/NAME for root)")
	cmd.Flags().StringVar(&s.backup, "backup-dir", "", "`DIR` of its restore points (default in the state)")
	cmd.Flags().StringVar(&s.name, "name", "", "`NAME` of the installation, where --installation says a path (default the product's)")
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "show what would be done and end")
}

// given reads the values of --set.
func given(set []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range set {
		id, v, ok := strings.Cut(text, "=")
		if !ok || id == "" {
			return nil, usage{fmt.Errorf("--set wants NAME=VALUE, not %q", show.Clean(text))}
		}
		if _, twice := out[id]; twice {
			return nil, usage{fmt.Errorf("--set says %s twice", show.Clean(id))}
		}
		if path, ok := strings.CutPrefix(v, "file:"); ok && path != "" && !filepath.IsAbs(path) {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, err
			}
			v = "file:" + abs
		}
		out[id] = v
	}
	return out, nil
}

// newInstallation turns the flags into a request. Whoever said yes beforehand
// is not asked anything.
func (a *App) newInstallation(s *setup, product string) (manage.NewInstallation, error) {
	given, err := given(s.set)
	if err != nil {
		return manage.NewInstallation{}, err
	}
	n := manage.NewInstallation{Product: product, Name: a.installation, ID: s.name, Folders: manage.Folders(), State: s.state, Backup: s.backup,
		By: a.person(), Exe: a.Exe, DryRun: s.dryRun, Answers: manage.Answers{Given: given}}
	if n.Feed, err = s.draftFeed(); err != nil {
		return n, err
	}
	for _, dir := range []*string{&n.State, &n.Backup} {
		if *dir == "" {
			continue
		}
		if *dir, err = filepath.Abs(*dir); err != nil {
			return n, err
		}
	}
	if !s.yes {
		n.Ask = a.asker()
	}
	return n, nil
}

// draftFeed is the feed of a new document.
func (s *setup) draftFeed() (*site.DraftFeed, error) {
	if s.feed == "" && s.feedRoot == "" {
		return nil, nil
	}
	if s.feed == "" || s.feedRoot == "" {
		return nil, usage{errors.New("--feed and --feed-root go together: where the feed is, and why it is believed")}
	}
	f := &site.DraftFeed{URL: strings.TrimSuffix(s.feed, "/")}
	var err error
	if !strings.Contains(f.URL, "://") {
		if f.URL, err = filepath.Abs(f.URL); err != nil {
			return nil, err
		}
	}
	f.Root, err = filepath.Abs(s.feedRoot)
	return f, err
}

// asker asks for parameters, one after the other.
func (a *App) asker() func(context.Context, manage.Question) (string, bool, error) {
	return func(ctx context.Context, q manage.Question) (string, bool, error) {
		text, ok, err := a.question(q)
		if err == nil && q.Type == "secret" && text == "new" {
			text, err = a.newSecret(ctx, q.Param)
		}
		return text, ok, err
	}
}

// question asks for one parameter.
func (a *App) question(q manage.Question) (string, bool, error) {
	text := show.Question(q)
	a.say(text)
	line, err := a.lines().ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("cannot read the answer: %w", err)
	}
	if err != nil && line == "" {
		a.say("\n")
		return "", false, nil
	}
	return strings.TrimSpace(line), true, nil
}

// missing says which line to type where parameters have no value.
func missing(err error, line string) error {
	var m *manage.MissingError
	if !errors.As(err, &m) {
		return err
	}
	for _, q := range m.Params {
		want := strings.ToUpper(q.Type)
		switch q.Type {
		case "secret":
			want = "file:PATH"
		case "string":
			want = "VALUE"
		case "bool":
			want = "true"
		case "int":
			want = "NUMBER"
		}
		line += " --set " + q.Param + "=" + want
	}
	return usage{fmt.Errorf("%w\ntype: %s", m, line)}
}
