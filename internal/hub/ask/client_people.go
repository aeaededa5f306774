package ask

import "context"

// SignIn makes a session of a name and its password.
func (c *Client) SignIn(ctx context.Context, s SignIn) (Entered, error) {
	return call[Entered](ctx, c, "", "signin", s)
}

func (a asking) SetPassword(ctx context.Context, p Password) (Entered, error) {
	return call[Entered](ctx, a.c, a.session, "password", p)
}

func (a asking) LeaveAll(ctx context.Context) error {
	_, err := call[struct{}](ctx, a.c, a.session, "leave-all", nil)
	return err
}

func (a asking) People(ctx context.Context) (People, error) {
	return call[People](ctx, a.c, a.session, "people", nil)
}

func (a asking) AddPerson(ctx context.Context, p Person) (Invitation, error) {
	return call[Invitation](ctx, a.c, a.session, "person-add", Person{Name: p.Name, Role: p.Role})
}

func (a asking) Invite(ctx context.Context, n Name) (Invitation, error) {
	return call[Invitation](ctx, a.c, a.session, "person-link", n)
}

func (a asking) SetRole(ctx context.Context, p Person) error {
	_, err := call[struct{}](ctx, a.c, a.session, "person-role", Person{Name: p.Name, Role: p.Role})
	return err
}

func (a asking) RemovePerson(ctx context.Context, n Name) error {
	_, err := call[struct{}](ctx, a.c, a.session, "person-remove", n)
	return err
}

func (a asking) EndSessions(ctx context.Context, n Name) error {
	_, err := call[struct{}](ctx, a.c, a.session, "person-leave", n)
	return err
}

func (a asking) Audit(ctx context.Context, q AuditQuery) (Audit, error) {
	return call[Audit](ctx, a.c, a.session, "audit", q)
}
