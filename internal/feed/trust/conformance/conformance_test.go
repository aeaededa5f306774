package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/feed/feedtest"
)

// suite drives the command line on a feed that is served, as the public suite does.
type suite struct {
	*feedtest.Feed
	t             *testing.T
	server        *httptest.Server
	metadata, out string
	now           time.Time
	root          []byte // nil: the feed's first
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	now := time.Now()
	f := feedtest.New(t, now)
	f.Sums = false
	s := &suite{Feed: f, t: t, server: httptest.NewServer(f), metadata: t.TempDir(), out: t.TempDir(), now: now}
	t.Cleanup(s.server.Close)
	return s
}

// clock fakes the program date.
func (s *suite) clock(at time.Time) {
	s.t.Helper()
	bin := s.t.TempDir()
	must(s.t, os.WriteFile(filepath.Join(bin, "date"), fmt.Appendf(nil, "#!/bin/sh\n[ \"$*\" = +%%s ] && echo %d\n", at.Unix()), 0o755))
	s.t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *suite) run(want int, args ...string) {
	s.t.Helper()
	var errs bytes.Buffer
	args = append([]string{"--metadata-dir", s.metadata, "--metadata-url", s.server.URL + "/metadata"}, args...)
	if got := run(s.t.Context(), args, &errs); got != want {
		s.t.Fatalf("%q exits %d, want %d: %s", args[4:], got, want, errs.String())
	}
	if want == 0 && errs.Len() > 0 || want == 1 && errs.Len() == 0 {
		s.t.Errorf("%q exits %d and says %q", args, want, errs.String())
	}
}

func (s *suite) init() {
	s.t.Helper()
	root := s.root
	if root == nil {
		root = s.RootFile()
	}
	file := filepath.Join(s.t.TempDir(), "initial_root.json")
	must(s.t, os.WriteFile(file, root, 0o644))
	s.run(0, "init", file)
	s.asked(nil)
}

func (s *suite) refresh(want int) { s.t.Helper(); s.run(want, "refresh") }

func (s *suite) download(want int, target string) {
	s.t.Helper()
	s.run(want, "--target-name", target, "--target-dir", s.out, "--target-base-url", s.server.URL+"/targets", "download")
}

// asked compares what was asked for since.
func (s *suite) asked(want []string) {
	s.t.Helper()
	if got := s.Asked(); !slices.Equal(got, want) {
		s.t.Fatalf("asked for %q, want %q", got, want)
	}
}

// trusted compares which versions are believed: "root 1 snapshot 2".
func (s *suite) trusted(want string) {
	s.t.Helper()
	list, err := filepath.Glob(filepath.Join(s.metadata, "*.json"))
	must(s.t, err)
	var got []string
	for _, file := range list {
		data, err := os.ReadFile(file)
		must(s.t, err)
		var m struct{ Signed struct{ Version int64 } }
		must(s.t, json.Unmarshal(data, &m))
		got = append(got, fmt.Sprintf("%s %d", strings.TrimSuffix(filepath.Base(file), ".json"), m.Signed.Version))
	}
	if text := strings.Join(got, " "); text != want {
		s.t.Fatalf("believed are %s, want %s", text, want)
	}
}

// content is that of what was downloaded, by name.
func (s *suite) content(want ...string) {
	s.t.Helper()
	list, err := os.ReadDir(s.out)
	must(s.t, err)
	var got []string
	for _, e := range list {
		data, err := os.ReadFile(filepath.Join(s.out, e.Name()))
		must(s.t, err)
		got = append(got, string(data))
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		s.t.Fatalf("downloaded are %q, want %q", got, want)
	}
}

