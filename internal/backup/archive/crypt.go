package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"filippo.io/age"

	"upkeep/internal/backup"
)

// encrypted ends the name of a stored file that is encrypted with age
// (age-encryption.org/v1). The record and SHA256SUMS never are.
const encrypted = ".age"

// Encryption is for whom stored files are encrypted; nothing: for nobody.
type Encryption struct {
	Recipients []string // age1…
	// Identity gives the file of identities that age-keygen writes; asked for when
	// something is to be read, so that a restore point can be made without it. Nil:
	// there is none.
	Identity func() ([]byte, error)
}

// On says whether anything is encrypted.
func (e Encryption) On() bool { return len(e.Recipients) > 0 }

// Check says what is wrong with the recipients, or with the identity: it must be
// one of theirs, or what is made for them could not be read by it.
func (e Encryption) Check() error {
	if !e.On() {
		return nil
	}
	k := keys{Encryption: e}
	if err := k.recipients(); err != nil {
		return err
	}
	own, err := k.own()
	if err != nil {
		return err
	}
	var box bytes.Buffer
	w, err := age.Encrypt(&box, k.to[:len(k.to)-1]...) // without this process
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("cannot encrypt: %w", err)
	}
	if _, err := age.Decrypt(&box, own...); err != nil {
		return errors.New("the identity is none of the recipients'")
	}
	return nil
}

// keys are those of one engine. Beside the recipients, each file is encrypted for
// the process that writes it: so it can be read back where it was just made,
// also without the identity. That key is never kept.
type keys struct {
	Encryption
	mu   sync.Mutex
	self *age.X25519Identity
	to   []age.Recipient
}

// recipients makes the list once.
func (k *keys) recipients() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.to != nil {
		return nil
	}
	to, err := age.ParseRecipients(strings.NewReader(strings.Join(k.Recipients, "\n")))
	if err != nil {
		return fmt.Errorf("cannot encrypt restore points: a recipient under backup: encrypt: of the installation document is none: %w", err)
	}
	self, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("cannot make a key: %w", err)
	}
	k.self, k.to = self, append(to, self.Recipient())
	return nil
}

// own gives the administrator's identities.
func (k *keys) own() ([]age.Identity, error) {
	if k.Identity == nil {
		return nil, fmt.Errorf("%w: the installation document names no identity", backup.ErrLocked)
	}
	text, err := k.Identity()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", backup.ErrLocked, err)
	}
	list, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // its message could quote the key
		return nil, fmt.Errorf("%w: the identity is not what age-keygen writes", backup.ErrLocked)
	}
	return list, nil
}

// name is what a file is called where it lies.
func (k *keys) name(name string) string {
	if k.On() {
		return name + encrypted
	}
	return name
}

// seal encrypts what is written to it, if anything is. Closing it ends the file,
// and not w.
func (k *keys) seal(w io.Writer) (io.WriteCloser, error) {
	if !k.On() {
		return bare{w}, nil
	}
	if err := k.recipients(); err != nil {
		return nil, err
	}
	out, err := age.Encrypt(w, k.to...)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	return out, nil
}

// sealed encrypts a small text.
func (k *keys) sealed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := k.seal(&b)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// bare is what is not encrypted.
type bare struct{ io.Writer }

func (bare) Close() error { return nil }

// unseal gives the content of an encrypted file: with the key of this process
// where it wrote the file itself, otherwise with the administrator's.
func (k *keys) unseal(r io.Reader) (io.Reader, error) {
	asked := &asking{keys: k}
	out, err := age.Decrypt(r, asked)
	switch {
	case err == nil:
		return out, nil
	case asked.err != nil:
		return nil, asked.err
	}
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("%w: it was encrypted for somebody else's key", backup.ErrLocked)
	}
	return nil, err
}

// asking fetches the administrator's identity only where it is needed.
type asking struct {
	*keys
	err error
}

// Unwrap implements age.Identity.
func (a *asking) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	a.mu.Lock()
	self := a.self
	a.mu.Unlock()
	if self != nil {
		if key, err := self.Unwrap(stanzas); err == nil {
			return key, nil
		}
	}
	list, err := a.own()
	if err != nil {
		a.err = err
		return nil, err
	}
	for _, id := range list {
		key, err := id.Unwrap(stanzas)
		if err == nil || !errors.Is(err, age.ErrIncorrectIdentity) {
			return key, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// clear gives the content of a stored file as it was before it was encrypted. A
// damaged header looks like somebody else's key: the sum tells the two apart.
func (a *Archive) clear(ctx context.Context, dir string, want backup.Stored, s *source) (io.Reader, error) {
	if !want.Encrypted() {
		return s, nil
	}
	r, err := a.keys.unseal(s)
	if err == nil {
		return r, nil
	}
	if s.tail == nil {
		if damaged := a.whole(ctx, dir, want); damaged != nil {
			return nil, damaged
		}
	}
	if !errors.Is(err, backup.ErrLocked) {
		err = fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	return nil, fmt.Errorf("cannot read %s: %w", want.Name, err)
}

// whole compares a stored file with its sum, whatever is in it.
func (a *Archive) whole(ctx context.Context, dir string, want backup.Stored) error {
	s, err := a.open(ctx, dir, want)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, plainReader{s})
	return errors.Join(err, s.Close())
}
