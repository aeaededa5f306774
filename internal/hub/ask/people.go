package ask

import (
	"context"
	"time"
)

// PeopleAsking is what a person can ask about people. What is about oneself takes
// a session only; the rest takes an administrator.
type PeopleAsking interface {
	// SetPassword gives oneself a password. It ends all sessions that one has, and
	// begins a new one.
	SetPassword(ctx context.Context, p Password) (Entered, error)
	// LeaveAll ends all sessions that one has, this one too.
	LeaveAll(ctx context.Context) error
	People(ctx context.Context) (People, error)
	AddPerson(ctx context.Context, p Person) (Invitation, error)
	// Invite makes another one-time link, for who has forgotten the password.
	Invite(ctx context.Context, n Name) (Invitation, error)
	SetRole(ctx context.Context, p Person) error
	RemovePerson(ctx context.Context, n Name) error
	// EndSessions has somebody sign in anew everywhere.
	EndSessions(ctx context.Context, n Name) error
	// Audit is who has changed what, latest first.
	Audit(ctx context.Context, q AuditQuery) (Audit, error)
}

// SignIn is a name with its password. From is where the browser is, as the page
// says; it is for the record only.
type SignIn struct {
	Name     string `json:"name"`
	Password string `json:"password"` // secret
	From     string `json:"from,omitempty"`
}

// Password is a new password, and the one before it, which is not wanted of who
// has just entered by a link, or has none.
type Password struct {
	Old string `json:"old,omitempty"` // secret
	New string `json:"new"`           // secret
}

// Name names a person.
type Name struct {
	Name string `json:"name"`
}

// Invitation is the code of a one-time link for somebody.
type Invitation struct {
	Person
	Code  string    `json:"code"` // secret
	Until time.Time `json:"until"`
}

// People are all who have an account.
type People struct {
	People []PersonRow `json:"people"`
}

// PersonRow is one account.
type PersonRow struct {
	Person
	Since    time.Time `json:"since"`
	By       string    `json:"by"` // who has added it
	Sessions int       `json:"sessions"`
	Seen     time.Time `json:"seen,omitzero"`    // when it was used last
	Invited  time.Time `json:"invited,omitzero"` // until when a one-time link works that nobody has used yet
	Last     bool      `json:"last,omitempty"`   // the only administrator
}

// AuditQuery asks for changes: at most Limit (0: 50) after the first Skip.
type AuditQuery struct {
	Skip  int `json:"skip,omitempty"`
	Limit int `json:"limit,omitempty"`
}

// Audit is a part of the audit log.
type Audit struct {
	Acts    []Act  `json:"acts"`
	More    bool   `json:"more"`
	Entries int64  `json:"entries"`
	Head    string `json:"head"` // sum of the last entry
	File    string `json:"file"`
}

// Act is one change: who did what, when, on what, with what result.
type Act struct {
	N      int64             `json:"n"`
	At     time.Time         `json:"at"`
	Ended  time.Time         `json:"ended,omitzero"`
	By     string            `json:"by"`
	Role   string            `json:"role,omitempty"`
	Do     string            `json:"do"`
	On     map[string]string `json:"on,omitempty"`
	Result ActResult         `json:"result"`
	Text   string            `json:"text,omitempty"` // why it failed
}

// ActResult is what has come of a change.
type ActResult string

// The results. Open: none was noted, since it is under way or its process has died.
const (
	ActDone    ActResult = "done"
	ActRefused ActResult = "refused"
	ActFailed  ActResult = "failed"
	ActOpen    ActResult = "open"
)

// ActResults lists them.
func ActResults() []ActResult { return []ActResult{ActDone, ActRefused, ActFailed, ActOpen} }