var first = []string{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"}

func TestRefresh(t *testing.T) {
	s := newSuite(t)
	s.init()
	s.trusted("root 1")
	s.refresh(0)
	s.asked(first)
	s.trusted("root 1 snapshot 1 targets 1 timestamp 1")
	// targets that the snapshot does not name are not fetched
	s.PublishTargets()
	s.refresh(0)
	s.asked([]string{"2.root.json", "timestamp.json"})
	// what the feed has is stored byte for byte
	s.PublishAll()
	s.Put("metadata/timestamp.json", append(s.Get("metadata/timestamp.json"), ' '))
	s.refresh(0)
	got, err := os.ReadFile(filepath.Join(s.metadata, "timestamp.json"))
	if must(t, err); !bytes.Equal(got, s.Get("metadata/timestamp.json")) {
		t.Error("the timestamp is stored in other words")
	}
	// another timestamp of the same version is none
	s.Timestamp.Signed.Meta["snapshot.json"].Version = 100
	s.SignTimestamp()
	s.Asked()
	s.refresh(0)
	s.asked([]string{"2.root.json", "timestamp.json"})
	s.trusted("root 1 snapshot 2 targets 3 timestamp 2")
}

func TestUsage(t *testing.T) {
	s := newSuite(t)
	s.run(1, "refresh") // before init
	s.run(1, "publish")
	s.run(1, "--no-such-flag", "refresh")
	s.run(1, "init", filepath.Join(s.metadata, "missing"))
	s.asked(nil)
}

func TestInitialRoot(t *testing.T) {
	for name, spoil := range map[string]func(string) string{
		"no version":      func(s string) string { return strings.Replace(s, `,"version":1}`, `}`, 1) },
		"wrong signature": func(s string) string { return strings.Replace(s, `"sig":"`, `"sig":"0000`, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			bad := spoil(string(s.RootFile()))
			if bad == string(s.RootFile()) {
				t.Fatal("the root is as it was")
			}
			file := filepath.Join(t.TempDir(), "root.json")
			must(t, os.WriteFile(file, []byte(bad), 0o644))
			s.run(1, "init", file)
			s.refresh(1)
			s.asked(nil)
		})
	}
}

func TestUnsigned(t *testing.T) {
	for role, want := range map[string]string{
		"root": "root 1", "timestamp": "root 1", "snapshot": "root 1 timestamp 1", "targets": "root 1 snapshot 1 timestamp 1",
	} {
		t.Run(role, func(t *testing.T) {
			s := newSuite(t)
			s.init()
			s.Keys[role] = s.Keys[role][:len(s.Keys[role])/3]
			switch role {
			case "root":
				s.PublishRoot()
			case "targets":
				s.SignTargets(role)
			case "snapshot":
				s.SignSnapshot()
			case "timestamp":
				s.SignTimestamp()
			}
			s.refresh(1)
			s.trusted(want)
		})
	}
}

func TestHashesOfMetadata(t *testing.T) {
	s := newSuite(t)
	s.Sums = true
	s.PublishAll()
	s.init()
	s.refresh(0)
	s.PublishTargets()
	s.Snapshot.Signed.Meta["targets.json"].Hashes["sha256"][0] ^= 1
	s.PublishSnapshot()
	s.PublishTimestamp()
	s.refresh(1)
	s.trusted("root 1 snapshot 3 targets 2 timestamp 3")
}

func TestExpired(t *testing.T) {
	past := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	for role, want := range map[string]string{
		"root": "root 2 snapshot 1 targets 1 timestamp 1", "timestamp": "root 1 snapshot 1 targets 1 timestamp 1",
		"snapshot": "root 1 snapshot 1 targets 1 timestamp 2", "targets": "root 1 snapshot 2 targets 1 timestamp 2",
	} {
		t.Run(role, func(t *testing.T) {
			s := newSuite(t)
			s.init()
			s.refresh(0)
			switch role {
			case "root":
				s.Root.Signed.Expires = past
				s.PublishRoot()
			case "timestamp":
				s.Timestamp.Signed.Expires = past
			case "snapshot":
				s.Snapshot.Signed.Expires = past
			case "targets":
				s.Targets.Signed.Expires = past
			}
			s.PublishAll()
			s.refresh(1)
			s.trusted(want)
		})
	}
}

// TestExpiredLocal: what has expired here still counts against a rollback, and
// is replaced by what has not.
func TestExpiredLocal(t *testing.T) {
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("rolled back %t", back), func(t *testing.T) {
			s := newSuite(t)
			s.PublishAll()
			s.init()
			s.refresh(0)
			if back {
				s.Timestamp.Signed.Version = 0
			}
			s.Snapshot.Signed.Expires = s.now.AddDate(0, 0, 21).UTC().Truncate(time.Second)
			s.Timestamp.Signed.Expires = s.Snapshot.Signed.Expires
			s.PublishAll()
			s.clock(s.now.AddDate(0, 0, 18))
			if back {
				s.refresh(1)
				s.trusted("root 1 snapshot 2 targets 2 timestamp 2")
			} else {
				s.refresh(0)
				s.trusted("root 1 snapshot 3 targets 3 timestamp 3")
			}
		})
	}
}

func TestExpiredDelegation(t *testing.T) {
	s := newSuite(t)
	s.init()
	d := s.Product("app")
	d.Signed.Expires = s.now.AddDate(0, 0, 7).UTC().Truncate(time.Second)
	s.Add("app", "app/first", []byte("first"))
	s.Add("app", "app/second", []byte("second"))
	s.Snapshot.Signed.Expires = s.now.AddDate(0, 1, 0).UTC().Truncate(time.Second)
	s.Timestamp.Signed.Expires = s.Snapshot.Signed.Expires
	s.PublishAll()
	s.download(0, "app/first")
	s.clock(s.now.AddDate(0, 0, 18))
	s.download(1, "app/second")
	s.content("first")
	d.Signed.Expires = s.Snapshot.Signed.Expires
	s.PublishAll()
	s.download(0, "app/second")
	s.content("first", "second")

	s = newSuite(t)
	s.init()
	s.Product("app").Signed.Expires = s.now.AddDate(0, 0, -1).UTC().Truncate(time.Second)
	s.Add("app", "app/first", []byte("first"))
	s.clock(s.now)
	s.PublishAll()
	s.refresh(0)
	s.download(1, "app/first")
	s.content()
	s.trusted("root 1 snapshot 2 targets 2 timestamp 2")
}

