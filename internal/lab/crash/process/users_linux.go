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
	late    int // kept notes that are gone, as limits.md says
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
// there twice. readOnly is when users could write no more, where it is known: a
// request that was under way at that moment may be kept behind the restore
// point's back, and is lost on the way back (limits.md). It is counted.
func (u *users) check(rows string, readOnly time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var wrong []string
	for _, k := range u.kept {
		switch n := strings.Count(rows, "'"+k.text+"'"); {
		case n == 0 && k.began.Before(readOnly) && k.ended.After(readOnly):
			u.late++
		case n == 0:
			wrong = append(wrong, fmt.Sprintf("users were told that it is kept, and it is gone: %s (asked %v, told %v; read-only %v)", k.text, k.began, k.ended, readOnly))
		case n > 2: // title and body
			wrong = append(wrong, "it is there more than once: "+k.text)
		}
	}
	if len(u.kept) == 0 {
		wrong = append(wrong, "users could write nothing at all")
	}
	return strings.Join(wrong, "\n")
}

// readOnly reads from a run's log when users could write no more.
func readOnly(log string) time.Time {
	before, _, ok := strings.Cut(log, " ended do read-only ")
	if !ok {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339, before[strings.LastIndexByte(before, '\n')+1:]) // zero: not known
	return at
}
