package fetch

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/durable"
)

// killedEnv makes the test binary fetch one file: the address, the length, the sum, and the destination.
const killedEnv = "UPKEEP_TEST_FETCH"

// TestProcessKilled: a process that is killed in the middle of a download leaves
// what has come, and the next one asks for the rest only.
func TestProcessKilled(t *testing.T) {
	if args := strings.Fields(os.Getenv(killedEnv)); len(args) == 4 {
		length, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		f := Fetcher{FS: durable.OS(), Source: web1(t, args[0])}
		if err := f.File(context.Background(), "targets/app", length, args[2], args[3]); err != nil {
			t.Fatal(err)
		}
		return
	}
	good := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(good)
	var mu sync.Mutex
	var asked []string
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Header.Get("Range"))
		mu.Unlock()
		http.ServeContent(halting{w}, r, "", time.Time{}, bytes.NewReader(good))
	}))
	dest := filepath.Join(t.TempDir(), "app.tar.zst")
	child := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProcessKilled$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %s", killedEnv, address, len(good), sumOf(good), dest))
		return cmd
	}
	size := func() int64 {
		i, err := os.Stat(dest + Part)
		if err != nil {
			return -1
		}
		return i.Size()
	}
	want := []string{""}
	for _, most := range []int64{1 << 20, 4 << 20} {
		cmd := child()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); size() < most && time.Since(begun) < 20*time.Second; {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		left := size()
		if left < most || left >= int64(len(good)) {
			t.Fatalf("%d bytes are left of it", left)
		}
		want = append(want, fmt.Sprintf("bytes=%d-", left))
	}
	if out, err := child().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(dest); err != nil || !bytes.Equal(got, good) || size() != -1 {
		t.Errorf("%d bytes, %v; the part has %d", len(got), err, size())
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	t.Logf("%q", asked)
}

// halting sends with pauses, so that there is time to kill.
type halting struct{ http.ResponseWriter }

func (h halting) Write(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return h.ResponseWriter.Write(p)
}
