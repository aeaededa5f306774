package probe

import (
	"context"
	"errors"
	"testing"
	"time"

	"upkeep/internal/service"
)

// clock stands where the computer's timers are asked.
type clock map[string]service.Timer

func (c clock) Timer(_ context.Context, name string) (service.Timer, bool, error) {
	if name == "ill" {
		return service.Timer{}, false, errors.New("systemd does not run this machine")
	}
	t, ok := c[name]
	return t, ok, nil
}

func TestTimer_S4_40(t *testing.T) {
	last, next := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	e := New(Deps{Timers: clock{
		"refresh": {Enabled: "enabled", Active: true, Last: last, Next: next, Result: "exit-code"},
		"new":     {Enabled: "disabled"},
	}})
	for _, r := range []row{
		{p: probe("timer", "refresh"), ok: true, got: "active", evidence: "timer refresh is enabled, waits for its next time, ran last 2026-01-02T03:04:05Z, with the result exit-code, runs next 2026-01-03T03:04:05Z"},
		{p: probe("timer", "refresh", "select=enabled", "expect=disabled"), got: "enabled"},
		{p: probe("timer", "refresh", "select=last", "expect=> 2026-01-01"), ok: true, got: "2026-01-02T03:04:05Z"},
		{p: probe("timer", "refresh", "select=next", "expect=> 2026-01-04"), got: "2026-01-03T03:04:05Z"},
		{p: probe("timer", "refresh", "select=result", "expect=success"), got: "exit-code"},
		{p: probe("timer", "new", "expect=inactive"), ok: true, got: "inactive", evidence: "is disabled, waits for nothing, has not run yet"},
		{p: probe("timer", "new", "select=result", "expect=none"), ok: true, got: "none"},
		{p: probe("timer", "lost", "expect=none"), ok: true, got: "none", evidence: "this computer has no timer lost"},
		{p: probe("timer", "ill", "expect=none"), err: "systemd does not run this machine"},
		{p: probe("timer", "refresh", "select=result"), err: "it does not say which result is expected"},
		{p: probe("timer", "refresh", "select=reslut", "expect=success"), err: "result was probably meant"},
	} {
		r.check(t, e)
	}
	row{p: probe("timer", "refresh"), err: "no timers can be looked at here"}.check(t, New(Deps{}))
}

// keys stands for the registry of Windows.
type keys map[string]string

func (k keys) Value(_ context.Context, root, key, name string) (string, bool, error) {
	if name == "closed" {
		return "", false, errors.New("access is denied")
	}
	text, ok := k[root+"|"+key+"|"+name]
	return text, ok, nil
}

func TestRegistry_S4_9(t *testing.T) {
	e := New(Deps{Registry: keys{`HKLM|SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full|Release`: "378758", `HKLM|SOFTWARE\Vendor|`: "default"}})
	const release = `HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full\Release`
	for _, r := range []row{
		{p: probe("registry", release, "expect=378389", "expect=378675", "expect=378758"), ok: true, got: "378758"},
		{p: probe("registry", `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full\Release`, "expect=>= 378389"), ok: true, got: "378758"},
		{p: probe("registry", `hklm:\SOFTWARE\Vendor\`), ok: true, got: "default"},
		{p: probe("registry", `HKLM\SOFTWARE\Vendor\None`, "expect=none"), ok: true, got: "none", evidence: "the registry has no HKLM"},
		{p: probe("registry", `HKLM\SOFTWARE\Vendor\closed`, "expect=none"), err: "access is denied"},
		{p: probe("registry", `HKLN\SOFTWARE\Vendor\x`), err: "is no value of the registry such as"},
		{p: probe("registry", `HKLM\x`), err: "is no value of the registry such as"},
		{p: probe("registry", "HKLM/SOFTWARE/Vendor/x"), err: "is no value of the registry such as"},
	} {
		r.check(t, e)
	}
	e.deps.Registry = nil
	row{p: probe("registry", release, "expect=none"), err: "only Windows has a registry, and this is "}.check(t, e)
	if _, err := e.Read(t.Context(), probe("registry", release)); !Permanent(err) {
		t.Error("trying again would help")
	}
}
