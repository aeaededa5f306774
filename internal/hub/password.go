package hub

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The second of the two sets that RFC 9106 recommends, for where memory is scarce:
// argon2id with 64 MiB.
func rfc9106() cost { return cost{time: 3, memory: 64 << 10, threads: 4} }

// cost is what one look at a password takes.
type cost struct {
	time, memory uint32 // passes; KiB
	threads      uint8
}

// Sizes, in bytes.
const (
	saltSize = 16
	keySize  = 32
)

// hashingMost is how many passwords are looked at at a time: each takes 64 MiB.
const hashingMost = 2

// hashed is what is kept of a password, in the form of argon2's reference.
func (p *People) hashed(password string) string {
	p.hashing <- struct{}{}
	defer func() { <-p.hashing }()
	salt, c := make([]byte, saltSize), p.cost
	_, _ = rand.Read(salt) // never fails
	return c.hash(salt, argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, keySize))
}

func (c cost) hash(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// rightPassword says whether the password is the one that was kept. What cannot be
// read is nobody's.
func (p *People) rightPassword(kept, password string) bool {
	h, ok := parseHash(kept)
	if !ok {
		return false
	}
	p.hashing <- struct{}{}
	defer func() { <-p.hashing }()
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

type hash struct {
	cost
	salt, key []byte
}

func parseHash(kept string) (h hash, ok bool) {
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, false
	}
	var one, two error
	h.salt, one = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, two = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	// nobody who can write the file is to have us take all memory, or forever
	ok = one == nil && two == nil && len(h.salt) >= 8 && len(h.salt) <= 64 && len(h.key) >= 16 && len(h.key) <= 64 &&
		h.time >= 1 && h.time <= 16 && h.threads >= 1 && h.threads <= 16 && h.memory >= 8*uint32(h.threads) && h.memory <= 1<<20
	return h, ok
}

// nobodys is what a password is compared with where there is no such name: that
// takes as long as with one.
func (c cost) nobodys() string { return c.hash(make([]byte, saltSize), make([]byte, keySize)) }
