package patch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
)

func payload(t testing.TB, tar []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := bundle.Compressor(&b)
	if err == nil {
		_, err = z.Write(tar)
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wanted(payload []byte) Want {
	s := sha256.Sum256(payload)
	return Want{int64(len(payload)), hex.EncodeToString(s[:])}
}

// wantedOf is wanted of what need not be in memory.
func wantedOf(t testing.TB, r io.Reader) Want {
	t.Helper()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Fatal(err)
	}
	return Want{n, hex.EncodeToString(h.Sum(nil))}
}

// program is something like compiled code: it compresses, and has addresses
// that change all over when something moves.
func program(seed uint64, words int, at uint32) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for range words {
		b = append(b, byte(r.Uint32N(40)), byte(r.Uint32N(7)))
		if r.Uint32N(5) == 0 {
			b = binary.LittleEndian.AppendUint32(b, at+r.Uint32N(1<<20))
		}
	}
	return b
}

// released is a program and its next version.
func released() (old, next []byte) {
	old = append(program(1, 100_000, 0), program(2, 100_000, 0)...)
	moved := program(2, 100_000, 0x40)
	return old, slices.Concat(program(1, 100_000, 0), []byte("a new function here"), moved)
}

func TestPatch(t *testing.T) {
	old, next := released()
	op, np := payload(t, old), payload(t, next)
	var p bytes.Buffer
	ok, err := Make(t.Context(), op, np, &p)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if p.Len() > len(np)/5 {
		t.Errorf("the patch has %d bytes, the payload %d", p.Len(), len(np))
	}
	dir := t.TempDir()
	at := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dest := at("dest", []byte("another one"))
	at("dest"+Making, []byte("from a killed try"))
	if err := Apply(t.Context(), durable.OS(), at("old", op), at("patch", p.Bytes()), dest, wanted(np), 0); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(dest); !bytes.Equal(got, np) {
		t.Error("it is another payload")
	}
	if _, err := os.Lstat(dest + Making); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something is left", err)
	}
}

// No patch is offered where it would not help.
func TestNoPatch(t *testing.T) {
	old, next := released()
	other := func(tar []byte, o ...zstd.EOption) []byte {
		z, err := zstd.NewWriter(nil, o...)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(tar, nil)
	}
	random := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	for name, c := range map[string]struct {
		old, next []byte
		err       bool
	}{
		"another encoder": {payload(t, old), other(next, zstd.WithEncoderLevel(zstd.SpeedFastest)), false},
		"something new":   {payload(t, old), payload(t, random), false},
		"bytes after it":  {payload(t, old), append(payload(t, next), other(nil, zstd.WithZeroFrames(true))...), false},
		"no payload":      {payload(t, old), next, true},
		"no old payload":  {old, payload(t, next), true},
	} {
		var p bytes.Buffer
		ok, err := Make(t.Context(), c.old, c.next, &p)
		if ok || (err != nil) != c.err || p.Len() > 0 {
			t.Errorf("%s: %v, %v, %d bytes", name, ok, err, p.Len())
		}
	}
	// what an old payload was compressed by does not matter
	if ok, err := Make(t.Context(), other(old, zstd.WithEncoderLevel(zstd.SpeedFastest)), payload(t, next), &bytes.Buffer{}); !ok || err != nil {
		t.Error(ok, err)
	}
}

// world is a disk with an old payload and a patch.
type world struct {
	*crashfs.FS
	old, patch, next []byte
}

func (w world) apply(t testing.TB, old, patch []byte, want Want, limit int64) error {
	t.Helper()
	w.FS = crashfs.New()
	if err := errors.Join(w.MkdirAll("/d", 0o755), w.WriteFile("/d/old", old, 0o644), w.WriteFile("/d/patch", patch, 0o644)); err != nil {
		t.Fatal(err)
	}
	err := Apply(t.Context(), w, "/d/old", "/d/patch", "/d/dest", want, limit)
	got, rerr := w.ReadFile("/d/dest")
	switch {
	case (rerr == nil) != (err == nil):
		t.Errorf("%v, and the payload: %v", err, rerr)
	case err == nil && wanted(got) != want:
		t.Error("another payload came out")
	}
	if list, err := w.ReadDir("/d"); err != nil || err == nil && rerr != nil && len(list) != 2 {
		t.Errorf("left behind: %v %v", list, err)
	}
	return err
}

