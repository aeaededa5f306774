package local

import (
	"cmp"
	"fmt"
	"log/slog"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// auditMost is how many changes are given at a time.
const auditMost = 500

// auditLog is what the hub needs of the log; package manage opens it.
type auditLog interface {
	Begin(by, role, do string, on map[string]string) (int64, error)
	End(n int64, result, text string) error
	Acts(skip, limit int) ([]manage.AuditAct, bool, error)
	Head() (int64, string)
	Path() string
}

// Audit is the audit log as the page sees it. The sum of each entry goes to the
// program's own log too, and from there to wherever that computer's logs go: a log
// whose end was cut is found out by it.
type Audit struct {
	auditLog
	log *slog.Logger
}

// NewAudit makes it.
func NewAudit(l auditLog, log *slog.Logger) *Audit { return &Audit{l, log} }

// Begin implements hub.Audit.
func (a *Audit) Begin(by, role, do string, on map[string]string) (int64, error) {
	n, err := a.auditLog.Begin(by, role, do, on)
	if err == nil {
		a.log.Info("audit", "entry", n, "by", by, "do", do, "head", a.head())
	}
	return n, err
}

// End implements hub.Audit.
func (a *Audit) End(n int64, result, text string) error {
	err := a.auditLog.End(n, result, text)
	if err == nil {
		a.log.Info("audit", "of", n, "result", result, "head", a.head())
	}
	return err
}

func (a *Audit) head() string {
	n, hash := a.Head()
	return fmt.Sprintf("%d:%s", n, hash)
}

// Acts implements hub.Audit.
func (a *Audit) Acts(q ask.AuditQuery) (ask.Audit, error) {
	list, more, err := a.auditLog.Acts(q.Skip, min(auditMost, cmp.Or(max(q.Limit, 0), 50)))
	if err != nil {
		return ask.Audit{}, &ask.Error{Kind: ask.Broken, Text: err.Error()}
	}
	out := ask.Audit{Acts: []ask.Act{}, More: more, File: a.Path()}
	out.Entries, out.Head = a.Head()
	for _, e := range list {
		out.Acts = append(out.Acts, ask.Act{N: e.N, At: e.At, Ended: e.Ended, By: e.By, Role: e.Role, Do: e.Do, On: e.On, Result: ask.ActResult(cmp.Or(e.Result, string(ask.ActOpen))), Text: e.Text})
	}
	return out, nil
}
