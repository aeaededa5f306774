package show

import (
	"slices"
	"strings"
	"time"

	"upkeep/internal/manage"
)

// Known lists the installations of this computer: name, product, versions,
// what goes on, document.
func Known(list []manage.Known, width Paper) string {
	if len(list) == 0 {
		return "No installation is known on this computer.\n"
	}
	var out rows
	for _, k := range list {
		state, versions := "", ""
		switch {
		case k.Err != nil:
			state = red.Render("✗") + " " + one(k.Err.Error())
		case k.Status.Open != nil && k.Status.Open.Waiting != nil:
			state = Careful("run " + one(k.Status.Open.ID) + " waits for a person")
		case k.Status.Open != nil:
			state = Running("run " + one(k.Status.Open.ID) + " is open")
		case len(k.Status.Modes) > 0:
			state = Careful(one(strings.Join(k.Status.Modes, ", ")) + " is on")
		}
		if k.Status != nil {
			versions = versionsOf(*k.Status)
		}
		out = append(out, []string{bold.Render(one(k.Name)), one(k.Product), versions, state, faint.Render(one(k.Document))})
	}
	return table("", out, 3, width)
}

// versionsOf gives the versions of a record, each once.
func versionsOf(s manage.Status) string {
	var out []string
	for _, i := range s.Record {
		if v := one(i.Release); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return faint.Render("version not recorded")
	}
	return strings.Join(out, ", ")
}

// KnownDoc is the JSON of one installation in a list.
type KnownDoc struct {
	Name     string     `json:"name"`
	Document string     `json:"document"`
	Product  string     `json:"product,omitempty"`
	Status   *StatusDoc `json:"status,omitempty"`
	Error    string     `json:"error,omitempty"`
}

// KnownJSON gives the JSON of a list of installations.
func KnownJSON(list []manage.Known, now time.Time) []KnownDoc {
	out := []KnownDoc{}
	for _, k := range list {
		d := KnownDoc{Name: k.Name, Document: k.Document, Product: k.Product}
		if k.Status != nil {
			s := StatusJSON(*k.Status, now)
			d.Status = &s
		}
		if k.Err != nil {
			d.Error = k.Err.Error()
		}
		out = append(out, d)
	}
	return out
}