func newWorld(t testing.TB) world {
	old, next := program(1, 9_000, 0), append(program(1, 9_000, 4), "the end of it"...)
	w := world{old: payload(t, old), next: payload(t, next)}
	var p bytes.Buffer
	if ok, err := Make(t.Context(), w.old, w.next, &p); !ok || err != nil {
		t.Fatal(ok, err)
	}
	w.patch = p.Bytes()
	return w
}

// TestUnusable: whatever is wrong with a patch, the caller is told to fetch the
// payload whole, and nothing is left.
func TestUnusable(t *testing.T) {
	w := newWorld(t)
	want := wanted(w.next)
	if err := w.apply(t, w.old, w.patch, want, 0); err != nil {
		t.Fatal(err)
	}
	at := func(i int, b byte) []byte {
		p := bytes.Clone(w.patch)
		p[i] ^= b
		return p
	}
	size := int(headerSize)
	for name, c := range map[string]struct {
		old, patch []byte
		want       Want
		limit      int64
		is         error
	}{
		"empty":                  {w.old, nil, want, 0, ErrDamaged},
		"another file":           {w.old, w.next, want, 0, ErrDamaged},
		"cut in the header":      {w.old, w.patch[:50], want, 0, ErrDamaged},
		"cut":                    {w.old, w.patch[:len(w.patch)-1], want, 0, ErrDamaged},
		"longer":                 {w.old, append(bytes.Clone(w.patch), 0), want, 0, ErrDamaged},
		"a bit in it":            {w.old, at(size+40, 1), want, 0, ErrUnusable},
		"another new sum":        {w.old, at(size-40, 1), want, 0, ErrDamaged},
		"another old sum":        {w.old, at(20, 1), want, 0, ErrBase},
		"another old size":       {w.old, at(15, 1), want, 0, ErrBase},
		"an enormous old size":   {w.old, at(8, 1), want, 0, ErrTooBig},
		"a size below 0":         {w.old, at(8, 0x80), want, 0, ErrDamaged},
		"for another payload":    {w.next, w.patch, want, 0, ErrBase},
		"no payload":             {[]byte("nothing"), w.patch, want, 0, ErrBase},
		"a payload cut":          {w.old[:len(w.old)/2], w.patch, want, 0, ErrBase},
		"more than is allowed":   {w.old, w.patch, want, 1000, ErrTooBig},
		"signed as shorter":      {w.old, w.patch, Want{want.Bytes - 1, want.SHA256}, 0, ErrResult},
		"signed as longer":       {w.old, w.patch, Want{want.Bytes + 1, want.SHA256}, 0, ErrResult},
		"another payload signed": {w.old, w.patch, Want{want.Bytes, strings.Repeat("0", 64)}, 0, ErrResult},
	} {
		err := w.apply(t, c.old, c.patch, c.want, c.limit)
		if !errors.Is(err, c.is) || !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fsys := crashfs.New()
	if err := errors.Join(fsys.WriteFile("/old", w.old, 0o644), fsys.WriteFile("/patch", w.patch, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := Apply(ctx, fsys, "/old", "/patch", "/dest", want, 0); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnusable) {
		t.Error(err)
	}
	fsys.Limit(1 << 20)
	if err := Apply(t.Context(), fsys, "/old", "/patch", "/dest", want, 0); err == nil || errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "make room there") {
		t.Error(err)
	}
}

// forged is a patch whose header is right, and whose parts are anybody's.
func forged(t testing.TB, old []byte, size int64, steps, differences, fresh []byte) []byte {
	t.Helper()
	h := header{Magic: magic, Old: sumOf(old), New: tarSum{Size: size}}
	var tail []byte
	for i, raw := range [][]byte{steps, differences, fresh} {
		p, err := part(raw, windows()[i])
		if err != nil {
			t.Fatal(err)
		}
		h.Parts[i], tail = int64(len(p)), append(tail, p...)
	}
	b, err := binary.Append(nil, binary.BigEndian, h)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, tail...)
}

