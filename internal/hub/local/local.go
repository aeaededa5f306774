// Package local answers the page's questions for this computer: it has package
// manage do what a command of the terminal would do, and makes plain values of
// what comes back. It imports package manage, the model, package ask, and from
// the terminal how the bar of a run moves, so that page and terminal show the
// same one.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"upkeep/internal/document"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/route"
)

// Options say what is served.
type Options struct {
	Exe      string // this program
	Host     string // name of the computer, for people
	Document string // of the only installation that is served; empty: all of this computer
	Releases string // folder or file of bundles to upgrade from; empty: each installation's feed
}

// Engine answers for this computer. It is safe for use by several goroutines.
type Engine struct {
	Options

	mu        sync.Mutex
	documents map[string]string // id on the page to document, as the last look found them
	rooms     map[ask.RunQuery]*room
	alone     map[string]alone
	together  *batch // upgrades that were started together last
	fetches   fetches
	shelf     map[string]*atHand // by document

	pulse pulse
}

// New makes it.
func New(o Options) *Engine {
	return &Engine{Options: o, documents: map[string]string{}, rooms: map[ask.RunQuery]*room{}, alone: map[string]alone{}, shelf: map[string]*atHand{}}
}

var _ ask.Engine = (*Engine)(nil)

// known lists the installations; ids of the page are unique.
func (e *Engine) known(ctx context.Context) ([]manage.Known, []string, error) {
	var list []manage.Known
	var err error
	if e.Document == "" {
		list, err = manage.List(ctx, manage.Folders(), e.Exe)
	} else {
		list, err = e.only(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	ids, documents := make([]string, len(list)), map[string]string{}
	for i, k := range list {
		id := k.Name
		for n := 2; documents[id] != ""; n++ {
			id = fmt.Sprintf("%s~%d", k.Name, n)
		}
		ids[i], documents[id] = id, k.Document
	}
	e.mu.Lock()
	e.documents = documents
	e.mu.Unlock()
	return list, ids, nil
}

// only is the one installation that is served.
func (e *Engine) only(ctx context.Context) ([]manage.Known, error) {
	k := manage.Known{Document: e.Document, Name: e.Document}
	in, err := manage.Open(e.Document, e.Exe)
	if k.Err = err; err == nil {
		k.Name, k.Product = in.Doc.ID, in.Doc.Product
		s, err := in.Status(ctx)
		if k.Err = err; err == nil {
			k.Status = &s
		}
	}
	return []manage.Known{k}, nil
}

// open opens an installation by its id on the page.
func (e *Engine) open(ctx context.Context, id string) (*manage.Installation, error) {
	look := func() string {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.documents[id]
	}
	document := look()
	if document == "" {
		if _, _, err := e.known(ctx); err != nil {
			return nil, err
		}
		document = look()
	}
	if document == "" {
		return nil, &ask.Error{Kind: ask.Unknown, Text: fmt.Sprintf("there is no installation %q on this computer", id)}
	}
	in, err := manage.Open(document, e.Exe)
	return in, told(err)
}

// run finds a run by its whole id.
func (e *Engine) run(ctx context.Context, installation, id string) (*manage.Installation, *manage.Run, error) {
	in, err := e.open(ctx, installation)
	if err != nil {
		return nil, nil, err
	}
	if err := knows(ctx, in, id); err != nil {
		return nil, nil, err
	}
	r, err := in.Run(ctx, id)
	return in, r, told(err)
}

// knows says so where there is no run of that whole id.
func knows(ctx context.Context, in *manage.Installation, id string) error {
	ok, err := in.Has(ctx, id)
	if err == nil && !ok {
		return &ask.Error{Kind: ask.Unknown, Text: fmt.Sprintf("there is no run %q of %s", id, in.Doc.ID)}
	}
	return told(err)
}

// told gives an error its kind.
func told(err error) error {
	var (
		mine     *ask.Error
		refusal  *plan.Refusal
		refused  *manage.RefusedError
		busy     *manage.BusyError
		moved    *manage.Moved
		tasks    *manage.OpenTasksError
		payload  *manage.NeedsPayloadError
		newer    *manage.NeedsUpkeepError
		older    *route.OlderError
		half     *manage.RestoringError
		nowhere  *manage.NoInstallationError
		document document.Errors
	)
	kind := ask.Broken
	var reasons []string
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mine):
		return mine
	case errors.As(err, &refusal):
		return &ask.Error{Kind: ask.Refused, Text: "the upgrade cannot start; nothing was changed", Reasons: refusal.Reasons}
	case errors.As(err, &refused):
		return &ask.Error{Kind: ask.Refused, Text: refused.What, Reasons: refused.Reasons}
	case errors.As(err, &busy):
		kind = ask.Busy
	case errors.As(err, &moved):
		return &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("the plan that was shown (%s) is not the plan that would be carried out now (%s); nothing was changed", moved.Shown, moved.Now), Reasons: moved.Changes}
	case errors.As(err, &tasks), errors.As(err, &payload), errors.As(err, &newer), errors.As(err, &older), errors.As(err, &half):
		kind = ask.Refused
	case errors.As(err, &nowhere), errors.Is(err, fs.ErrNotExist):
		kind = ask.Broken
	case errors.As(err, &document):
		return &ask.Error{Kind: ask.Broken, Text: "a document cannot be read", Reasons: []string{err.Error()}}
	}
	return &ask.Error{Kind: kind, Text: err.Error(), Reasons: reasons}
}
