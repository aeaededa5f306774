package schema

import (
	"maps"
	"slices"

	"github.com/invopop/jsonschema"

	"upkeep/internal/channel"
	"upkeep/internal/manifest"
	"upkeep/internal/site"
	"upkeep/internal/version"
)

// property finds a key of a definition.
func (b *builder) property(def, key string) *jsonschema.Schema {
	if d := b.defs[def]; d != nil && d.Properties != nil {
		if p, ok := d.Properties.Get(key); ok {
			return p
		}
	}
	b.fail("%s has no key %s", def, key)
	return &jsonschema.Schema{}
}

// words restricts a key to some words.
func (b *builder) words(def, key string, words ...string) {
	p := b.property(def, key)
	for _, w := range words {
		p.Enum = append(p.Enum, w)
	}
}

// replace gives a key another shape.
func (b *builder) replace(def, key string, s *jsonschema.Schema) {
	*b.property(def, key) = *s
}

func texts(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}

// required gives one alternative for each key: that it is there.
func required(keys ...string) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	for _, key := range keys {
		all = append(all, &jsonschema.Schema{Required: []string{key}})
	}
	return all
}

func phaseNames() []string {
	var all []string
	for _, p := range manifest.Phases() {
		all = append(all, string(p))
	}
	return all
}

// manifestRules says what the Go types alone do not.
func (b *builder) manifestRules() {
	b.words("Param", "type", "string", "path", "bool", "int", "secret")
	b.words("Param", "ask", "install", "always", "when-needed")
	b.words("Role", "order", "children-first", "parents-first")
	b.replace("Role", "nodes", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer", Minimum: "1"}, {Enum: []any{"many"}}}})
	b.words("Component", "kind", "tree", "package", "installer", "command", "sqlite", "postgres", "mariadb", "mssql")
	b.words("Component", "migrates", "at-start")
	b.words("Config", "edited", "take-new", "keep", "merge")
	b.replace("Config", "formats", &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Enum: []any{"yaml", "json", "xml", "ini", "properties", "keyword", "lines"}}})
	b.words("Access", "users", "read", "none")
	b.words("Backup", "keep", "until-finished", "forever")
	b.words("Backup", "place", "local", "remote")
	b.words("Setting", "type", "string", "bool", "int")
	b.words("HookSet", "by", "vendor", "site")
	b.words("HookSet", "phase", append(phaseNames(), "any")...)
	b.words("HookSet", "on-failure", "back", "warn")
	b.words("Group", "choose", "one", "many")
	b.words("Check", "level", "blocker", "warning", "info")
	b.words("Check", "acknowledge", "each", "all")
	b.replace("Check", "role", oneOrMany())
	b.replace("Check", "moments", listOf(&jsonschema.Schema{Enum: []any{"open", "check", "begin"}}))
	b.replace("Fixes", "choose", listOf(&jsonschema.Schema{Enum: []any{manifest.AllLatest, manifest.Pick}}))
	for _, def := range []string{"Product", "Fixes", "Fix"} {
		b.replace(def, "families", &jsonschema.Schema{Type: "array", Items: text(), MinItems: atLeast(1), UniqueItems: true})
	}
	b.replace("Feed", "cache", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{text(), ref("FeedCache")}})
	b.defs["FeedCache"].Required = []string{"file"}
	b.defs["Feed"].OneOf = required("command", "http")
	b.replace("Service", "ports", listOf(ref("Literal")))
	b.replace("Route", "settings", &jsonschema.Schema{Type: "object", AdditionalProperties: ref("Literal")})
	for _, key := range []string{"run", "start", "stop"} {
		b.replace("Service", key, ref("Command"))
	}
	b.replace("Product", "access", b.accessModes())
	b.nullable("Component")
	b.describe("Product", map[string]string{
		"triggers": "what may start a run", "params": "inputs of the administrator", "facts": "named probes",
		"dirs": "places, for ${dir.NAME}", "env": "declared environment of every command", "roles": "what computers are in the product",
		"same-version": "roles whose versions must agree",
		"families":     "families of fixes that releases carry", "components": "units, each with its own way to tell its version",
		"services": "in the order in which they start; they stop in reverse", "access": "modes of the product's own that keep users out",
		"backups": "where the default does not fit", "settings": "values that are read before and applied again after",
		"hooks": "folders of scripts", "features": "what the operator chooses", "remedies": "symptoms and what helps, for the doctor",
		"feed": "where published releases are found", "self-upgrade": "what upgrades the product's own upgrade tool", "support": "whom to ask",
	})
	b.describe("Release", map[string]string{
		"requires": "the lowest Upkeep that can carry it out",
		"facts":    "named probes, beside those of the product", "routes": "versions that it can be reached from",
		"blocked": "versions that it must not be reached from, though a route says so, and why", "checks": "readiness conditions",
		"payloads": "component to file of the bundle", "versions": "component to the version that is read back afterwards",
		"procedure": "steps added to the phases; order, barrier and reopening are Upkeep's own",
	})
}

func (b *builder) accessModes() *jsonschema.Schema {
	modes := object()
	modes.Properties.Set("read-only", ref("Access"))
	modes.Properties.Set("maintenance", ref("Access"))
	return modes
}

// nullable lets a definition be left empty, as in "agent:".
func (b *builder) nullable(def string) {
	inner := *b.defs[def]
	b.defs[def] = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{&inner, {Type: "null"}}}
}

