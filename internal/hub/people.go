package hub

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// How long a link, a session and a session that is not used are good for.
const (
	linkLasts    = time.Hour
	sessionLasts = 30 * 24 * time.Hour
	sessionIdle  = 12 * time.Hour
)

// wrongMost is how many wrong codes are read before one has to wait.
const wrongMost = 10

// People knows who is there: it makes one-time links and sessions, in memory
// only. Of codes and sessions it keeps the sums. It is safe for use by several
// goroutines.
type People struct {
	now func() time.Time

	mu       sync.Mutex
	links    map[[32]byte]link
	sessions map[[32]byte]*session
	wrong    int
	wrongAt  time.Time
}

type link struct {
	name string
	made time.Time
}

type session struct {
	name       string
	made, used time.Time
}

// NewPeople begins with nobody.
func NewPeople(now func() time.Time) *People {
	return &People{now: now, links: map[[32]byte]link{}, sessions: map[[32]byte]*session{}}
}

// Link makes the code of a one-time link by which a person enters. The links that
// were made before it are no good any more.
func (p *People) Link(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	clear(p.links)
	p.links[sha256.Sum256([]byte(code))] = link{name, p.now()}
	return code
}

// Enter makes a session of a code, once.
func (p *People) Enter(code string) (ask.Entered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.wrongAt) > time.Minute {
		p.wrong = 0
	}
	if p.wrong >= wrongMost {
		return ask.Entered{}, &ask.Error{Kind: ask.Denied, Text: "too many wrong links in a row: wait a minute, then try yours again"}
	}
	sum := sha256.Sum256([]byte(code))
	l, ok := p.links[sum]
	if !ok || now.Sub(l.made) > linkLasts {
		p.wrong++
		p.wrongAt = now
		return ask.Entered{}, &ask.Error{Kind: ask.Denied, Text: "this link was used already, or is too old: upkeep hub prints a new one when it is started"}
	}
	delete(p.links, sum)
	for id, s := range p.sessions { // those that nobody uses any more
		if s.over(now) {
			delete(p.sessions, id)
		}
	}
	token := rand.Text() + rand.Text()
	p.sessions[sha256.Sum256([]byte(token))] = &session{l.name, now, now}
	return ask.Entered{Session: token, Person: ask.Person{Name: l.name, Role: ask.Administrator}}, nil
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.made) > sessionLasts || now.Sub(s.used) > sessionIdle
}

// Who gives the person behind a session. Whoever has entered by the link of who
// started the hub is an administrator.
func (p *People) Who(token string) (ask.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := sha256.Sum256([]byte(token))
	s := p.sessions[sum]
	now := p.now()
	switch {
	case s == nil:
		return ask.Person{}, &ask.Error{Kind: ask.Denied, Text: "you are not signed in, or the hub was started anew since: enter by the link that upkeep hub has printed"}
	case s.over(now):
		delete(p.sessions, sum)
		return ask.Person{}, &ask.Error{Kind: ask.Denied, Text: "your session has ended: enter by a new link"}
	}
	s.used = now
	return ask.Person{Name: s.name, Role: ask.Administrator}, nil
}

// Leave ends a session.
func (p *People) Leave(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, sha256.Sum256([]byte(token)))
}
