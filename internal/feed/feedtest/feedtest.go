// Package feedtest builds feeds for tests: with keys, targets, and whatever an
// attacker would do to them. A Feed is a getter of its files and counts what
// is asked for. It is support for tests.
package feedtest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The roles that every feed has.
const (
	Root      = metadata.ROOT
	Targets   = metadata.TARGETS
	Snapshot  = metadata.SNAPSHOT
	Timestamp = metadata.TIMESTAMP
)

// Feed is a feed that a test builds. The metadata can be changed in place;
// Publish and its parts sign it and put it among the files.
type Feed struct {
	Root      *metadata.Metadata[metadata.RootType]
	Targets   *metadata.Metadata[metadata.TargetsType]
	Snapshot  *metadata.Metadata[metadata.SnapshotType]
	Timestamp *metadata.Metadata[metadata.TimestampType]
	Products  map[string]*metadata.Metadata[metadata.TargetsType]

	// Keys sign for the roles, when they are published.
	Keys map[string][]ed25519.PrivateKey
	// Sums puts length and SHA-256 of metadata into timestamp and snapshot.
	Sums bool

	mu    sync.Mutex
	files map[string][]byte
	asked []string
	tb    testing.TB
	seed  string // of the keys
	made  int    // keys
}

// New publishes an empty feed: a root of 3 of 5 keys, targets of 2 of 3,
// snapshot and timestamp of one. Root and targets are good for a year from
// now on, snapshot and timestamp for a week.
func New(tb testing.TB, now time.Time) *Feed {
	now = now.UTC().Truncate(time.Second)
	year, week := now.AddDate(1, 0, 0), now.AddDate(0, 0, 7)
	f := &Feed{
		Root: metadata.Root(year), Targets: metadata.Targets(year), Snapshot: metadata.Snapshot(week), Timestamp: metadata.Timestamp(week),
		Products: map[string]*metadata.Metadata[metadata.TargetsType]{},
		Keys:     map[string][]ed25519.PrivateKey{},
		Sums:     true,
		files:    map[string][]byte{},
		tb:       tb,
		seed:     tb.Name() + now.String(),
	}
	f.Rotate(Root, 3, 5)
	f.Rotate(Targets, 2, 3)
	f.Rotate(Snapshot, 1, 1)
	f.Rotate(Timestamp, 1, 1)
	f.PublishRoot()
	f.PublishAll()
	return f
}

func (f *Feed) must(err error) {
	f.tb.Helper()
	if err != nil {
		f.tb.Fatal(err)
	}
}

// Key makes another key. They are the same each time the test is run, and
// others for a feed of another test or of another time.
func (f *Feed) Key() ed25519.PrivateKey {
	f.made++
	seed := sha256.Sum256(fmt.Append(nil, f.seed, " ", f.made))
	return ed25519.NewKeyFromSeed(seed[:])
}

// PublicKey is a key as metadata holds it, with its id.
func (f *Feed) PublicKey(k ed25519.PrivateKey) (*metadata.Key, string) {
	f.tb.Helper()
	key, err := metadata.KeyFromPublicKey(k.Public())
	f.must(err)
	id, err := key.ID()
	f.must(err)
	return key, id
}

// Rotate gives a role of the root new keys instead of those it has; they
// count once the root is published. The old ones of the root role itself are
// used once more, to sign that root.
func (f *Feed) Rotate(role string, threshold, keys int) {
	f.tb.Helper()
	r := f.Root.Signed.Roles[role]
	for _, id := range slices.Clone(r.KeyIDs) {
		f.must(f.Root.Signed.RevokeKey(id, role))
	}
	var fresh []ed25519.PrivateKey
	for range keys {
		k := f.Key()
		key, _ := f.PublicKey(k)
		f.must(f.Root.Signed.AddKey(key, role))
		fresh = append(fresh, k)
	}
	r.Threshold = threshold
	if role == Root {
		fresh = append(fresh, f.Keys[Root]...)
	}
	f.Keys[role] = fresh
}

