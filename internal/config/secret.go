package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Hidden stands where a secret stood.
const Hidden = "[hidden]"

// secretWords are what names of secrets have in them.
const secretWords = `(?:pass(?:word|wd|phrase|code)|\bpass|_pass|(?:require|db|user|smtp|admin|auth|ldap|mysql|pg)[-_.]?pass|pwd|secret|token|credentials?|masterauth|salt|(?:api|access|private|auth|secret|signing|encryption|licen[cs]e|ssh|shared|account|master|service)[-_. ]?key|dsn|connection[-_ ]?string)`

var (
	secretName = regexp.MustCompile(`(?i)` + secretWords + `s?$|` + secretWords + `[-_.]`)
	// secretLine finds a name, a sign or blanks, and then the secret.
	secretLine = regexp.MustCompile(`(?im)^([^\n]*?[\w.$>\[\]"'-]*` + secretWords + `[\w"'\]]*[ \t]*(?:=>|[=:,]|[ \t])[ \t]*)([^\s\n][^\n]*)$`)
	proseLine  = regexp.MustCompile(`^[ \t]*(?:#|;|//|\*|/\*|<!--|!)`)
	address    = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#:@'"]*:)([^\s/?#@'"]+)(@)`)
	pem        = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`)
)

// Secret says whether a key is one of a secret, by its name.
func Secret(key string) bool {
	key = strings.TrimRight(key, `"'] `)
	if i := strings.LastIndexAny(key, "./ @["); i >= 0 && i+1 < len(key) {
		return secretName.MatchString(key) || secretName.MatchString(key[i+1:])
	}
	return secretName.MatchString(key)
}

// Hide takes secrets out of a text, by the names of their keys, by the form of
// addresses with a password, and by that of private keys. Also is asked to take
// out more; it may be nil.
func Hide(text []byte, f Format, also func(string) string) []byte {
	if g := grammarOf(f); g != nil {
		if root, err := parse(g, text); err == nil {
			text = apply(text, secretsOf(root, "", false, nil))
		}
	}
	return []byte(HideText(string(text), also))
}

// secretsOf are the places of secrets below a node. All that stands in a secret
// is one, but for what tells elements apart.
func secretsOf(n *node, parent string, within bool, out []edit) []edit {
	for _, k := range n.kids {
		name := k.name
		if name == "#text" {
			name = parent
		}
		told := strings.EqualFold(name, "@key") || strings.EqualFold(name, "@name") || strings.EqualFold(name, "@id")
		secret := (within || Secret(name)) && !told
		for _, p := range append([]*node{k}, k.more...) {
			switch {
			case secret && !p.branch && p.value.to > p.value.from:
				out = append(out, edit{p.value, Hidden})
			case p.branch:
				out = secretsOf(p, name, secret, out)
			}
		}
	}
	return out
}

// HideText takes secrets out of a text of no format.
func HideText(text string, also func(string) string) string {
	text = pem.ReplaceAllString(text, Hidden)
	text = address.ReplaceAllString(text, "${1}"+Hidden+"${3}")
	text = secretLine.ReplaceAllStringFunc(text, func(line string) string {
		if proseLine.MatchString(line) && !strings.ContainsAny(line, "=:") {
			return line // words about a secret
		}
		m := secretLine.FindStringSubmatch(line)
		if strings.HasPrefix(m[2], Hidden) || strings.HasPrefix(m[2], `"`+Hidden) || strings.HasPrefix(m[2], `'`+Hidden) {
			return line
		}
		return m[1] + Hidden
	})
	if also != nil {
		text = also(text)
	}
	return text
}

// DiffHidden is Diff without secrets. Lines that differ in a secret alone are
// shown once, with a tilde before them.
func DiffHidden(old, new []byte, f Format, also func(string) string) []string {
	a, b := Hide(old, f, also), Hide(new, f, also)
	out := Diff(a, b)
	if bytes.Equal(a, b) || len(split(a)) != len(split(old)) || len(split(b)) != len(split(new)) {
		if bytes.Equal(a, b) && !bytes.Equal(old, new) {
			out = append(out, "~a secret is another")
		}
		return out
	}
	hidden, real := split(a), split(old)
	others := split(new)
	in := matches(hidden, split(b), 0)
	for i, to := range in {
		if to >= 0 && real[i] != others[to] {
			line := fmt.Sprintf("~%s (another)", strings.TrimRight(hidden[i], "\r\n"))
			if !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out
}