func step(length, fresh uint64, shift int64) []byte {
	return binary.AppendVarint(binary.AppendUvarint(binary.AppendUvarint(nil, length), fresh), shift)
}

// TestBombs: a few bytes that would become many are cut at what was signed.
func TestBombs(t *testing.T) {
	w := newWorld(t)
	tar := program(1, 9_000, 0)
	n := uint64(len(tar))
	zeros := make([]byte, 64<<20)
	for name, p := range map[string][]byte{
		"more than announced":    forged(t, tar, 100, step(0, 64<<20, 0), nil, zeros),
		"what follows the end":   forged(t, tar, 100, step(0, 100, 0), nil, zeros),
		"differences for ever":   forged(t, tar, 100, step(100, 0, 0), zeros, nil),
		"steps for ever":         forged(t, tar, 100, zeros, nil, nil),
		"steps after the end":    forged(t, tar, 100, append(step(0, 100, 0), zeros...), nil, zeros[:100]),
		"announced, not signed":  forged(t, tar, 64<<20, step(0, 64<<20, 0), nil, zeros),
		"behind the old tar":     forged(t, tar, 100, step(100, 0, int64(n)-99), zeros[:100], nil),
		"before the old tar":     forged(t, tar, 100, step(100, 0, -1), zeros[:100], nil),
		"far away":               forged(t, tar, 100, step(100, 0, -1<<63), zeros[:100], nil),
		"lengths that overflow":  forged(t, tar, 100, step(1<<63, 1<<63, 0), zeros, zeros),
		"a number without end":   forged(t, tar, 100, bytes.Repeat([]byte{0xff}, 40), nil, nil),
		"less than is asked for": forged(t, tar, 100, step(50, 50, 0), zeros[:50], zeros[:49]),
	} {
		if len(p) > 20_000 {
			t.Errorf("%s: %d bytes are no bomb", name, len(p))
		}
		if err := w.apply(t, w.old, p, wanted(w.next), 0); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What would do no harm in the end is stopped where it begins.
func TestStoppedEarly(t *testing.T) {
	var disk bytes.Buffer
	out := bounded{w: &disk, left: 10, hash: sha256.New()}
	if _, err := out.Write(make([]byte, 11)); !errors.Is(err, ErrResult) || disk.Len() > 0 {
		t.Errorf("a byte too much: %v, %d bytes", err, disk.Len())
	}
	r := replaying{steps: bufio.NewReader(bytes.NewReader(make([]byte, 1000))), left: 10}
	if err := r.step(); !errors.Is(err, errStep) {
		t.Errorf("a step that does nothing: %v", err)
	}
	w := newWorld(t)
	p := bytes.Clone(w.patch)
	size := int64(len(p)) - headerSize
	for i, n := range []int64{-1, size + 1, 0} {
		binary.BigEndian.PutUint64(p[headerSize-24+int64(i)*8:], uint64(n))
	}
	if _, err := readHeader(bytes.NewReader(p), int64(len(p))); !errors.Is(err, ErrDamaged) {
		t.Errorf("a part of a length below 0: %v", err)
	}
	// a patch that does all that it says, and goes on
	tar, zeros := program(1, 9_000, 0), make([]byte, 101)
	p = forged(t, tar, 100, step(0, 100, 0), nil, zeros)
	copy(p[headerSize-24-sha256.Size:], wantedSum(zeros[:100]))
	if err := w.apply(t, w.old, p, wanted(payload(t, zeros[:100])), 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("what follows the end: %v", err)
	}
	p = forged(t, tar, 100, step(0, 100, 0), nil, zeros[:100])
	copy(p[headerSize-24-sha256.Size:], wantedSum(zeros[:100]))
	if err := w.apply(t, w.old, p, wanted(payload(t, zeros[:100])), 0); err != nil {
		t.Error(err)
	}
}

func wantedSum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

// rebuilt makes the new tar of a patch's parts.
func rebuilt(ctx context.Context, old, tar []byte) ([]byte, error) {
	h, parts, err := diff(ctx, old, tar)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = replay(ctx, h, old, bytes.NewReader(slices.Concat(make([]byte, headerSize), parts[0], parts[1], parts[2])), &b)
	return b.Bytes(), err
}

// Whatever two tars hold, one comes out of the other.
func TestAnyTars(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.SliceOfN(rapid.Byte(), 0, 200)
		few := rapid.SliceOfN(rapid.SampledFrom([]byte("ab")), 0, 200)
		blocks := rapid.SliceOfN(rapid.OneOf(block, few), 0, 6).Draw(t, "blocks")
		pick := rapid.SliceOfN(rapid.IntRange(0, max(0, len(blocks)-1)), 0, 12)
		of := func(name string) (out []byte) {
			if len(blocks) == 0 {
				return nil
			}
			for _, i := range pick.Draw(t, name) {
				b := bytes.Clone(blocks[i])
				if len(b) > 0 && rapid.Bool().Draw(t, "changed") {
					b[len(b)/2]++
				}
				out = append(out, b...)
			}
			return out
		}
		old, tar := of("old"), of("new")
		got, err := rebuilt(context.Background(), old, tar)
		if err != nil || !bytes.Equal(got, tar) {
			t.Fatalf("%v: %q instead of %q", err, got, tar)
		}
	})
}

