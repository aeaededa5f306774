//go:build unix

package demo

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SIGTERM ends the application, but not a request that it is answering.
func TestSIGTERMFinishesRequests(t *testing.T) {
	s := newSite(t)
	app := s.serve("1.0")
	body, half := io.Pipe()
	request, err := http.NewRequest("POST", app.url+"/notes", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	status := make(chan string, 1)
	go func() {
		// a connection of its own: one that lay idle would be closed with the others
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(request)
		if err != nil {
			status <- err.Error()
			return
		}
		response.Body.Close()
		status <- response.Status
	}()
	if _, err := half.Write([]byte(`{"author": "Ada", `)); err != nil {
		t.Fatal(err)
	}
	// a client holds a request back for a moment while its body is slow; the
	// server must have taken it up before it is told to end
	time.Sleep(500 * time.Millisecond)
	// Serve has the signals of this process while it runs.
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(app.url, "http://")
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			break // no new ones any more
		}
		c.Close()
		if time.Since(begin) > 5*time.Second {
			t.Fatal("it goes on taking requests")
		}
	}
	if _, err := half.Write([]byte(`"text": "in time"}`)); err != nil {
		t.Fatal(err)
	}
	half.Close()
	if got := <-status; got != "201 Created" {
		t.Errorf("the request was answered %s", got)
	}
	if err := app.stop(); err != nil {
		t.Error(err)
	}
	if all, _ := s.serve("1.0").listed(); len(all) != Notes+1 {
		t.Errorf("%d notes", len(all))
	}
}
