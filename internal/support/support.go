// Package support makes the archive that is sent to whoever helps: texts, from
// which secrets are taken out on their way in. It is told the secrets that are
// known, and knows the forms of many others. It imports nothing of Upkeep.
package support

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Removed stands where a secret stood.
const Removed = "[removed]"

// shortest is the length below which a value is no secret that could be told
// from an ordinary word.
const shortest = 4

// Redactor takes secrets out of texts.
type Redactor struct {
	values *strings.Replacer
	forms  []*regexp.Regexp
}

// NewRedactor knows the values of some secrets, and finds them as they are, as
// addresses and JSON write them, and in base64; beside them the forms of
// secrets that are common.
func NewRedactor(secrets []string) *Redactor {
	var pairs []string
	seen := map[string]bool{}
	secrets = slices.Clone(secrets)
	// a secret that is part of another must not hide the other's rest
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		for _, v := range writings(strings.TrimSpace(s)) {
			if len(v) >= shortest && !seen[v] {
				seen[v] = true
				pairs = append(pairs, v, Removed)
			}
		}
	}
	return &Redactor{values: strings.NewReplacer(pairs...), forms: forms()}
}

func writings(s string) []string {
	if len(s) < shortest {
		return nil
	}
	quoted, _ := json.Marshal(s)
	out := []string{s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(s))}
	for _, line := range strings.Split(s, "\n") { // of a key in several lines
		if line = strings.TrimSpace(line); len(line) >= 16 {
			out = append(out, line)
		}
	}
	return out
}

// forms are those of secrets whose first group, or else the whole match, is the
// secret. The prefixes of tokens are those that their issuers document, so that
// scanners find them.
func forms() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, f := range []string{
		`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`,
		`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b`,                               // Amazon
		`\bgh[pousr]_[0-9A-Za-z]{36,255}\b`,                                     // GitHub
		`\bgithub_pat_[0-9A-Za-z_]{22,255}\b`,                                   // GitHub
		`\bgl(?:pat|dt|rt|ptt|ft|soat|cbt)-[0-9A-Za-z_-]{20,}`,                  // GitLab
		`\bxox[abeoprs]-[0-9A-Za-z-]{10,}`,                                      // Slack
		`\bhttps://hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z/+]{20,}`, // Slack
		`\b[sr]k_(?:live|test|prod)_[0-9A-Za-z]{10,}`,                           // Stripe
		`\bAIza[0-9A-Za-z_-]{35}`,                                               // Google
		`\bya29\.[0-9A-Za-z_-]{20,}`,                                            // Google
		`\bnpm_[0-9A-Za-z]{36}\b`,                                               // npm
		`\bpypi-[0-9A-Za-z_-]{50,}`,                                             // PyPI
		`\bSG\.[0-9A-Za-z_-]{20,24}\.[0-9A-Za-z_-]{39,50}`,                      // SendGrid
		`\bhv[sb]\.[0-9A-Za-z_-]{20,}`,                                          // Vault
		`\bdop_v1_[0-9a-f]{64}\b`,                                               // DigitalOcean
		`\bey[A-Za-z0-9_-]{17,}\.ey[A-Za-z0-9_-]{17,}\.[A-Za-z0-9_-]{10,}`,      // JSON web tokens (RFC 7519)
		`(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|digest|token|negotiate)\s+)?([^\s"',;]+)`,
		`(?i)\b(?:set-)?cookie["']?\s*:\s*["']?([^"'\r\n]+)`,
		`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#:@'"]*:([^\s/?#@'"]+)@`,
		`(?i)\b[a-z0-9_.-]*(?:password|passwd|passphrase|pwd|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|credentials?)["']?\s*(?:=>|[:=])\s*(\$\{[^}]*\}|"[^"\r\n]+"|'[^'\r\n]+'|[^\s,;&{}()\[\]"']+)`,
		`(?i)\bidentified by\s+('[^']*'|"[^"]*")`, // SQL
		`(?i)(?:^|\s)--?(?:password|passwd|token|secret|api-key)[= ]+("[^"]+"|'[^']+'|[^\s"']+)`,
	} {
		out = append(out, regexp.MustCompile(f))
	}
	return out
}

// reference is a value that only says where a secret is.
var reference = regexp.MustCompile(`^["']?(?:\$\{[^}]*\}|file:|env:|null$|true$|false$)`)

// Text takes the secrets out of a text.
func (r *Redactor) Text(s string) string {
	s = r.values.Replace(s)
	for _, f := range r.forms {
		s = replace(f, s)
	}
	return s
}

func replace(f *regexp.Regexp, s string) string {
	var b strings.Builder
	end := 0
	for _, m := range f.FindAllStringSubmatchIndex(s, -1) {
		from, to := m[0], m[1]
		if len(m) > 2 && m[2] >= 0 {
			from, to = m[2], m[3]
		}
		if v := s[from:to]; reference.MatchString(v) || strings.Contains(v, Removed) && len(v) <= len(Removed)+2 {
			continue
		}
		b.WriteString(s[end:from])
		b.WriteString(Removed)
		end = to
	}
	return b.String() + s[end:]
}

// Archive is a tar, packed with zstd, of texts below one folder.
type Archive struct {
	folder string
	redact *Redactor
	at     time.Time
	tar    *tar.Writer
	zstd   *zstd.Encoder
	Names  []string // of what is in it
}

// NewArchive writes to w; at is the time of its files.
func NewArchive(w io.Writer, folder string, at time.Time, redact *Redactor) (*Archive, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("cannot make the archive: %w", err)
	}
	return &Archive{folder: folder, redact: redact, at: at, tar: tar.NewWriter(z), zstd: z}, nil
}

// Add puts a text in, without its secrets.
func (a *Archive) Add(name, text string) error {
	body := []byte(a.redact.Text(text))
	err := a.tar.WriteHeader(&tar.Header{Name: a.folder + "/" + name, Mode: 0o600, Size: int64(len(body)), ModTime: a.at, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.Copy(a.tar, bytes.NewReader(body))
	}
	if err != nil {
		return fmt.Errorf("cannot add %s to the archive: %w", name, err)
	}
	a.Names = append(a.Names, name)
	return nil
}

// JSON adds a value as JSON.
func (a *Archive) JSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot add %s to the archive: %w", name, err)
	}
	return a.Add(name, string(b)+"\n")
}

// Close ends the archive; w is the caller's.
func (a *Archive) Close() error {
	err := a.tar.Close()
	if zerr := a.zstd.Close(); err == nil {
		err = zerr
	}
	if err != nil {
		return fmt.Errorf("cannot end the archive: %w", err)
	}
	return nil
}