func FuzzMake(f *testing.F) {
	f.Add([]byte("the old text of a file"), []byte("the new text of a file, longer"))
	f.Add([]byte{}, []byte{1})
	f.Add(bytes.Repeat([]byte("a"), 300), bytes.Repeat([]byte("a"), 299))
	f.Fuzz(func(t *testing.T, old, tar []byte) {
		got, err := rebuilt(t.Context(), old, tar)
		if err != nil || !bytes.Equal(got, tar) {
			t.Fatalf("%v: %q instead of %q", err, got, tar)
		}
	})
}

// FuzzApply: any bytes instead of the three parts. What comes out is never
// longer than announced.
func FuzzApply(f *testing.F) {
	f.Add(step(10, 5, 3), make([]byte, 10), make([]byte, 5), uint16(15))
	f.Add(step(0, 1<<40, 0), []byte{}, []byte{}, uint16(3))
	old := program(1, 50, 0)
	f.Fuzz(func(t *testing.T, steps, differences, fresh []byte, size uint16) {
		p := forged(t, old, int64(size), steps, differences, fresh)
		h, err := readHeader(bytes.NewReader(p), int64(len(p)))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		err = replay(t.Context(), h, old, bytes.NewReader(p), &b)
		if b.Len() > int(size) || err == nil && b.Len() != int(size) || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes instead of %d: %v", b.Len(), size, err)
		}
	})
}

// FuzzPatch: any file instead of a patch.
func FuzzPatch(f *testing.F) {
	w := newWorld(f)
	f.Add(w.patch)
	f.Add(w.patch[:headerSize])
	f.Fuzz(func(t *testing.T, p []byte) {
		if err := w.apply(t, w.old, p, wanted(w.next), 1<<20); err != nil && !errors.Is(err, ErrUnusable) {
			t.Error(err)
		}
	})
}

// TestRecipe: payloads are compressed as ever. If this fails after the library
// was upgraded, patches between older payloads and newer ones have become
// useless: give Recipe another number, and this test the new sums.
func TestRecipe(t *testing.T) {
	old, next := released()
	for _, c := range []struct {
		tar  []byte
		want string
	}{
		{nil, "429ed24358dddc6eff5fcf1c9a514fb568dcba9e383d8c065353b0446064bc1f"},
		{old[:100], "b6081946116f8abd780aa59d97c8ffca9693a79a36892ed74fab5a212c2a0d26"},
		{old, "e61f061364ca66c1e93674c3925e1c650b77c7dbe92b5e65f5cdc9890be43271"},
		{bytes.Repeat(next, 30), "23b67f83cfc76ef8e18fd8e0d35d5889f450213437d348d3b684270e7bbbc766"},
	} {
		if got := wanted(payload(t, c.tar)).SHA256; got != c.want {
			t.Errorf("%s of %d bytes: %s", Recipe(), len(c.tar), got)
		}
	}
}