// Product delegates to a role of a product, with one key, and gives it empty
// metadata, good for a year after that of the timestamp.
func (f *Feed) Product(id string, paths ...string) *metadata.Metadata[metadata.TargetsType] {
	f.tb.Helper()
	if len(paths) == 0 {
		paths = []string{id + "/*", id + "/*/*"}
	}
	k := f.Key()
	key, kid := f.PublicKey(k)
	d := f.Targets.Signed.Delegations
	if d == nil {
		d = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
		f.Targets.Signed.Delegations = d
	}
	d.Keys[kid] = key
	d.Roles = append(d.Roles, metadata.DelegatedRole{Name: id, KeyIDs: []string{kid}, Threshold: 1, Terminating: true, Paths: paths})
	f.Keys[id] = []ed25519.PrivateKey{k}
	f.Products[id] = metadata.Targets(f.Targets.Signed.Expires)
	f.Products[id].Signed.Version = 0
	return f.Products[id]
}

// Add puts a target into the metadata of a role and its content among the files.
func (f *Feed) Add(role, target string, content []byte) {
	f.tb.Helper()
	m := f.Targets
	if role != Targets {
		m = f.Products[role]
	}
	sum := sha256.Sum256(content)
	m.Signed.Targets[target] = &metadata.TargetFiles{Length: int64(len(content)), Hashes: metadata.Hashes{"sha256": sum[:]}, Path: target}
	dir, base := path.Split(target)
	f.Put("targets/"+dir+hex.EncodeToString(sum[:])+"."+base, content)
}

// PublishAll publishes targets, products, snapshot and timestamp, each one
// version higher if it was published before.
func (f *Feed) PublishAll() {
	f.tb.Helper()
	f.PublishTargets()
	for _, id := range slices.Sorted(maps.Keys(f.Products)) {
		f.PublishProduct(id)
	}
	f.PublishSnapshot()
	f.PublishTimestamp()
}

// PublishProduct publishes the next version of a product's metadata.
func (f *Feed) PublishProduct(id string) {
	f.tb.Helper()
	f.Products[id].Signed.Version++
	f.SignTargets(id)
}

// PublishTargets publishes the next version of the targets.
func (f *Feed) PublishTargets() {
	f.tb.Helper()
	f.next(Targets, &f.Targets.Signed.Version)
	f.SignTargets(Targets)
}

// SignTargets signs the metadata of targets or of a product as it is, and has
// the snapshot name it.
func (f *Feed) SignTargets(role string) {
	f.tb.Helper()
	m := f.Targets
	if role != Targets {
		m = f.Products[role]
	}
	data := Sign(f.tb, m, f.Keys[role]...)
	f.Put(fmt.Sprintf("metadata/%d.%s.json", m.Signed.Version, url.PathEscape(role)), data)
	f.Snapshot.Signed.Meta[role+".json"] = f.meta(m.Signed.Version, data)
}

// PublishSnapshot publishes the next version of the snapshot.
func (f *Feed) PublishSnapshot() {
	f.tb.Helper()
	f.next(Snapshot, &f.Snapshot.Signed.Version)
	f.SignSnapshot()
}

// SignSnapshot signs the snapshot as it is and has the timestamp name it.
func (f *Feed) SignSnapshot() {
	f.tb.Helper()
	data := Sign(f.tb, f.Snapshot, f.Keys[Snapshot]...)
	v := f.Snapshot.Signed.Version
	f.Put(fmt.Sprintf("metadata/%d.snapshot.json", v), data)
	f.Timestamp.Signed.Meta["snapshot.json"] = f.meta(v, data)
}

// PublishTimestamp publishes the next version of the timestamp.
func (f *Feed) PublishTimestamp() {
	f.tb.Helper()
	if f.Get("metadata/timestamp.json") != nil {
		f.Timestamp.Signed.Version++
	}
	f.SignTimestamp()
}

// SignTimestamp signs the timestamp as it is.
func (f *Feed) SignTimestamp() {
	f.tb.Helper()
	f.Put("metadata/timestamp.json", Sign(f.tb, f.Timestamp, f.Keys[Timestamp]...))
}

