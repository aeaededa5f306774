package console

import (
	"net/http"
	"net/url"
	"strings"

	"upkeep/internal/hub/ask"
)

// later is when the form of a plan wants the upgrade to begin; empty: now.
func later(form url.Values) string {
	switch form.Get("when") {
	case "next":
		return "next"
	case "at":
		if at := strings.TrimSpace(form.Get("at")); at != "" {
			return at
		}
		return "?" // it is refused in words
	}
	return ""
}

// schedule keeps the yes for later.
func (p *Page) schedule(v *visit, l ask.Later) error {
	if _, err := v.ask.Schedule(v.r.Context(), l); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", v.id(), "windows"), http.StatusSeeOther)
	return nil
}

// times is the page of windows and notifications.
type times struct {
	Of
	ask.Windows
	Token string
}

func (p *Page) windows(v *visit) error {
	w, err := v.ask.Windows(v.r.Context(), ask.Of{Installation: v.id()})
	if err != nil {
		return err
	}
	title := v.t("windows.title")
	return v.show(http.StatusOK, "windows", title, v.about(crumb{title, to("i", v.id(), "windows")}), times{Of{ID: v.id(), Tab: "windows"}, w, v.Token()})
}

func (p *Page) unschedule(v *visit) error {
	if _, err := v.ask.Unschedule(v.r.Context(), ask.Of{Installation: v.id()}); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", v.id(), "windows"), http.StatusSeeOther)
	return nil
}

// notifyTest tells people that this is a test; what came of it stands on the page.
func (p *Page) notifyTest(v *visit) error {
	if _, err := v.ask.TryNotifications(v.r.Context(), ask.Try{Installation: v.id(), ID: v.r.PostFormValue("notification")}); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, to("i", v.id(), "windows")+"#told", http.StatusSeeOther)
	return nil
}
