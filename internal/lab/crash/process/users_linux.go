package process

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// author is who writes the notes of the users; the last by name, so that the
// others keep their numbers when authors become rows.
const author = "zz the users"

// users write notes into the sample product as fast as a person clicks, and
// know which of them they were told are kept.
type users struct {
	client  http.Client
	url     string
	mu      sync.Mutex
	kept    []kept
	refused int
	stop    chan struct{}
	gone    sync.WaitGroup
}

// kept is a note that users were told is kept.
type kept struct {
	text         string
	began, ended time.Time // the request
}

// serve begins to write; it ends with the test, or with rest.
func serve(w *World) *users {
	u := &users{client: http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		url: fmt.Sprintf("http://127.0.0.1:%d/notes", w.Port), stop: make(chan struct{})}
	u.write(0) // one was written before, always
	u.gone.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-u.stop:
				return
			case <-time.After(60 * time.Millisecond):
				u.write(n)
			}
		}
	})
	w.T.Cleanup(u.rest)
	return u
}

// rest ends the writing.
func (u *users) rest() {
	u.mu.Lock()
	select {
	case <-u.stop:
	default:
		close(u.stop)
	}
	u.mu.Unlock()
	u.gone.Wait()
}

func (u *users) write(n int) {
	text := fmt.Sprintf("Written by users %d", n)
	body := fmt.Sprintf(`{"author": %q, "text": %q}`, author, text)
	began := time.Now()
	r, err := u.client.Post(u.url, "application/json", bytes.NewReader([]byte(body)))
	if err == nil {
		r.Body.Close()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil && r.StatusCode == http.StatusCreated {
		u.kept = append(u.kept, kept{text, began, time.Now()})
	} else {
		u.refused++
	}
}

// check says which notes are lost that users were told are kept, and which are
// there twice.
func (u *users) check(rows string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var wrong []string
	for _, k := range u.kept {
		switch n := strings.Count(rows, "'"+k.text+"'"); {
		case n == 0:
			wrong = append(wrong, fmt.Sprintf("users were told that it is kept, and it is gone: %s (asked %v, told %v)", k.text, k.began, k.ended))
		case n > 2: // title and body
			wrong = append(wrong, "it is there more than once: "+k.text)
		}
	}
	if len(u.kept) == 0 {
		wrong = append(wrong, "users could write nothing at all")
	}
	return strings.Join(wrong, "\n")
}
