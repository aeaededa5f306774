package ask

import "context"

func (a asking) Guide(ctx context.Context, w Wish) (Guide, error) {
	return call[Guide](ctx, a.c, a.session, "guide", w)
}

func (a asking) Review(ctx context.Context, q ScriptQuery) (Review, error) {
	return call[Review](ctx, a.c, a.session, "review", q)
}

func (a asking) Judge(ctx context.Context, v Verdict) (Review, error) {
	return call[Review](ctx, a.c, a.session, "judge", v)
}

func (a asking) Say(ctx context.Context, s Saying) (struct{}, error) {
	return call[struct{}](ctx, a.c, a.session, "say", s)
}

func (a asking) Fixes(ctx context.Context, q FixQuery) (Fixes, error) {
	return call[Fixes](ctx, a.c, a.session, "fixes", q)
}

func (a asking) Mend(ctx context.Context, m Mending) (Mended, error) {
	return call[Mended](ctx, a.c, a.session, "mend", m)
}

func (a asking) Fetch(ctx context.Context, w Wish) (Fetching, error) {
	return call[Fetching](ctx, a.c, a.session, "fetch", w)
}

func (a asking) Fetching(ctx context.Context, q Of) (Fetching, error) {
	return call[Fetching](ctx, a.c, a.session, "fetching", q)
}
