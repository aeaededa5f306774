package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// changing are the flags of everything that changes a feed.
type changing struct {
	signers
	lifetimes []string
}

func (c *changing) flags(cmd *cobra.Command, what string) {
	c.signers.flags(cmd, what)
	cmd.Flags().StringArrayVar(&c.lifetimes, "lifetime", nil, "`ROLE=DAYS`: how long what is signed now counts; may be given several times (default root and targets 365, product 182, snapshot and timestamp 14)")
}

// change does it, and shows what came of it: exit code 8 while signatures are missing.
func (a *App) change(cmd *cobra.Command, dir string, c *changing, do func(*manage.VendorFeed) (manage.FeedApplied, error)) error {
	v := &manage.VendorFeed{Dir: dir, Keys: c.keys, Passphrase: a.word(cmd.Context(), c.passphrase), Lifetimes: c.lifetimes}
	applied, err := do(v)
	if err != nil {
		return err
	}
	if a.format == "json" {
		err = a.json(show.AppliedJSON(applied))
	} else {
		a.print(show.Applied(applied, dir, a.width()))
	}
	if err == nil && len(applied.Pending) > 0 {
		err = exit(ExitWork)
	}
	return err
}

func (a *App) vendorFeed() *cobra.Command {
	cmd := group(&cobra.Command{Use: "feed", Short: "A feed of signed releases: make it, change it, look after it"})
	cmd.AddCommand(a.feedCreate(), a.feedAddProduct(), a.feedStatus(), a.feedRenew(), a.feedRotate(), a.feedApply(), a.feedPromote(), a.feedWithdraw(), a.feedBlock())
	return cmd
}

func (a *App) feedCreate() *cobra.Command {
	var c changing
	var root, targets int
	cmd := &cobra.Command{Use: "create FEED", Short: "Make a feed: a folder that any web server can serve", Args: args(1, 1, "the folder of the feed"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.Create(root, targets) })
		}}
	c.flags(cmd, "root-…, targets-…, snapshot and timestamp; of those that are not here the file .pub is enough")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if len(c.keys) == 0 {
			return usage{fmt.Errorf("name the keys with --key\nsee %s --help", cmd.CommandPath())}
		}
		return nil
	}
	cmd.Flags().IntVar(&root, "root-needs", 0, "`HOW MANY` of the root keys must sign (default 3)")
	cmd.Flags().IntVar(&targets, "targets-needs", 0, "`HOW MANY` of the targets keys must sign (default 2)")
	return cmd
}

func (a *App) feedAddProduct() *cobra.Command {
	var c changing
	var of []string
	var threshold int
	cmd := &cobra.Command{Use: "add-product FEED PRODUCT", Short: "Leave the releases of a product to its own key", Args: args(2, 2, "the folder of the feed and the product"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if len(of) == 0 {
				return usage{errors.New("name the product's key with --release-key; its file .pub is enough")}
			}
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.AddProduct(got[1], threshold, of) })
		}}
	cmd.Flags().StringArrayVar(&of, "release-key", nil, "`FILE` of a key that signs the product's releases; may be given several times")
	cmd.Flags().IntVar(&threshold, "threshold", 1, "`HOW MANY` of them must sign")
	c.flags(cmd, "those of targets, snapshot and timestamp")
	return cmd
}

func (a *App) feedRotate() *cobra.Command {
	var c changing
	var add, remove []string
	var threshold int
	cmd := &cobra.Command{Use: "rotate FEED ROLE", Short: "Change who signs for a role or a product: a key is lost, was stolen, or changes hands", Args: args(2, 2, "the folder of the feed, and root, targets, snapshot, timestamp or a product"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if len(add) == 0 && len(remove) == 0 && threshold == 0 {
				return usage{errors.New("say what changes with --add, --remove or --threshold\nsee upkeep vendor feed rotate --help")}
			}
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) {
				return v.Rotate(got[1], add, remove, threshold)
			})
		}}
	cmd.Flags().StringArrayVar(&add, "add", nil, "`FILE` of a new key; its file .pub is enough. May be given several times")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "`NAME` or beginning of the id of a key that signs no more; may be given several times")
	cmd.Flags().IntVar(&threshold, "threshold", 0, "`HOW MANY` must sign from now on")
	c.flags(cmd, "those of root, or for a product of targets; of the role itself; of snapshot and timestamp")
	return cmd
}

func (a *App) feedRenew() *cobra.Command {
	var c changing
	cmd := &cobra.Command{Use: "renew FEED [ROLE...]", Short: "Sign again before it ends: timestamp and snapshot (for a timer), or the roles that are named", Args: args(1, 50, "the folder of the feed, and perhaps roles"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.Renew(got[1:]) })
		}}
	c.flags(cmd, "those of the roles, and of snapshot and timestamp")
	return cmd
}

