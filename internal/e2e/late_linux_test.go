package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// A request that was under way when read-only was switched on, and that the
// product keeps after the restore point was made, is kept: by the new version,
// by the way back, and by a way back of the next morning.
func TestLateWriteIsKept(t *testing.T) {
	lab.Slow(t)
	for name, code := range map[string]int{"forward": 0, "back": 6} {
		t.Run(name, func(t *testing.T) {
			s := notes(t)
			answered := filepath.Join(s.Marks, "answered")
			s.Hook("hooks/POSTBACKUP_app.sh", "while [ ! -e "+answered+" ]; do sleep 0.01; done")
			if code != 0 {
				s.Hook("hooks/POSTINSTALL_app.sh", "exit 1")
			}
			// a slow request: the product has taken it, and waits for the rest
			body := `{"author": "Slow", "text": "A late note"}`
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
			known := len(s.Runs())
			wait := s.Began("upgrade", "--yes", "--from", s.Releases)
			if err := s.Follow(known, patience, func(e manage.Event) bool { return e.Kind == manage.EventEnded && e.Step == "backup" }); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(conn, body[10:])
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || response.StatusCode != http.StatusCreated {
				t.Fatalf("the slow request is answered %v, %v", response, err)
			}
			if err := os.WriteFile(answered, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if r := wait(); r.Code != code {
				t.Fatalf("%v\n%s", r, s.Log())
			}
			kept := func() {
				t.Helper()
				if n := strings.Count(s.Rows("data/notes.db"), "'A late note'"); n == 0 {
					t.Errorf("the user was told that the note is kept, and it is gone\n%s", s.Log())
				}
			}
			kept()
			wants(t, s.Log(), `(?s)begin do stop\.web.*begin do restore.*written after the restore point was made, and taken into it: database: rows of notes.*begin do h1\.install\.app`)
			s.Must(0, "backup", "verify", filepath.Base(s.Runs()[0])+"-origin")
			if code == 0 {
				s.Must(0, "back", "--yes")
				kept()
			}
		})
	}
}

// An upgrade into which nobody writes adds little to the outage.
func TestNothingLateCostsLittle(t *testing.T) {
	lab.Slow(t)
	s := notes(t)
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	log := s.Log()
	if strings.Contains(log, "taken into it") {
		t.Errorf("nobody wrote, and the restore point was amended\n%s", log)
	}
	var began time.Time
	for line := range strings.Lines(log) {
		text, rest, _ := strings.Cut(line, " ")
		at, err := time.Parse(time.RFC3339Nano, text)
		switch {
		case err != nil:
		case strings.HasPrefix(rest, "begin do restore"):
			began = at
		case strings.HasPrefix(rest, "ended do restore"):
			if took := at.Sub(began); took > time.Second {
				t.Errorf("it took %s", took)
			} else {
				t.Logf("it took %s", took)
			}
		}
	}
}
