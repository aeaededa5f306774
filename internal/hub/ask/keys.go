package ask

import "context"

// CertificateQuery asks for the page's certificate. Have is the ID of the one that
// the page has already.
type CertificateQuery struct {
	Have string `json:"have,omitempty"`
}

// Certificate is what the page shows to browsers. Its key stays with the engine
// side, which signs with it.
type Certificate struct {
	ID    string   `json:"id"`              // sum of the first of the chain
	Chain [][]byte `json:"chain,omitempty"` // DER; empty where the page has it
}

// SignQuery asks for a signature of the beginning of a connection.
type SignQuery struct {
	ID     string `json:"id"`
	Digest []byte `json:"digest"`
	Hash   uint   `json:"hash"`          // as package crypto numbers them; 0: the digest is the message
	PSS    bool   `json:"pss,omitempty"` // RSA-PSS with a salt as long as the hash
}

// Signature is the answer.
type Signature struct {
	Signature []byte `json:"signature"`
}

// Certificate gives the page's certificate as it is now.
func (c *Client) Certificate(ctx context.Context, q CertificateQuery) (Certificate, error) {
	return call[Certificate](ctx, c, "", "certificate", q)
}

// Sign signs with its key.
func (c *Client) Sign(ctx context.Context, q SignQuery) (Signature, error) {
	return call[Signature](ctx, c, "", "sign", q)
}
