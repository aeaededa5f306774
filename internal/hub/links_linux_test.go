package hub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/hub/ask"
)

// Links are made for one account, at a socket of its own.
func TestServeLinks(t *testing.T) {
	for _, tt := range []struct {
		name, by, want string
		account        int
		fails          error
	}{
		{"asked", "anna", "http://x/enter?code=anna", os.Geteuid(), nil},
		{"another account", "anna", "does not answer", os.Geteuid() + 1, nil},
		{"nobody", "", "nobody is named", os.Geteuid(), nil},
		{"the disk is full", "anna", "no room", os.Geteuid(), errors.New("no room")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			made := 0
			go func() {
				ended <- ServeLinks(ctx, l, tt.account, slog.New(slog.DiscardHandler), func(by string) (string, error) {
					made++
					return "http://x/enter?code=" + by, tt.fails
				})
			}()
			got, err := ask.NewClient(socket, nil).Link(t.Context(), tt.by)
			said := got.Link
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, tt.want) || strings.HasPrefix(tt.want, "http") != (err == nil) {
				t.Errorf("%q, %v; want %q", got.Link, err, tt.want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if wanted := tt.by != "" && tt.account == os.Geteuid(); (made == 1) != wanted {
				t.Errorf("%d links were made", made)
			}
			if _, err := os.Lstat(socket); !os.IsNotExist(err) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
}
