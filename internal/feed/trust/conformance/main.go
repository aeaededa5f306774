// Command conformance answers the command line that the public conformance
// suite of The Update Framework drives, with the client that Upkeep has. It is for
// tests, no part of upkeep, and imports durable and feed/trust.
//
// What the client stores stands in the folder .trusted of the metadata
// folder; what it believes is written beside it as the suite reads it, a file
// for each role without versions.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/feed/trust"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stderr)) }

type command struct {
	metadata, metadataURL         string
	target, targetDir, targetsURL string
}

func run(ctx context.Context, args []string, errs io.Writer) int {
	var c command
	set := flag.NewFlagSet("conformance", flag.ContinueOnError)
	set.SetOutput(errs)
	set.StringVar(&c.metadata, "metadata-dir", "", "where trusted metadata is")
	set.StringVar(&c.metadataURL, "metadata-url", "", "address of the metadata")
	set.StringVar(&c.target, "target-name", "", "what to download")
	set.StringVar(&c.targetDir, "target-dir", "", "where to")
	set.StringVar(&c.targetsURL, "target-base-url", "", "address of the targets")
	if set.Parse(args) != nil {
		return 1
	}
	var err error
	switch verb := set.Arg(0); verb {
	case "init":
		err = c.init(set.Arg(1))
	case "refresh":
		_, err = c.refresh(ctx)
	case "download":
		err = c.download(ctx)
	default:
		err = fmt.Errorf("no command is %q: init, refresh, download", verb)
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

func (c *command) store() string { return filepath.Join(c.metadata, ".trusted") }

func (c *command) init(file string) error {
	root, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := trust.Pin(durable.OS(), c.store(), root); err != nil {
		return err
	}
	return c.show()
}

func (c *command) refresh(ctx context.Context, targets ...string) (*trust.Client, error) {
	now, err := date(ctx)
	if err != nil {
		return nil, err
	}
	client, err := trust.Open(durable.OS(), c.store(), server(c.metadataURL), trust.Options{Feed: c.metadataURL, Now: func() time.Time { return now }})
	if err != nil {
		return nil, err
	}
	_, err = client.Refresh(ctx, targets...)
	return client, errors.Join(err, c.show())
}

func (c *command) download(ctx context.Context) error {
	client, err := c.refresh(ctx, c.target)
	if err != nil {
		return err
	}
	t, err := client.Target(ctx, c.target)
	if err != nil {
		return err
	}
	dest := filepath.Join(c.targetDir, url.PathEscape(c.target))
	if old, err := os.ReadFile(dest); err == nil && t.SHA256 == sum(old) {
		return nil
	}
	data, err := server(c.targetsURL).get(ctx, (&url.URL{Path: t.Path}).EscapedPath(), t.Length)
	if err != nil {
		return err
	}
	if int64(len(data)) != t.Length || sum(data) != t.SHA256 {
		return fmt.Errorf("%s is not what the feed vouches for", t.Path)
	}
	return durable.OS().WriteFile(dest, data, 0o644)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// date asks the program, for the suite fakes the time of programs with a
// library that this one does not load.
func date(ctx context.Context) (time.Time, error) {
	out, err := exec.CommandContext(ctx, "date", "+%s").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot ask date for the time: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return time.Unix(n, 0), err
}

// server is the address of metadata or targets.
type server string

// Small implements trust.Getter; names of roles are escaped in it.
func (s server) Small(ctx context.Context, name string, max int64) ([]byte, error) {
	return s.get(ctx, strings.TrimPrefix(name, "metadata/"), max)
}

func (s server) get(ctx context.Context, path string, max int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(string(s), "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return io.ReadAll(io.LimitReader(resp.Body, max+1))
	case http.StatusNotFound:
		return nil, fs.ErrNotExist
	}
	return nil, fmt.Errorf("%s: the server says %s", path, resp.Status)
}

// show writes what is believed where the suite looks: of each role the version
// that is named, or the newest where that was refused.
func (c *command) show() error {
	list, err := os.ReadDir(c.store())
	if err != nil {
		return err
	}
	newest := map[string]int64{}
	for _, e := range list {
		number, rest, _ := strings.Cut(e.Name(), ".")
		if v, err := strconv.ParseInt(number, 10, 64); err == nil {
			role := strings.TrimSuffix(rest, ".json")
			newest[role] = max(newest[role], v)
		}
	}
	named := func(role string, in []byte) int64 {
		var m struct {
			Signed struct {
				Meta map[string]struct {
					Version int64 `json:"version"`
				} `json:"meta"`
			} `json:"signed"`
		}
		_ = json.Unmarshal(in, &m)
		name, _ := url.PathUnescape(role)
		v := m.Signed.Meta[name+".json"].Version
		if _, err := os.Stat(c.versioned(role, v)); err == nil {
			return v
		}
		return newest[role]
	}
	timestamp, err := os.ReadFile(filepath.Join(c.store(), "timestamp.json"))
	if err == nil {
		err = c.beside("timestamp", timestamp)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var snapshot []byte
	if newest["snapshot"] > 0 {
		if snapshot, err = os.ReadFile(c.versioned("snapshot", named("snapshot", timestamp))); err != nil {
			return err
		}
	}
	for role, v := range newest {
		switch role {
		case "root":
		case "snapshot":
			v = named(role, timestamp)
		default:
			v = named(role, snapshot)
		}
		data, err := os.ReadFile(c.versioned(role, v))
		if err != nil {
			return err
		}
		if err := c.beside(role, data); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) versioned(role string, v int64) string {
	return filepath.Join(c.store(), strconv.FormatInt(v, 10)+"."+role+".json")
}

func (c *command) beside(role string, data []byte) error {
	return os.WriteFile(filepath.Join(c.metadata, role+".json"), data, 0o644)
}