func TestUnknownFields(t *testing.T) {
	s := newSuite(t)
	s.init()
	more := map[string]any{"custom-field": map[string]any{"a": 1, "b": []any{"x"}}}
	s.Root.Signed.UnrecognizedFields = more
	s.Root.Signed.Roles["snapshot"].UnrecognizedFields = more
	for _, k := range s.Root.Signed.Keys {
		k.UnrecognizedFields = map[string]any{"keyid_hash_algorithms": []any{"md5"}}
	}
	s.PublishRoot()
	s.refresh(0)
	s.trusted("root 2 snapshot 1 targets 1 timestamp 1")
}

// TestKeys: the keys of the specification, below and at their signature.
func TestKeys(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	for name, load := range map[string]func() (signature.Signer, error){
		"ecdsa": func() (signature.Signer, error) { return signature.LoadECDSASigner(ec, crypto.SHA256) },
		"rsa": func() (signature.Signer, error) {
			return signature.LoadRSAPSSSigner(rs, crypto.SHA256, &rsa.PSSOptions{Hash: crypto.SHA256})
		},
		"ed25519": func() (signature.Signer, error) { return signature.LoadED25519Signer(ed) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			s.init()
			signer, err := load()
			must(t, err)
			public, err := signer.PublicKey()
			must(t, err)
			key, err := metadata.KeyFromPublicKey(public)
			must(t, err)
			must(t, s.Root.Signed.AddKey(key, "root"))
			s.Root.Signed.Roles["root"].Threshold++
			sign := func() string {
				s.Root.Signed.Version++
				feedtest.Sign(t, s.Root, s.Keys["root"][:3]...)
				_, err := s.Root.Sign(signer)
				must(t, err)
				return fmt.Sprintf("metadata/%d.root.json", s.Root.Signed.Version)
			}
			at := sign()
			data, err := s.Root.ToBytes(false)
			must(t, err)
			s.Put(at, data)
			s.refresh(0)
			s.trusted("root 2 snapshot 1 targets 1 timestamp 1")
			at = sign()
			s.Root.Signatures[3].Signature[40] ^= 1
			data, err = s.Root.ToBytes(false)
			must(t, err)
			s.Put(at, data)
			s.refresh(1)
			s.trusted("root 2 snapshot 1 targets 1 timestamp 1")
		})
	}
}

// TestRoleNames: whatever a role is called, it is asked for and stored under a
// name that leads nowhere else.
func TestRoleNames(t *testing.T) {
	for _, role := range []string{"?", "#", "/delegatedrole", "../delegatedrole"} {
		s := newSuite(t)
		s.init()
		s.Product(role, "*")
		s.PublishAll()
		s.download(1, "nonexistent target")
		s.asked([]string{"2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "1." + url.PathEscape(role) + ".json"})
		s.trusted(strings.Join(sorted(url.PathEscape(role)+" 1", "root 1", "snapshot 2", "targets 2", "timestamp 2"), " "))
	}
}

func sorted(s ...string) []string { slices.Sort(s); return s }

func TestDownload(t *testing.T) {
	s := newSuite(t)
	s.init()
	s.Add("targets", "file.txt", []byte("one"))
	s.Add("targets", "path/to/a/file.txt", []byte("two"))
	s.Add("targets", "another.txt", []byte("three"))
	s.PublishAll()
	s.refresh(0)
	s.content()
	s.download(0, "file.txt")
	s.download(0, "path/to/a/file.txt")
	s.content("one", "two")
	s.Asked()
	s.download(0, "file.txt") // it is there already
	s.asked([]string{"2.root.json", "timestamp.json"})
	for name := range s.Files() {
		if strings.HasPrefix(name, "targets/") {
			s.Put(name, []byte("malicious data"))
		}
	}
	s.download(0, "file.txt")
	s.download(1, "another.txt")
	s.content("one", "two")
	for i := range 4 {
		now := fmt.Sprintf("changed %d", i)
		s.Add("targets", "file.txt", []byte(now))
		s.PublishAll()
		s.download(0, "file.txt")
		s.content(now, "two")
		target := s.Targets.Signed.Targets["file.txt"]
		s.Put("targets/"+target.Hashes["sha256"].String()+".file.txt", []byte("malicious data"))
		s.PublishAll()
		s.download(0, "file.txt")
		s.content(now, "two")
	}
	s.download(1, "nothing")
}

// TestImplicitRefresh: whoever downloads first, refreshes first.
func TestImplicitRefresh(t *testing.T) {
	s := newSuite(t)
	s.init()
	s.download(1, "nonexistent artifact")
	s.asked(first)
	s.trusted("root 1 snapshot 1 targets 1 timestamp 1")
}
