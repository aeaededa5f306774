// Package site is the administrator's half of the documents: the
// installation, which the administrator, the wizard or adopt writes. It is
// part of the model: it does no I/O and imports only the standard library
// and the packages channel, document, document/nearest, manifest and window.
package site

import (
	"time"

	"upkeep/internal/document"
	"upkeep/internal/manifest"
)

// Installation is the installation document.
type Installation struct {
	Pos     document.Pos `json:"-"`
	ID      string       `json:"id"`
	Product string       `json:"product"`
	State   string       `json:"state,omitempty"` // folder of the journal, runs and staging; absolute or beside the document
	Backup  BackupPlace  `json:"backup,omitzero"`
	Feed    *Feed        `json:"feed,omitempty"` // nil: releases come in bundles that people name

	// Trust are, by trigger, those whose signature under a pushed bundle is accepted;
	// a trigger that is not there needs none.
	Trust map[string][]TrustedKey `json:"trust,omitempty"`

	Nodes     map[string]Node     `json:"nodes,omitempty"`     // empty: this computer has every role
	Instances map[string][]Place  `json:"instances,omitempty"` // component to its instances; empty: one each, at the product's place
	Params    map[string]Value    `json:"params,omitempty"`
	Choices   []string            `json:"choices,omitempty"`
	Waivers   map[string]Waiver   `json:"waivers,omitempty"`
	Edited    map[string]string   `json:"edited,omitempty"` // file the site edited to what becomes of it: keep-aside, discard, keep, merge
	Hooks     []Hook              `json:"hooks,omitempty"`
	Notify    []string            `json:"notify,omitempty"` // command that tells people; the text is in UPKEEP_TEXT
	Gate      Gate                `json:"gate,omitzero"`
	OnFailure string              `json:"on-failure,omitempty"` // origin (default), stay
	Rehearse  string              `json:"rehearse,omitempty"`   // data: migrations are tried on a copy of the data before anything is closed
	Limits    map[string]Duration `json:"limits,omitempty"`     // deadline of a verb or a step id
	Places    manifest.Places     `json:"-"`                    // of instances, edited and limits

	TimeZone      string         `json:"time-zone,omitempty"` // of windows, freezes and scheduled starts; empty: this computer's
	Windows       []Window       `json:"windows,omitempty"`   // when runs may begin; empty: at any time
	Freezes       []Freeze       `json:"freezes,omitempty"`   // when none does all the same
	Notifications []Notification `json:"notifications,omitempty"`
}

// Duration is a span of time as written, such as 90s or 10m.
type Duration = time.Duration

// Node is a computer.
type Node struct {
	Pos     document.Pos `json:"-"`
	Address string       `json:"address,omitempty"`
	Roles   []string     `json:"roles,omitempty"`
}

// Place is one instance of a component.
type Place struct {
	Pos document.Pos `json:"-"`
	ID  string       `json:"id,omitempty"`
	At  string       `json:"at,omitempty"`
}

// Value is a parameter's value: a literal, or, for a secret, a reference.
type Value struct {
	Pos  document.Pos `json:"-"`
	Text string       `json:"text,omitempty"`
	Ref  *SecretRef   `json:"ref,omitempty"`
}

// SecretRef says where a secret lies; the secret itself is never in a document.
type SecretRef struct {
	File string `json:"file,omitempty"` // its content without the last line end
	Env  string `json:"env,omitempty"`  // environment variable of the command that starts the run
}

// Waiver accepts a check.
type Waiver struct {
	Pos   document.Pos `json:"-"`
	By    string       `json:"by"`
	Why   string       `json:"why"`
	Until string       `json:"until,omitempty"` // ISO date
}

// Counts says whether it still counts on a day (ISO date).
func (w Waiver) Counts(today string) bool { return w.Until == "" || today <= w.Until }

// String says who waived, why, and until when.
func (w Waiver) String() string {
	text := w.By + ": " + w.Why
	if w.Until != "" {
		text += " (until " + w.Until + ")"
	}
	return text
}

// Hook is a site hook folder beyond what the product declares.
type Hook struct {
	Pos   document.Pos `json:"-"`
	Dir   string       `json:"dir"`
	Name  string       `json:"name"`
	Phase string       `json:"phase"`
	As    string       `json:"as,omitempty"`
	// Repeatable: a script that was interrupted may be run again.
	Repeatable bool `json:"repeatable,omitempty"`
}

// Gate is the site's word on the gate.
type Gate struct {
	Use   string   `json:"use,omitempty"`   // auto (default), never
	Ports []string `json:"ports,omitempty"` // beyond those of the services
}