// PublishRoot publishes the next root.
func (f *Feed) PublishRoot() {
	f.tb.Helper()
	f.next(Root, &f.Root.Signed.Version)
	f.Put(fmt.Sprintf("metadata/%d.root.json", f.Root.Signed.Version), Sign(f.tb, f.Root, f.Keys[Root]...))
	// the keys that count from now on
	f.Keys[Root] = slices.DeleteFunc(f.Keys[Root], func(k ed25519.PrivateKey) bool {
		_, id := f.PublicKey(k)
		return !slices.Contains(f.Root.Signed.Roles[Root].KeyIDs, id)
	})
}

func (f *Feed) next(role string, version *int64) {
	if f.Get(fmt.Sprintf("metadata/%d.%s.json", *version, role)) != nil {
		*version++
	}
}

func (f *Feed) meta(version int64, data []byte) *metadata.MetaFiles {
	m := &metadata.MetaFiles{Version: version}
	if f.Sums {
		sum := sha256.Sum256(data)
		m.Length, m.Hashes = int64(len(data)), metadata.Hashes{"sha256": sum[:]}
	}
	return m
}

// Sign signs metadata anew with the keys.
func Sign[T metadata.Roles](tb testing.TB, m *metadata.Metadata[T], keys ...ed25519.PrivateKey) []byte {
	tb.Helper()
	m.ClearSignatures()
	for _, k := range keys {
		signer, err := signature.LoadED25519Signer(k)
		if err == nil {
			_, err = m.Sign(signer)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	data, err := m.ToBytes(false)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Small gives a file of the feed, as a mirror does that does not look at how
// much is wanted.
func (f *Feed) Small(ctx context.Context, name string, _ int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.TrimPrefix(name, "metadata/"))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, ok := f.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return data, nil
}

// Asked gives the names that were asked for since it was called last, without metadata/.
func (f *Feed) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.asked
	f.asked = nil
	return a
}

// ServeHTTP serves the feed at the root of a server.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if strings.HasPrefix(name, "targets/") {
		name = strings.TrimPrefix(r.URL.Path, "/")
	}
	data, err := f.Small(r.Context(), name, 0)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}

// Put sets a file of the feed, Get gives it or nil, Drop removes it.
func (f *Feed) Put(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = data
}

// Get gives a file of the feed, nil where there is none.
func (f *Feed) Get(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.files[name]
}

// Drop removes a file of the feed.
func (f *Feed) Drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, name)
}

// Files is a copy of the names and contents of all files: of the feed as it is now.
func (f *Feed) Files() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.files)
}

// SetFiles brings back what Files gave: an old feed, replayed.
func (f *Feed) SetFiles(files map[string][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = maps.Clone(files)
}

// RootFile is the first root, to be pinned.
func (f *Feed) RootFile() []byte { return f.Get("metadata/1.root.json") }

// Write writes all files into a folder of the computer, to be served from there.
func (f *Feed) Write(dir string) {
	f.tb.Helper()
	for name, data := range f.Files() {
		p := filepath.Join(dir, filepath.FromSlash(name))
		f.must(os.MkdirAll(filepath.Dir(p), 0o755))
		f.must(os.WriteFile(p, data, 0o644))
	}
}

// SignRaw signs any JSON text as the signed part of metadata, however odd it is.
func SignRaw(tb testing.TB, signed []byte, keys ...ed25519.PrivateKey) []byte {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	var value any
	must(json.Unmarshal(signed, &value))
	canonical, err := cjson.EncodeCanonical(value)
	must(err)
	type sig struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	}
	var sigs []sig
	for _, k := range keys {
		key, err := metadata.KeyFromPublicKey(k.Public())
		must(err)
		id, err := key.ID()
		must(err)
		sigs = append(sigs, sig{id, hex.EncodeToString(ed25519.Sign(k, canonical))})
	}
	data, err := json.Marshal(map[string]any{"signed": value, "signatures": sigs})
	must(err)
	return data
}

// Index is the SHA-256 of a product's index as the vendor has it.
func (f *Feed) Index(product string) string {
	return hex.EncodeToString(f.Products[product].Signed.Targets[product+"/index.json"].Hashes["sha256"])
}
