package manage

import (
	"context"
	"fmt"
	"path/filepath"

	"upkeep/internal/bundle"
	"upkeep/internal/demo"
	"upkeep/internal/manifest"
)

// DemoReleases builds the sample product's releases into one folder, and the
// one whose migration fails into another. Their sources lie in dir.
func DemoReleases(ctx context.Context, dir, good, broken string) error {
	fsys := realFiles()
	src := filepath.Join(dir, "sources")
	if err := demo.WriteBundleSources(ctx, fsys, src); err != nil {
		return err
	}
	for _, d := range []string{good, broken} {
		if err := fsys.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("cannot make a folder for releases: %w", err)
		}
	}
	for to, versions := range map[string][]string{good: {"2.0", "3.0"}, broken: {"3.1"}} {
		for _, v := range versions {
			if _, err := bundle.Build(ctx, fsys, filepath.Join(src, v), filepath.Join(to, "notes-"+v+bundle.PayloadSuffix), bundle.BuildOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// DemoInstall lays out the installed sample product 1.0 and gives the path of
// its installation document.
func DemoInstall(ctx context.Context, dir, runtime string, port int) (string, error) {
	return demo.Install(ctx, realFiles(), demo.InstallOptions{Dir: dir, Runtime: runtime, Port: port})
}

// DemoProduct is the sample product's document as of a version.
func DemoProduct(version string) (*manifest.Product, error) {
	text, err := demo.Documents(version)
	if err != nil {
		return nil, err
	}
	p, _, err := decode("notes.yaml", text)
	return p, err
}
