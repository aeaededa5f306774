package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// signers are the flags of everything that signs.
type signers struct {
	keys       []string
	passphrase string
}

func (s *signers) flags(cmd *cobra.Command, what string) {
	cmd.Flags().StringArrayVar(&s.keys, "key", nil, "`FILE or DIR` of keys: "+what+"; may be given several times")
	cmd.Flags().StringVar(&s.passphrase, "passphrase-file", "", "`FILE` with the passphrase of the keys; otherwise it is asked for")
}

// word gives the passphrases of keys: what fitted one is tried for the next.
func (a *App) word(ctx context.Context, file string) func(name string, wrong bool) (string, error) {
	known := ""
	return func(name string, wrong bool) (string, error) {
		switch {
		case file != "" && wrong:
			return "", fmt.Errorf("the passphrase in %s is not that of the key", file)
		case file != "":
			return wordIn(file)
		case known != "" && !wrong:
			return known, nil
		}
		fmt.Fprint(a.writer(a.Err), "Passphrase of the key "+show.Clean(name)+": ")
		word, err := a.secretLine(ctx)
		fmt.Fprintln(a.writer(a.Err))
		known = word
		return word, err
	}
}

func wordIn(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the passphrase: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func (a *App) vendorKeys() *cobra.Command {
	cmd := group(&cobra.Command{Use: "keys", Short: "The keys that sign a feed of releases"})
	var file string
	var open []string
	create := &cobra.Command{Use: "create DIR [NAME...]", Short: "Make keys: all that a feed with one product needs, or those that are named", Args: args(1, 100, "a folder, and perhaps names of keys"),
		Long: `Make keys: all that a feed with one product needs, or those that are named.

root-1 to root-5, targets-1 to targets-3 and release get a passphrase. snapshot
and timestamp get none: a timer uses them, on the computer that has the feed.
Whoever holds a key makes it best on a computer of her own, and hands on only
the file that ends in .pub.`,
		RunE: func(cmd *cobra.Command, got []string) error {
			names := got[1:]
			if len(names) == 0 {
				names = manage.Ceremony()
			}
			for _, name := range open {
				if !slices.Contains(names, name) {
					return usage{fmt.Errorf("--no-passphrase names %q, and no such key is made", name)}
				}
			}
			word, err := a.newWord(cmd.Context(), file)
			if err != nil {
				return err
			}
			made, err := manage.CreateKeys(got[0], names, func(name string) (string, error) {
				if manage.OnlineKey(name) || slices.Contains(open, name) {
					return "", nil
				}
				return word()
			})
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(made)
			}
			a.print(show.MadeKeys(made, a.width()))
			return nil
		}}
	create.Flags().StringVar(&file, "passphrase-file", "", "`FILE` with the passphrase of the new keys; otherwise it is asked for")
	create.Flags().StringSliceVar(&open, "no-passphrase", nil, "`NAMES` of keys that whoever reads the file may use: for tests, and for computers that publish by themselves")
	cmd.AddCommand(create)
	return cmd
}

// newWord asks once, when the first key needs it, for a passphrase of new keys.
func (a *App) newWord(ctx context.Context, file string) (func() (string, error), error) {
	known := ""
	return func() (string, error) {
		if known != "" {
			return known, nil
		}
		if file != "" {
			word, err := wordIn(file)
			if err == nil && word == "" {
				err = fmt.Errorf("the passphrase in %s is empty", file)
			}
			known = word
			return word, err
		}
		var words [2]string
		for i, ask := range []string{"A passphrase for the new keys: ", "The same again: "} {
			fmt.Fprint(a.writer(a.Err), ask)
			word, err := a.secretLine(ctx)
			fmt.Fprintln(a.writer(a.Err))
			if err != nil {
				return "", fmt.Errorf("cannot read the passphrase: %w", err)
			}
			words[i] = word
		}
		switch {
		case words[0] == "":
			return "", errors.New("no key was made: the passphrase is empty (name keys that need none with --no-passphrase)")
		case words[0] != words[1]:
			return "", errors.New("no key was made: the two passphrases differ (try again)")
		}
		known = words[0]
		return known, nil
	}, nil
}

func (a *App) vendorSign() *cobra.Command {
	var s signers
	var triggers []string
	cmd := &cobra.Command{Use: "sign BUNDLE|DRAFT", Short: "Sign a bundle that is to be pushed, or a draft of a feed that was carried here", Args: args(1, 1, "a bundle, or a draft: a file of the folder pending of a feed"),
		Long: `Sign a bundle that is to be pushed, or a draft of a feed that was carried here: on
a computer that has a key, and needs no network and no feed. Says what was
signed. Without --key it only shows who has signed.

A signature under a bundle says for which triggers it may be pushed (--trigger).
Sites that name the key under trust: for such a trigger accept it. A bundle that
is published in a feed needs none.`,
		RunE: func(cmd *cobra.Command, got []string) error {
			if manage.IsBundle(got[0]) {
				return a.signBundle(cmd.Context(), got[0], &s, triggers)
			}
			if len(triggers) > 0 {
				return usage{fmt.Errorf("--trigger is for bundles, and %s is none", got[0])}
			}
			d, err := manage.SignDraft(got[0], s.keys, a.word(cmd.Context(), s.passphrase))
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(d)
			}
			a.print(show.FeedDraft(d, got[0], len(s.keys) > 0, a.width()))
			return nil
		}}
	s.flags(cmd, "those to sign with")
	cmd.Flags().StringArrayVar(&triggers, "trigger", nil, "`NAME` of a trigger that the bundle may be pushed by; may be given several times")
	return cmd
}

func (a *App) signBundle(ctx context.Context, path string, s *signers, triggers []string) error {
	if len(triggers) > 0 && len(s.keys) == 0 {
		return usage{errors.New("say whose signature is wanted with --key")}
	}
	b, err := manage.SignBundle(ctx, path, s.keys, triggers, a.word(ctx, s.passphrase))
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(b)
	}
	a.print(show.SignedBundle(b, a.width()))
	return nil
}
