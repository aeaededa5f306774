package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Sum computes the digest that the plan must carry: SHA-256 over its JSON
// with an empty Digest. encoding/json sorts maps, so equal plans give equal
// bytes.
func (p *Plan) Sum() string {
	c := *p
	c.Digest = ""
	raw, err := json.Marshal(c)
	if err != nil {
		// every field marshals; a failure would be a bug of this package
		panic("plan: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
