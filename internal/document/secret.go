package document

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Patterns of secrets that are recognised wherever they stand. The group is the
// secret itself. They are read only.
var (
	urlPassword   = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#:@'"]*:([^\s/?#@'"]+)@`)
	dsnPassword   = regexp.MustCompile(`(?i)(?:^|[\s;?&])(?:password|passwd|pwd|sslpassword)\s*=\s*('[^']+'|[^\s;&'"]+)`)
	privateKey    = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----`)
	secretName    = regexp.MustCompile(`(?i)(^|[_.-])(password|passwd|passphrase|pwd|secret|token|api[_.-]?key|private[_.-]?key|licen[cs]e[_.-]?key|credentials?)([_.-]|$)`)
	secretValue   = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|pwd|secret|token|api[_.-]?key)["']?\s*:\s+("[^"]*"|'[^']*'|[^\s,{}\[\]"']+)`)
	onlyReference = regexp.MustCompile(`^\$\{[^}]*\}$`)
)

// SecretIn says what secret seems to stand in a text: "a password in a URL",
// "a password in a connection string", "a private key"; "" for none. A
// reference such as ${param.x} is none.
func SecretIn(text string) string {
	if privateKey.MatchString(text) {
		return "a private key"
	}
	for _, m := range urlPassword.FindAllStringSubmatch(text, -1) {
		if !onlyReference.MatchString(m[1]) {
			return "a password in a URL"
		}
	}
	for _, m := range dsnPassword.FindAllStringSubmatch(text, -1) {
		if !onlyReference.MatchString(m[1]) {
			return "a password in a connection string"
		}
	}
	return ""
}

// SecretName reports whether a key's name says that its value is a secret.
func SecretName(key string) bool { return secretName.MatchString(key) }

// Redact replaces the secrets that SecretIn recognises by as many asterisks.
func Redact(text string) string { return redact(text, urlPassword, dsnPassword) }

// RedactLine is Redact for a line of a document: there, a value whose key
// speaks of a secret is replaced too.
func RedactLine(line string) string { return redact(line, urlPassword, dsnPassword, secretValue) }

func redact(text string, patterns ...*regexp.Regexp) string {
	for _, p := range patterns {
		var b strings.Builder
		end := 0
		for _, m := range p.FindAllStringSubmatchIndex(text, -1) {
			b.WriteString(text[end:m[2]])
			b.WriteString(stars(text[m[2]:m[3]]))
			end = m[3]
		}
		text = b.String() + text[end:]
	}
	return text
}

// stars keeps the number of characters, so that a caret below stays right.
func stars(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }

// NoSecrets records an error for every scalar below n in which a secret seems
// to be written.
func (d *Decoder) NoSecrets(n *Node) {
	n.Walk(func(s *Node) {
		if s.Kind != Scalar {
			return
		}
		if what := SecretIn(s.Value); what != "" {
			d.Hide(s)
			for _, p := range []*regexp.Regexp{urlPassword, dsnPassword} {
				for _, m := range p.FindAllStringSubmatch(s.Value, -1) {
					d.hidden = append(d.hidden, m[1])
				}
			}
			d.Errorf(s.Pos, "keep it in a file or the environment and refer to it: {file: PATH} or {env: NAME}",
				"%s is written in the document", what)
		}
	})
}

// SecretRef reads a value that must be a reference to a secret: {file: PATH} or
// {env: NAME}. A secret written out is an error that does not show it.
func (d *Decoder) SecretRef(n *Node, what string) (file, env string) {
	if n == nil {
		return "", ""
	}
	if n.Kind == Scalar {
		d.Hide(n)
		d.Errorf(n.Pos, "write {file: PATH} or {env: NAME}", "%s is a secret and cannot be written in the document", what)
		return "", ""
	}
	m := d.Map(n, what)
	file, env = m.String("file"), m.String("env")
	m.Done()
	if !m.Bad() && m.Has("file") == m.Has("env") {
		d.Errorf(n.Pos, "write {file: PATH} or {env: NAME}", "%s needs exactly one reference", what)
	}
	return file, env
}
