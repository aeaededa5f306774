package manifest

import (
	"slices"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/document/nearest"
)

// fixedRefs are the references that Upkeep knows by itself, wherever a text may
// hold references.
func fixedRefs() []string {
	return []string{"this.path", "this.component", "this.instance", "this.pools", "backup.path", "backup.file", "choice.components", "choice.features", "installation.id", "node.name", "run.id", "run.start"}
}

func (l *linter) nothing(document.Pos, string, use) {}

// Refs gives the references of a text, ${ns.name}, without the signs around
// them. ok is false when one is not closed.
func Refs(text string) (refs []string, ok bool) {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return refs, true
		}
		n := strings.IndexByte(text[i:], '}')
		if n < 0 {
			return refs, false
		}
		refs, text = append(refs, text[i+2:i+n]), text[i+n+1:]
	}
}

// text checks the references in a text.
func (l *linter) text(at document.Pos, text string, u use) {
	refs, ok := Refs(text)
	if !ok {
		l.errorf(at, "unknown-reference", "close it with }", "the reference in %q is not closed", text)
		return
	}
	for _, ref := range refs {
		l.ref(at, ref, text == "${"+ref+"}", u)
	}
}

func (l *linter) ref(at document.Pos, ref string, whole bool, u use) {
	switch {
	case slices.Contains(fixedRefs(), ref),
		u == hookText && (ref == "phase" || ref == "component"),
		u == writeText && ref == "value",
		u == fileText && ref == "file":
		return
	case ref == "value" || ref == "phase" || ref == "component" || ref == "file":
		where := map[string]string{"value": "the write step of a setting", "file": "a validator of configuration files", "phase": "a hook folder", "component": "a hook folder"}[ref]
		l.errorf(at, "unknown-reference", "", "${%s} is known only in %s", ref, where)
		return
	}
	ns, name, _ := strings.Cut(ref, ".")
	var names []string
	switch {
	case !slices.Contains([]string{"param", "dir", "fact"}, ns):
		known := append(fixedRefs(), "param.NAME", "dir.NAME", "fact.NAME")
		l.errorf(at, "unknown-reference", Meant(ref, known), "there is no ${%s}", ref)
		return
	case l.p == nil:
		return
	case ns == "param":
		names = sorted(l.p.Params)
		if l.p.Params[name].Secret() {
			l.secretRef(at, ref, whole, u)
		}
	case ns == "dir":
		names = sorted(l.p.Dirs)
	case ns == "fact":
		names = Facts(l.p, l.r)
	}
	if slices.Contains(names, name) {
		return
	}
	if near := nearest.Word(name, names); near != "" || ns == "fact" {
		l.errorf(at, "unknown-reference", Meant(name, names), "there is no ${%s}", ref)
		return
	}
	// Nothing like it is declared: not a typing error, but a declaration that
	// is still to be written. The planner refuses until it is.
	what := map[string]string{"param": "parameter", "dir": "folder"}[ns]
	l.warnf(at, "undeclared-reference", "declare it under "+ns+"s", "${%s} refers to the %s %q, which is not declared", ref, what, name)
}

// secretRef: a secret is handed on as a whole, by file, environment or a
// database connection, never in an argument or a longer text.
func (l *linter) secretRef(at document.Pos, ref string, whole bool, u use) {
	switch {
	case u == argument || u == writeText:
		l.errorf(at, "secret-in-argument", "hand it on in env", "${%s} is a secret: other users of the computer can read the arguments of commands", ref)
	case u == hookText && whole:
	case u != wholeSecret || !whole:
		l.errorf(at, "secret-in-text", "use it alone, as a connection string, a password or a value of env", "${%s} is a secret and cannot be part of this text", ref)
	}
}
