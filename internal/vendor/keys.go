package vendor

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// The ends of the names of key files.
const (
	PrivateSuffix = ".key"
	PublicSuffix  = ".pub"
)

// The kinds of blocks in a key file. A private key has its public half in front,
// so that it is known whose it is before anybody types a passphrase.
const (
	blockPublic  = "PUBLIC KEY"
	blockPrivate = "PRIVATE KEY"
	blockAge     = "AGE ENCRYPTED FILE"
)

// maxWork bounds what a key file may ask of scrypt: 2^maxWork.
const maxWork = 20

// tries is how often a passphrase is asked for.
const tries = 4

// keyName can name a key and its file.
var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$`)

// Key is an Ed25519 key, or only its public half.
type Key struct {
	Name   string // of its file, for people
	ID     string // as TUF computes it: 64 hex digits
	public ed25519.PublicKey
	secret func() (ed25519.PrivateKey, error) // nil: only the public half is at hand
}

// Passphrase gives the passphrase of a key when it signs for the first time.
// wrong: the one that was given before was not it.
type Passphrase func(name string, wrong bool) (string, error)

// NewKey makes a key.
func NewKey(name string) (*Key, error) {
	if !keyName.MatchString(name) {
		return nil, mistake("use letters, digits, and the signs - _ . @", fmt.Sprintf("no key can be called %q", name))
	}
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make the key %s: %w", name, err)
	}
	k, err := publicKey(name, public)
	if err == nil {
		k.secret = func() (ed25519.PrivateKey, error) { return secret, nil }
	}
	return k, err
}

func publicKey(name string, public ed25519.PublicKey) (*Key, error) {
	t, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		return nil, err
	}
	id, err := t.ID()
	return &Key{Name: name, ID: id, public: public}, err
}

// CanSign says whether the private half is at hand.
func (k *Key) CanSign() bool { return k.secret != nil }

// PublicKey is the public half.
func (k *Key) PublicKey() ed25519.PublicKey { return k.public }

// Sign signs bytes of another kind than metadata of a feed: whoever calls it
// begins them with words that no metadata begins with.
func (k *Key) Sign(text []byte) ([]byte, error) {
	if k.secret == nil {
		return nil, fmt.Errorf("only the public half of the key %s is there", k.Name)
	}
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(secret, text), nil
}

// tuf is the public half as metadata holds it.
func (k *Key) tuf() (*metadata.Key, error) { return metadata.KeyFromPublicKey(k.public) }

func (k *Key) signer() (signature.Signer, error) {
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	return signature.LoadED25519Signer(secret)
}

// Public is the text of the file that everybody may have.
func (k *Key) Public() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: der}), nil
}

// Private is the text of the file that only its holder may have: encrypted with
// a passphrase, by age with scrypt and 2^work as its cost (0: as age has it). An
// empty passphrase leaves it readable for whoever can read the file.
func (k *Key) Private(passphrase string, work int) ([]byte, error) {
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	public, err := k.Public()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return nil, err
	}
	plain := pem.EncodeToMemory(&pem.Block{Type: blockPrivate, Bytes: der})
	if passphrase == "" {
		return append(public, plain...), nil
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if work > 0 {
		to.SetWorkFactor(work)
	}
	var box bytes.Buffer
	w, err := age.Encrypt(&box, to)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the key %s: %w", k.Name, err)
	}
	return append(public, pem.EncodeToMemory(&pem.Block{Type: blockAge, Bytes: box.Bytes()})...), nil
}

// ParseKey reads a key file, public or private.
func ParseKey(name string, text []byte, passphrase Passphrase) (*Key, error) {
	head, rest := pem.Decode(text)
	if head == nil || head.Type != blockPublic {
		return nil, errors.New("it is no key file: it does not begin with a public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(head.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its public key cannot be read: %w", err)
	}
	public, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("it is no Ed25519 key")
	}
	k, err := publicKey(name, public)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(rest)) == 0 {
		return k, nil
	}
	body, more := pem.Decode(rest)
	if body == nil || len(bytes.TrimSpace(more)) > 0 || body.Type != blockPrivate && body.Type != blockAge {
		return nil, errors.New("it is damaged behind its public key")
	}
	var open ed25519.PrivateKey // once it was opened
	k.secret = func() (ed25519.PrivateKey, error) {
		if open == nil {
			secret, err := unlock(name, body, passphrase)
			if err != nil {
				return nil, fmt.Errorf("cannot open the key %s: %w", name, err)
			}
			if !public.Equal(secret.Public()) {
				return nil, fmt.Errorf("the key file %s is damaged: its two halves do not belong together", name)
			}
			open = secret
		}
		return open, nil
	}
	return k, nil
}

func unlock(name string, body *pem.Block, passphrase Passphrase) (ed25519.PrivateKey, error) {
	der := body.Bytes
	if body.Type == blockAge {
		plain, err := decrypt(name, der, passphrase)
		if err != nil {
			return nil, err
		}
		inner, _ := pem.Decode(plain)
		if inner == nil || inner.Type != blockPrivate {
			return nil, errors.New("what is encrypted is no private key")
		}
		der = inner.Bytes
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	secret, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is no Ed25519 key")
	}
	return secret, nil
}

func decrypt(name string, box []byte, passphrase Passphrase) ([]byte, error) {
	for try := range tries {
		word, err := passphrase(name, try > 0)
		if err != nil {
			return nil, err
		}
		if word == "" {
			return nil, mistake("name a file that has it with --passphrase-file, or type it", "it has a passphrase, and none was given")
		}
		id, err := age.NewScryptIdentity(word)
		if err != nil {
			return nil, err
		}
		id.SetMaxWorkFactor(maxWork)
		r, err := age.Decrypt(bytes.NewReader(box), id)
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, 1<<16))
	}
	return nil, mistake("try again; a passphrase that is lost cannot be found: docs/how-to/feed-keys.md says what then", "the passphrase is wrong")
}

// WriteKey writes a new key into dir: NAME.key, which only its owner can read,
// and NAME.pub. A file that is there is never replaced.
func WriteKey(fsys durable.FS, dir string, k *Key, passphrase string, work int) error {
	private, err := k.Private(passphrase, work)
	if err != nil {
		return err
	}
	public, err := k.Public()
	if err != nil {
		return err
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, suffix := range []string{PrivateSuffix, PublicSuffix} {
		if path := filepath.Join(dir, k.Name+suffix); exists(fsys, path) {
			return mistake("choose another folder, or another name for the key", "cannot write the key "+k.Name+": "+path+" is there already")
		}
	}
	if err := fsys.WriteFile(filepath.Join(dir, k.Name+PrivateSuffix), private, 0o600); err != nil {
		return fmt.Errorf("cannot write the key %s: %w", k.Name, err)
	}
	if err := fsys.WriteFile(filepath.Join(dir, k.Name+PublicSuffix), public, 0o644); err != nil {
		return fmt.Errorf("cannot write the key %s: %w", k.Name, err)
	}
	return nil
}

func exists(fsys durable.FS, path string) bool {
	_, err := fsys.Lstat(path)
	return err == nil
}

// ReadKeys reads key files, and all of those that lie in folders. A key whose
// private half is among them can sign.
func ReadKeys(fsys durable.FS, passphrase Passphrase, paths ...string) ([]*Key, error) {
	var list []string
	for _, p := range paths {
		info, err := fsys.Stat(p)
		if err != nil {
			return nil, &step.UserError{Msg: "cannot read a key", Err: err, Now: "name a key file, or a folder of them"}
		}
		if !info.IsDir() {
			list = append(list, p)
			continue
		}
		entries, err := fsys.ReadDir(p)
		if err != nil {
			return nil, fmt.Errorf("cannot look for keys: %w", err)
		}
		found := len(list)
		for _, e := range entries {
			if strings.HasSuffix(e.Name, PrivateSuffix) || strings.HasSuffix(e.Name, PublicSuffix) {
				list = append(list, filepath.Join(p, e.Name))
			}
		}
		if len(list) == found {
			return nil, mistake("upkeep vendor keys create makes keys", "there is no key in "+p)
		}
	}
	var out []*Key
	for _, p := range list {
		text, err := fsys.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("cannot read a key: %w", err)
		}
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(p), PrivateSuffix), PublicSuffix)
		k, err := ParseKey(name, text, passphrase)
		if err != nil {
			return nil, &step.UserError{Msg: "cannot read the key " + p, Err: err, Now: "take it from where you keep its copy"}
		}
		if i := slices.IndexFunc(out, func(o *Key) bool { return o.ID == k.ID }); i < 0 {
			out = append(out, k)
		} else if !out[i].CanSign() {
			out[i] = k
		}
	}
	return out, nil
}
