package hub

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// Folder keeps small files, each written whole and durably or not at all. Names
// are of small letters, digits and dashes.
type Folder interface {
	Read(name string) ([]byte, error) // fs.ErrNotExist where there is none
	Write(name string, raw []byte) error
	Remove(name string) error
	Names() ([]string, error)
}

// tokenNames are the names that a token may have: also those of files.
var tokenNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// tokenShape is how a token looks: its name, and what nobody can guess.
var tokenShape = regexp.MustCompile(`^upk_([a-z0-9-]{1,40})_[A-Z2-7]{26}$`)

// tokenLongest bounds how long a token is good for.
const tokenLongest = 2 * 366 * 24 * time.Hour

// Token is what is kept of a machine's token: not the token.
type Token struct {
	Format int       `json:"format"`
	Name   string    `json:"name"`
	Role   ask.Role  `json:"role"`
	Only   string    `json:"only,omitempty"` // the one installation that it is for
	By     string    `json:"by"`
	Made   time.Time `json:"made"`
	Ends   time.Time `json:"ends"`
	Sum    string    `json:"sum"` // SHA-256 of the token
}

// Tokens are the machines that may ask, a file each. A token that another process
// makes or removes counts at once.
type Tokens struct {
	folder Folder
	now    func() time.Time
}

// NewTokens reads and keeps tokens in a folder.
func NewTokens(folder Folder, now func() time.Time) *Tokens { return &Tokens{folder, now} }

// TokenError says what is wrong with a token that somebody wants to make or to
// remove.
type TokenError struct{ Text string }

func (e *TokenError) Error() string { return e.Text }

// Add makes a token as t describes it, and gives what the machine is to say. It is
// kept nowhere.
func (k *Tokens) Add(t Token) (secret string, made Token, err error) {
	t.Made = k.now().UTC().Truncate(time.Second)
	t.Format, t.Ends = 1, t.Ends.UTC().Truncate(time.Second)
	switch {
	case !tokenNames.MatchString(t.Name):
		return "", t, &TokenError{fmt.Sprintf("a token cannot be called %q: give it 1 to 40 small letters, digits and dashes, such as grafana or ci-deploy", t.Name)}
	case !ask.Administrator.Covers(t.Role) || !t.Role.Covers(ask.Viewer):
		return "", t, &TokenError{fmt.Sprintf("there is no role %q: it is %s, %s or %s", t.Role, ask.Viewer, ask.Operator, ask.Administrator)}
	case !t.Ends.After(t.Made):
		return "", t, &TokenError{"a token must end later than now"}
	case t.Ends.Sub(t.Made) > tokenLongest:
		return "", t, &TokenError{"a token lasts two years at most: make a new one then, and remove this one"}
	}
	switch _, err := k.folder.Read(t.Name); {
	case err == nil:
		return "", t, &TokenError{fmt.Sprintf("there is a token %s already: remove it, or give the new one another name", t.Name)}
	case !errors.Is(err, fs.ErrNotExist):
		return "", t, fmt.Errorf("cannot make the token: %w", err)
	}
	secret = "upk_" + t.Name + "_" + rand.Text()
	t.Sum = sumOf(secret)
	raw, err := json.Marshal(t)
	if err == nil {
		err = k.folder.Write(t.Name, append(raw, '\n'))
	}
	if err != nil {
		return "", t, fmt.Errorf("cannot make the token: %w", err)
	}
	return secret, t, nil
}

func sumOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// List gives the tokens by name, those too that have ended.
func (k *Tokens) List() ([]Token, error) {
	names, err := k.folder.Names()
	if err != nil {
		return nil, fmt.Errorf("cannot list the tokens: %w", err)
	}
	out := []Token{}
	for _, name := range names {
		t, err := k.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Remove ends a token.
func (k *Tokens) Remove(name string) error {
	if !tokenNames.MatchString(name) {
		return &TokenError{fmt.Sprintf("there is no token %q", name)}
	}
	err := k.folder.Remove(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &TokenError{fmt.Sprintf("there is no token %s: upkeep hub token list shows all", name)}
	case err != nil:
		return fmt.Errorf("cannot remove the token %s: %w", name, err)
	}
	return nil
}

// Who gives the machine behind a token.
func (k *Tokens) Who(token string) (ask.Person, error) {
	parts := tokenShape.FindStringSubmatch(token)
	if parts == nil || !tokenNames.MatchString(parts[1]) {
		return ask.Person{}, errToken()
	}
	t, err := k.read(parts[1])
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ask.Person{}, errToken()
	case err != nil:
		return ask.Person{}, err
	case subtle.ConstantTimeCompare([]byte(t.Sum), []byte(sumOf(token))) != 1:
		return ask.Person{}, errToken()
	case !k.now().Before(t.Ends):
		return ask.Person{}, &ask.Error{Kind: ask.Denied, Text: fmt.Sprintf("the token %s has ended on %s: upkeep hub token remove %s, then upkeep hub token add makes another one", t.Name, t.Ends.Format(time.DateOnly), t.Name)}
	}
	return ask.Person{Name: ask.TokenPrefix + t.Name, Role: t.Role, Only: t.Only}, nil
}

// errToken is for tokens that are none: whether the name or the rest is wrong is
// nobody's business.
func errToken() error {
	return &ask.Error{Kind: ask.Denied, Text: "this token is none, or was removed: upkeep hub token add makes one"}
}

func (k *Tokens) read(name string) (Token, error) {
	raw, err := k.folder.Read(name)
	if err != nil {
		return Token{}, err
	}
	var t Token
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil || t.Format != 1 || t.Name != name || len(t.Sum) != 2*sha256.Size {
		return Token{}, fmt.Errorf("what is kept of the token %s cannot be read: remove it with upkeep hub token remove %s, and make another one", name, name)
	}
	return t, nil
}
