package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/site"
)

// Scope resolves references such as ${param.root}. It is a value: With gives
// a copy that knows more.
type Scope struct {
	values  map[string]string    // "param.root" to its value, unresolved for dirs
	secrets map[string]SecretRef // "param.password"
	missing map[string]string    // "param.x" to what the administrator must do
}

// NewScope gives the scope of a product at a site. Defaults are the
// parameters whose default a probe has read, values the named facts.
func NewScope(p *manifest.Product, s *site.Installation, defaults, facts map[string]string) *Scope {
	sc := &Scope{values: map[string]string{}, secrets: map[string]SecretRef{}, missing: map[string]string{}}
	for id, dir := range p.Dirs {
		sc.values["dir."+id] = dir
	}
	for id, v := range facts {
		sc.values["fact."+id] = v
	}
	for id, param := range p.Params {
		key := "param." + id
		given, ok := s.Params[id]
		switch {
		case param.Secret() && (!ok || given.Ref == nil):
			sc.missing[key] = fmt.Sprintf("the parameter %q is a secret: give it under params: in the installation document as {file: PATH} or {env: NAME}, never as a text", id)
		case ok && given.Ref != nil:
			sc.secrets[key] = SecretRef{File: given.Ref.File, Env: given.Ref.Env}
		case ok:
			sc.values[key] = given.Text
		case defaults[id] != "":
			sc.values[key] = defaults[id]
		case param.Default != nil && param.Default.Probe == nil:
			sc.values[key] = param.Default.Value
		default:
			sc.missing[key] = fmt.Sprintf("the parameter %q has no value: add it under params: in the installation document", id)
		}
	}
	sc.values["installation.id"] = s.ID
	if p.Chosen != nil {
		sc.values["choice.components"], sc.values["choice.features"] = strings.Join(p.Chosen.Brought, ","), strings.Join(p.Chosen.Features, ",")
	}
	return sc
}

// With gives a copy in which the pairs key, value, … are known too.
func (sc *Scope) With(pairs ...string) *Scope {
	c := &Scope{values: maps.Clone(sc.values), secrets: sc.secrets, missing: sc.missing}
	for i := 0; i+1 < len(pairs); i += 2 {
		c.values[pairs[i]] = pairs[i+1]
	}
	return c
}

// Secret gives the reference when the text is exactly one reference to a
// secret parameter.
func (sc *Scope) Secret(text string) (SecretRef, bool) {
	key, ok := strings.CutPrefix(text, "${")
	key, ok2 := strings.CutSuffix(key, "}")
	if !ok || !ok2 {
		return SecretRef{}, false
	}
	ref, found := sc.secrets[key]
	return ref, found
}

// late are the references whose value is known only while a step runs; they
// stay as they are.
var late = []string{"value", "file", "run.start", "run.id"}

// Expand resolves all references of a text. An unknown reference, a missing
// parameter and a secret in a text are errors.
func (sc *Scope) Expand(text string) (string, error) {
	budget := maxReferences
	return sc.expand(text, nil, &budget)
}

// A text may resolve this many references and grow to this many bytes, so
// that a few lines which name each other cannot fill the memory.
const (
	maxReferences = 1000
	maxText       = 64 << 10
)

func (sc *Scope) expand(text string, seen []string, budget *int) (string, error) {
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		n := strings.IndexByte(text[i:], '}')
		if n < 0 {
			return "", fmt.Errorf("the reference %q has no closing brace", text[i:])
		}
		key := text[i+2 : i+n]
		out.WriteString(text[:i])
		text = text[i+n+1:]
		if slices.Contains(late, key) {
			out.WriteString("${" + key + "}")
			continue
		}
		if slices.Contains(seen, key) {
			return "", fmt.Errorf("the references %s lead in a circle", strings.Join(append(seen, key), " → "))
		}
		v, ok := sc.values[key]
		if !ok {
			return "", sc.unknown(key)
		}
		if *budget--; *budget < 0 {
			return "", fmt.Errorf("${%s} leads to more than %d references", key, maxReferences)
		}
		v, err := sc.expand(v, append(slices.Clip(seen), key), budget)
		if err != nil {
			return "", err
		}
		if out.Len()+len(v) > maxText {
			return "", fmt.Errorf("${%s} makes a text of more than %d bytes", key, maxText)
		}
		out.WriteString(v)
	}
}

func (sc *Scope) unknown(key string) error {
	if _, secret := sc.secrets[key]; secret {
		return fmt.Errorf("${%s} is a secret: it can be a whole connection string, password or environment value, never part of a text", key)
	}
	if why, ok := sc.missing[key]; ok {
		return fmt.Errorf("%s", why)
	}
	return fmt.Errorf("there is no ${%s}", key)
}

// ExpandAll resolves every text of a list.
func (sc *Scope) ExpandAll(texts []string) ([]string, error) {
	out := make([]string, len(texts))
	for i, t := range texts {
		v, err := sc.Expand(t)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// Public gives the values of the parameters that are no secrets.
func (sc *Scope) Public() map[string]string {
	out := map[string]string{}
	for k := range sc.values {
		if id, ok := strings.CutPrefix(k, "param."); ok {
			if v, err := sc.Expand("${" + k + "}"); err == nil {
				out[id] = v
			}
		}
	}
	return out
}
