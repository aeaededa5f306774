package ask

import "context"

func (a asking) Windows(ctx context.Context, q Of) (Windows, error) {
	return call[Windows](ctx, a.c, a.session, "windows", q)
}

func (a asking) Schedule(ctx context.Context, l Later) (Scheduled, error) {
	return call[Scheduled](ctx, a.c, a.session, "schedule", l)
}

func (a asking) Unschedule(ctx context.Context, q Of) (struct{}, error) {
	return call[struct{}](ctx, a.c, a.session, "unschedule", q)
}

func (a asking) TryNotifications(ctx context.Context, q Try) (Tried, error) {
	return call[Tried](ctx, a.c, a.session, "notify-test", q)
}
