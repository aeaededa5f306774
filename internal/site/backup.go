package site

import (
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
}

// Encryption says for whom restore points are encrypted.
type Encryption struct {
	Recipients []string   `json:"recipients,omitempty"` // age1…
	Identity   *SecretRef `json:"identity,omitempty"`   // what age-keygen writes; without it they cannot be read
}

// rate reads a number of bytes a second, such as "20 MiB/s".
func (d decoder) rate(n *document.Node, text string) int64 {
	size, perSecond := strings.CutSuffix(text, "/s")
	rate, err := document.ParseBytes(size, document.Decimal)
	if err != nil || !perSecond {
		d.Errorf(n.Pos, `write it as "20 MiB/s"`, `"bandwidth" must be a size a second, not %q`, text)
	} else if rate < slowest {
		d.Errorf(n.Pos, "", `"bandwidth" must be 1 KiB/s at least, not %q`, text)
	}
	return rate
}

// slowest is the least bandwidth, in bytes a second: anything made with less
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
			p.Bandwidth = d.rate(n, text)
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
			file, env := d.SecretRef(n, `"identity"`)
			if env != "" && !environmentName.MatchString(env) {
				d.Errorf(n.Pos, "", "%q is no name of an environment variable", env)
			}
			p.Encrypt.Identity = &SecretRef{File: file, Env: env}
		}
		e.Done()
	}
	b.Done()
	return p
}