func (b *builder) describe(def string, texts map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		p := b.property(def, key)
		if p.Ref != "" { // a reference stands alone: some editors ignore what is beside it
			*p = jsonschema.Schema{AllOf: []*jsonschema.Schema{{Ref: p.Ref}}}
		}
		p.Description = texts[key]
	}
}

func (b *builder) installationRules() {
	b.words("Installation", "on-failure", "origin", "stay")
	b.words("Installation", "rehearse", "data")
	b.words("Gate", "use", "auto", "never")
	b.replace("Gate", "ports", listOf(ref("Literal")))
	b.replace("BackupPlace", "keep", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer", Minimum: "1", Maximum: "1000"},
		{Type: "string", Pattern: `^(until-finished|(last )?[0-9]+|((last )?[0-9]+, *)?[0-9]+ (day|week|month|year)s?|[0-9]+ (day|week|month|year)s?, *(last )?[0-9]+)$`}}})
	b.replace("BackupPlace", "bandwidth", &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|B)/s$`})
	b.feedRules()
	b.defs["TrustedKey"].OneOf = required("file", "key")
	b.property("TrustedKey", "key").Pattern = `^[0-9a-f]{64}$`
	b.words("BackupPlace", "priority", "low")
	b.words("BackupPlace", "prove", "never", "ahead", "always")
	b.property("Encryption", "recipients").Items = &jsonschema.Schema{Type: "string", Pattern: `^age1[0-9a-z]{20,}$`}
	b.defs["Encryption"].Required = []string{"recipients"}
	b.words("BackupPlace", "engine", "archive", "restic")
	byRestic := object()
	byRestic.Properties.Set("engine", &jsonschema.Schema{Const: "restic"})
	byRestic.Required, byRestic.AdditionalProperties = []string{"engine"}, nil
	place := b.defs["BackupPlace"]
	place.If, place.Then = byRestic, &jsonschema.Schema{Required: []string{"repository", "password"}, Not: required("encrypt")[0]}
	place.Else = &jsonschema.Schema{Not: &jsonschema.Schema{AnyOf: required("repository", "password", "environment", "program")}}
	b.words("Hook", "phase", append(phaseNames(), "any")...)
	b.replace("Installation", "edited", &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Enum: []any{"keep-aside", "discard", "keep", "merge"}}})
	b.replace("Installation", "notify", ref("Command"))
	for _, key := range []string{"from", "to"} {
		b.property("Window", key).Pattern = `^([01][0-9]|2[0-3]):[0-5][0-9]$`
	}
	b.defs["Window"].Required = []string{"from", "to"}
	b.defs["Freeze"].Required = []string{"from", "to", "why"}
	b.notificationRules()
	b.property("Installation", "installation").Required = []string{"id", "product"}
	b.describe("Installation", map[string]string{
		"backup": "where restore points are kept", "feed": "where releases come from, and what is believed of it", "trust": "by trigger, whose signature under a pushed bundle is accepted", "nodes": "computers; none: this computer has every role",
		"instances": "component to its instances; none: one each, at the product's place", "params": "values of the product's parameters; secrets only as references",
		"choices": "chosen features", "waivers": "accepted checks", "edited": "files that the site edited, and what becomes of them",
		"hooks": "the site's own folders of scripts", "notify": "command that tells people", "time-zone": "of windows, freezes and scheduled starts; none: this computer's",
		"windows": "when runs may begin", "freezes": "when none does all the same", "notifications": "who is told of upgrades, by mail or webhook",
		"gate": "how users are kept out", "on-failure": "where a failed run of several hops goes back to", "rehearse": "what is tried on a copy before anything is closed", "limits": "deadline of a verb or a step",
	})
}

// notificationRules says who is told, and how.
func (b *builder) notificationRules() {
	file := object()
	file.Properties.Set("file", text())
	file.Required = []string{"file"}
	n := b.defs["Notification"]
	n.Required, n.OneOf = []string{"id", "for"}, required("mail", "webhook")
	b.words("Notification", "for", site.Administrators, site.Users)
	var events []any
	for _, e := range site.Events() {
		events = append(events, string(e))
	}
	b.replace("Notification", "events", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Enum: events}, MinItems: atLeast(1)})
	b.words("Mail", "tls", "starttls", "tls", "none")
	b.defs["Mail"].Required, b.defs["Webhook"].Required = []string{"server", "from", "to"}, []string{"url", "secret"}
	b.property("Webhook", "url").Pattern = `^https?://.`
	for _, key := range [][2]string{{"Mail", "ca"}, {"Mail", "password"}, {"Webhook", "ca"}, {"Webhook", "secret"}} {
		b.replace(key[0], key[1], file)
	}
}

func (b *builder) feedRules() {
	place := &jsonschema.Schema{Type: "string", Pattern: `^(https?://.|/)`}
	b.replace("Feed", "urls", listOf(place))
	b.defs["Feed"].Properties.Set("url", place)
	for _, key := range []string{"root", "ca"} {
		file := object()
		file.Properties.Set("file", text())
		file.Required = []string{"file"}
		b.replace("Feed", key, file)
	}
	b.words("Feed", "channel", channel.Stable, channel.Candidate)
	b.words("Feed", "install", "by-hand", "automatic")
	b.replace("Feed", "rate", &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|B)/s$`})
	b.property("Feed", "between").Pattern = `^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$`
	b.defs["Feed"].Required = []string{"root"}
	b.defs["Feed"].Not = &jsonschema.Schema{Required: []string{"url", "urls"}}
}

func orders() []any { return texts(version.Names()) }
