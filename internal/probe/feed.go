package probe

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// readFeed: what is published of the product, what of that was detected, when, and
// for how long a published version was not: age, a span, 0s when it was.
func readFeed(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Feed == nil {
		return Value{}, unreadable(q.arg, errors.New("feeds cannot be looked at here"))
	}
	f, err := e.deps.Feed(ctx)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	text := map[string]string{"published": f.Published, "detected": f.Detected, "published-at": rfc3339(f.PublishedAt), "detected-at": rfc3339(f.DetectedAt)}[q.arg]
	if q.arg == "age" && f.Published != "" {
		text = f.Late.Truncate(time.Second).String()
	}
	return Value{Text: text, Present: text != "", Evidence: fmt.Sprintf("published is %s, detected %s", told(f.Published, f.PublishedAt), told(f.Detected, f.DetectedAt))}, nil
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func told(version string, at time.Time) string {
	switch {
	case version == "":
		return "none"
	case at.IsZero():
		return oneLine(version, 60)
	}
	return oneLine(version, 60) + " (" + rfc3339(at) + ")"
}
