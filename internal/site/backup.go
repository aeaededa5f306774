package site

import (
	"path"
	"regexp"
	"strings"

	"upkeep/internal/document"
)

// BackupPlace is where restore points are kept, and how.
type BackupPlace struct {
	Dir       string     `json:"dir,omitempty"`       // default: restore-points in the state folder
	Keep      Retention  `json:"keep,omitzero"`       // which complete restore points stay
	Elsewhere bool       `json:"elsewhere,omitempty"` // the place must be kept by another computer
	Encrypt   Encryption `json:"encrypt,omitzero"`    // for whom they are encrypted
	Priority  string     `json:"priority,omitempty"`  // low: what is made while users work gives way to everything else
	Bandwidth int64      `json:"bandwidth,omitempty"` // bytes a second of what is written while users work; 0: no limit
	// Prove is when dumps are proven by restoring them into a scratch database: never,
	// ahead (those made while users work), always; empty: always, as far as rights
	// and room allow.
	Prove string `json:"prove,omitempty"`

	Engine      string           `json:"engine,omitempty"`      // archive (default), restic
	Repository  string           `json:"repository,omitempty"`  // restic: a folder, sftp:…, s3:…, rest:…
	Password    *SecretRef       `json:"password,omitempty"`    // restic: of the repository
	Environment map[string]Value `json:"environment,omitempty"` // restic: what it needs besides
	Program     string           `json:"program,omitempty"`     // restic: absolute; empty: in PATH
}

// Restic says whether restore points are kept by restic.
func (b BackupPlace) Restic() bool { return b.Engine == "restic" }

// Encryption says for whom restore points are encrypted.
type Encryption struct {
	Recipients []string   `json:"recipients,omitempty"` // age1…
	Identity   *SecretRef `json:"identity,omitempty"`   // what age-keygen writes; without it they cannot be read
}

// rate reads a number of bytes a second, such as "20 MiB/s".
func (d decoder) rate(n *document.Node, key, text string) int64 {
	size, perSecond := strings.CutSuffix(text, "/s")
	rate, err := document.ParseBytes(size, document.Decimal)
	if err != nil || !perSecond {
		d.Errorf(n.Pos, `write it as "20 MiB/s"`, `%q must be a size a second, not %q`, key, text)
	} else if rate < slowest {
		d.Errorf(n.Pos, "", `%q must be 1 KiB/s at least, not %q`, key, text)
	}
	return rate
}

// slowest is the least rate, in bytes a second: anything made with less
// would hardly end.
const slowest = 1 << 10

// recipient as age writes one, with one of its keys or with one that a quantum
// computer does not break.
var recipient = regexp.MustCompile(`^age1[0-9a-z]{20,}$`)

func (d decoder) backup(b *document.MapDecoder) BackupPlace {
	p := BackupPlace{Dir: d.text(b, "dir"), Elsewhere: b.Bool("elsewhere"), Priority: b.OneOf("priority", "low"), Prove: b.OneOf("prove", "never", "ahead", "always")}
	if n := b.Get("keep"); n != nil {
		text := b.Scalar("keep")
		var err error
		if p.Keep, err = ParseRetention(text); err != nil && n.Kind == document.Scalar {
			d.Errorf(n.Pos, `write how many ("last 3"), for how long ("30 days"), both ("last 3, 30 days"), or until-finished`, "%s", err)
		}
	}
	if n := b.Get("bandwidth"); n != nil {
		if text := b.Scalar("bandwidth"); n.Kind == document.Scalar {
			p.Bandwidth = d.rate(n, "bandwidth", text)
		}
	}
	if e := b.Map("encrypt"); e != nil {
		e.Required("recipients")
		p.Encrypt.Recipients = e.Strings("recipients")
		n := e.Get("recipients")
		if n != nil && n.Kind == document.List && len(n.Items) == 0 {
			d.Errorf(n.Pos, "name one, or remove encrypt:", "restore points cannot be encrypted for nobody")
		}
		for _, r := range p.Encrypt.Recipients {
			if !recipient.MatchString(r) {
				d.Errorf(n.Pos, "write the public key that age-keygen prints; it begins with age1", "this is no recipient of age")
				break
			}
		}
		if n := e.Get("identity"); n != nil {
			p.Encrypt.Identity = d.reference(n, `"identity"`)
		}
		e.Done()
	}
	d.engine(b, &p)
	b.Done()
	return p
}

// engine reads what keeps restore points.
func (d decoder) engine(m *document.MapDecoder, b *BackupPlace) {
	b.Engine = m.OneOf("engine", "archive", "restic")
	b.Repository, b.Program = d.text(m, "repository"), d.text(m, "program")
	if n := m.Get("password"); n != nil {
		b.Password = d.reference(n, "the password of the repository")
	}
	if env := m.Map("environment"); env != nil {
		b.Environment = map[string]Value{}
		env.Each(func(name string, k, v *document.Node) {
			if !environmentName.MatchString(name) || strings.HasPrefix(name, "RESTIC_") && !strings.HasPrefix(name, "RESTIC_REST_") {
				d.Errorf(k.Pos, "what restic is to do stands in keys of its own: repository, password, program, bandwidth", "%q cannot be set in the environment of restic", name)
			}
			b.Environment[name] = d.value(name, v)
		})
	}
	if !b.Restic() {
		for _, key := range []string{"repository", "password", "environment", "program"} {
			if n := m.Get(key); n != nil {
				d.Errorf(n.Pos, "write engine: restic beside it", "%q is for restic", key)
			}
		}
		return
	}
	m.Required("repository", "password")
	if n := m.Get("encrypt"); n != nil {
		d.Errorf(n.Pos, "remove it", "restic encrypts restore points itself, with the password of the repository")
	}
	if n := m.Get("repository"); n != nil && b.Repository != "" && !path.IsAbs(b.Repository) && !remote.MatchString(b.Repository) {
		d.Errorf(n.Pos, "write a folder from / on, sftp:USER@HOST:/PATH, s3:https://HOST/BUCKET or rest:https://HOST/", "%q is no place of a restic repository", b.Repository)
	}
	if n := m.Get("program"); n != nil && b.Program != "" && !path.IsAbs(b.Program) {
		d.Errorf(n.Pos, "write the whole path, or leave it out to have restic looked for in PATH", `"program" must be a whole path`)
	}
}

// remote is a repository that restic reaches over a network.
var remote = regexp.MustCompile(`^(sftp|s3|rest|b2|azure|gs|swift|rclone):.`)

// reference reads where a secret lies.
func (d decoder) reference(n *document.Node, what string) *SecretRef {
	file, env := d.SecretRef(n, what)
	if env != "" && !environmentName.MatchString(env) {
		d.Errorf(n.Pos, "", "%s: %q is no name of an environment variable", what, env)
	}
	return &SecretRef{File: file, Env: env}
}