func (a *App) feedApply() *cobra.Command {
	var c changing
	cmd := &cobra.Command{Use: "apply FEED", Short: "Bring drafts live that have enough signatures; finish what was interrupted", Args: args(1, 1, "the folder of the feed"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.change(cmd, got[0], &c, (*manage.VendorFeed).Apply)
		}}
	c.flags(cmd, "those that sign now; those of snapshot and timestamp bring it live")
	return cmd
}

func (a *App) feedPromote() *cobra.Command {
	var c changing
	cmd := &cobra.Command{Use: "promote FEED PRODUCT VERSION", Short: "Bring a candidate into the channel stable", Args: args(3, 3, "the folder of the feed, the product and the version"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.Promote(got[1], got[2]) })
		}}
	c.flags(cmd, "those of the product, snapshot and timestamp")
	return cmd
}

// reasoned adds --why and --undo, one of which must be there.
func reasoned(cmd *cobra.Command, why *string) {
	undo := false
	cmd.Flags().StringVar(why, "why", "", "`REASON`, for the administrators who will read it")
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if (*why == "") != undo {
			return usage{fmt.Errorf("say why with --why, or take it back with --undo\nsee %s --help", cmd.CommandPath())}
		}
		return nil
	}
}

func (a *App) feedWithdraw() *cobra.Command {
	var c changing
	var why string
	cmd := &cobra.Command{Use: "withdraw FEED PRODUCT VERSION", Short: "Say that nobody should install a release any more", Args: args(3, 3, "the folder of the feed, the product and the version"),
		RunE: func(cmd *cobra.Command, got []string) error {
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.Withdraw(got[1], got[2], why) })
		}}
	reasoned(cmd, &why)
	c.flags(cmd, "those of the product, snapshot and timestamp")
	return cmd
}

func (a *App) feedBlock() *cobra.Command {
	var c changing
	var from, why string
	cmd := &cobra.Command{Use: "block FEED PRODUCT VERSION", Short: "Block the way to a release from some versions", Args: args(3, 3, "the folder of the feed, the product and the version"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if from == "" {
				return usage{errors.New("say from which versions with --from, for example \"< 2.0\"")}
			}
			return a.change(cmd, got[0], &c, func(v *manage.VendorFeed) (manage.FeedApplied, error) { return v.Block(got[1], got[2], from, why) })
		}}
	cmd.Flags().StringVar(&from, "from", "", "`RANGE` of the product's versions that it cannot be reached from")
	reasoned(cmd, &why)
	c.flags(cmd, "those of the product, snapshot and timestamp")
	return cmd
}

func (a *App) feedStatus() *cobra.Command {
	return &cobra.Command{Use: "status FEED", Short: "Show who has signed what, what ends when, what waits, and the releases", Args: args(1, 1, "the folder of the feed"),
		RunE: func(cmd *cobra.Command, got []string) error {
			r, err := (&manage.VendorFeed{Dir: got[0]}).Status()
			if err != nil {
				return err
			}
			if a.format == "json" {
				err = a.json(r)
			} else {
				a.print(show.FeedReport(r, a.width()))
			}
			switch {
			case err != nil:
				return err
			case r.Level() == manage.FeedExpired:
				return exit(ExitBlocked)
			case r.Level() == manage.FeedSoon:
				return exit(ExitWarnings)
			}
			return nil
		}}
}

func (a *App) vendorPublish() *cobra.Command {
	var c changing
	var feed, in, notes string
	var patches int
	cmd := &cobra.Command{Use: "publish BUNDLE", Short: "Bring a bundle into a feed, signed", Args: args(1, 1, "one bundle"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if feed == "" {
				return usage{errors.New("name the folder of the feed with --feed")}
			}
			v := &manage.VendorFeed{Dir: feed, Keys: c.keys, Passphrase: a.word(cmd.Context(), c.passphrase), Lifetimes: c.lifetimes}
			if patches == 0 {
				patches = -1
			}
			out, err := v.Publish(cmd.Context(), got[0], in, notes, patches)
			if err != nil {
				return err
			}
			if a.format == "json" {
				err = a.json(show.PublicationJSON(out))
			} else {
				a.print(show.Publication(out, feed, a.width()))
			}
			if err == nil && len(out.Pending) > 0 {
				err = exit(ExitWork)
			}
			return err
		}}
	cmd.Flags().StringVar(&feed, "feed", "", "`DIR` of the feed")
	cmd.Flags().StringVar(&in, "channel", "candidate", "candidate or stable")
	cmd.Flags().StringVar(&notes, "notes", "", "`ADDRESS` of the release notes (default what the manifest says)")
	cmd.Flags().IntVar(&patches, "patches", 3, "from `HOW MANY` earlier releases patches are made; 0: none")
	c.flags(cmd, "those of the product, snapshot and timestamp")
	return cmd
}
