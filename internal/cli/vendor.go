package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

func (a *App) vendor() *cobra.Command {
	cmd := group(&cobra.Command{Use: "vendor", Short: "For those who publish releases: bundles, keys, feeds"})
	lint := &cobra.Command{Use: "lint FILE|DIR...", Short: "Check product and release documents", Args: args(1, 1000, "at least one document or bundle"),
		RunE: func(cmd *cobra.Command, got []string) error { return a.lint(got) }}
	var dest string
	build := &cobra.Command{Use: "build DIR", Short: "Build a bundle from its source folder", Args: args(1, 1, "one source folder"),
		RunE: func(cmd *cobra.Command, got []string) error {
			digest, err := manage.BuildBundle(cmd.Context(), got[0], dest)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string]string{"bundle": dest, "digest": digest})
			}
			a.print(show.Good(fmt.Sprintf("%s  %s\n", dest, show.Faint(digest))))
			return nil
		}}
	build.Flags().StringVarP(&dest, "output", "o", "", "the bundle: a folder, or one file `NAME.tar.zst`")
	build.PreRunE = func(*cobra.Command, []string) error {
		if dest == "" {
			return usage{errors.New("say where the bundle goes with --output")}
		}
		return nil
	}
	cmd.AddCommand(a.vendorInit(), lint, build, a.standard(), a.vendorKeys(), a.vendorFeed(), a.vendorSign(), a.vendorPublish(), a.vendorTest())
	return cmd
}

// vendorInit writes the source of a first bundle.
func (a *App) vendorInit() *cobra.Command {
	var product, version string
	cmd := &cobra.Command{Use: "init DIR", Short: "Write the source of a first bundle, to be filled", Args: args(1, 1, "a new folder"),
		RunE: func(cmd *cobra.Command, got []string) error {
			if product == "" {
				return usage{errors.New("say what the product is called with --product")}
			}
			files, err := manage.InitSource(got[0], product, version)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string][]string{"files": files})
			}
			for _, f := range files {
				a.print(show.Good(show.Clean(f)) + "\n")
			}
			a.print(show.Hang("  → put your product's files into "+show.Clean(got[0])+"/components/app, and change upkeep.yaml to fit; then: upkeep vendor lint "+show.Quote(got[0]), "    ", a.width()))
			return nil
		}}
	cmd.Flags().StringVar(&product, "product", "", "`ID` of the product: small letters, digits, - and _")
	cmd.Flags().StringVar(&version, "version", "1.0.0", "`VERSION` of the first release")
	return cmd
}

// lint reads each document with its mistakes, then applies the rules.
func (a *App) lint(paths []string) error {
	var all []manage.LintResult
	bad := false
	for _, p := range paths {
		r := manage.Lint(p)
		bad = bad || !r.Usable()
		all = append(all, r)
	}
	if a.format == "json" {
		if err := a.json(all); err != nil {
			return err
		}
	} else {
		for _, r := range all {
			a.print(show.Lint(r, a.width()))
		}
	}
	if bad {
		return exit(ExitError)
	}
	return nil
}

func (a *App) schema() *cobra.Command {
	return &cobra.Command{Use: "schema manifest|installation", Short: "Print the JSON Schema of a document", Args: args(1, 1, "manifest or installation"),
		RunE: func(cmd *cobra.Command, got []string) error {
			raw, err := manage.Schema(got[0])
			if err != nil {
				return usage{err}
			}
			_, err = a.Out.Write(raw)
			return err
		}}
}

func (a *App) mode() *cobra.Command {
	cmd := group(&cobra.Command{Use: "mode", Short: "Show the access modes, or end what was left on"})
	var from string
	cmd.PersistentFlags().StringVar(&from, "from", "", "`DIR or FILE` of a bundle of the product, where Upkeep has not upgraded it yet")
	cmd.AddCommand(
		&cobra.Command{Use: "show", Short: "Show which access modes are on", Args: args(0, 0, "no argument"), RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			modes, err := in.Modes(cmd.Context(), from)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(modes)
			}
			a.print(show.Modes(modes, a.width()))
			return nil
		}},
		&cobra.Command{Use: "normal", Short: "End every access mode that is on: the gate, and the product's own", Args: args(0, 0, "no argument"), RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			ended, err := in.EndModes(cmd.Context(), from)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(map[string][]string{"ended": append([]string{}, ended...)})
			}
			if len(ended) == 0 {
				a.print(show.Good("no access mode was on: users are in") + "\n")
				return nil
			}
			a.print(show.Good(strings.Join(ended, " and ")+" ended: users are in") + "\n")
			return nil
		}})
	return cmd
}

// engine is the process that carries a run on. People do not call it.
func (a *App) engine() *cobra.Command {
	var id string
	cmd := &cobra.Command{Use: "engine", Short: "Carry a run on (started by the other commands)", Hidden: true, Args: args(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.open()
			if err != nil {
				return err
			}
			return in.Engine(cmd.Context(), id)
		}}
	cmd.Flags().StringVar(&id, "run", "", "the run")
	return cmd
}
