// Command try sets up an old Miniflux with data and a PostgreSQL of its own on
// loopback, makes the source of a bundle for the new one, and says what to
// type. It waits until it is interrupted and clears everything away again. It
// may import the test support in internal/lab; it is no part of Upkeep.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"upkeep/internal/lab"
)

func main() {
	sabotage := flag.Bool("sabotage", false, "make the migration fail half way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := try(ctx, *sabotage); err != nil {
		fmt.Fprintln(os.Stderr, "try:", err)
		os.Exit(1)
	}
}

func try(ctx context.Context, sabotage bool) (err error) {
	dir, err := os.MkdirTemp("", "upkeep-try-")
	if err != nil {
		return fmt.Errorf("cannot make a folder to try in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Println("Getting Miniflux from Debian", lab.OldSuite, "and", lab.NewSuite, "…")
	from, to, err := lab.MinifluxPair(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Println("Starting PostgreSQL and Miniflux", from.Version, "…")
	pg, err := lab.StartPG(ctx, lab.PGOptions{Fsync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop()) }()
	schema, err := to.Schema(ctx, pg)
	if err != nil {
		return err
	}
	src := filepath.Join(dir, "src")
	if err := lab.MinifluxSource(ctx, src, from, to, schema); err != nil {
		return err
	}
	site, err := lab.InstallMiniflux(ctx, pg, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	content, err := site.Seed(ctx, 3, 20)
	if err != nil {
		return err
	}
	if sabotage {
		if err := site.Sabotage(ctx); err != nil {
			return err
		}
	}
	document, err := site.Document()
	if err != nil {
		return err
	}
	fmt.Printf(`
Miniflux %s runs at %s (user %s, password %s) with %d feeds and %d articles.

In another terminal, from the sources of Upkeep:

  go run ./cmd/upkeep vendor build %s --output %s
  go run ./cmd/upkeep plan    --installation %s --from %s
  go run ./cmd/upkeep upgrade --installation %s --from %s

Ctrl-C here ends Miniflux and removes everything.
`, from.Version, site.URL, site.Admin, site.Password, len(content.Feeds), len(content.Entries),
		src, filepath.Join(dir, "bundle"), document, filepath.Join(dir, "bundle"), document, filepath.Join(dir, "bundle"))
	<-ctx.Done()
	fmt.Println("\nClearing away …")
	return nil
}
