package ask

import "context"

func (a asking) Errand(ctx context.Context, q Of) (Errand, error) {
	return call[Errand](ctx, a.c, a.session, "errand", q)
}

func (a asking) Batch(ctx context.Context) (Batch, error) {
	return call[Batch](ctx, a.c, a.session, "batch", nil)
}

func (a asking) Settings(ctx context.Context, q Of) (Settings, error) {
	return call[Settings](ctx, a.c, a.session, "settings", q)
}

func (a asking) Singles(ctx context.Context, q Of) ([]string, error) {
	return call[[]string](ctx, a.c, a.session, "singles", q)
}

func (a asking) Report(ctx context.Context, q ReportQuery) (File, error) {
	return call[File](ctx, a.c, a.session, "report", q)
}

func (a asking) Refresh(ctx context.Context, q Of) (Refreshed, error) {
	return call[Refreshed](ctx, a.c, a.session, "refresh", q)
}

func (a asking) Send(ctx context.Context, e Errand) (Errand, error) {
	return call[Errand](ctx, a.c, a.session, "send", e)
}

func (a asking) Outlook(ctx context.Context, q PointQuery) (Outlook, error) {
	return call[Outlook](ctx, a.c, a.session, "outlook", q)
}

func (a asking) Return(ctx context.Context, q Of) (Return, error) {
	return call[Return](ctx, a.c, a.session, "return", q)
}

func (a asking) TakeBack(ctx context.Context, y Yes) (Started, error) {
	return call[Started](ctx, a.c, a.session, "take-back", y)
}

func (a asking) StartAll(ctx context.Context, q Together) (Batch, error) {
	return call[Batch](ctx, a.c, a.session, "start-all", q)
}

func (a asking) Support(ctx context.Context, q Of) (File, error) {
	return call[File](ctx, a.c, a.session, "support", q)
}
