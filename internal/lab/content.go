package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Content is what users have in a Miniflux, as its API tells it.
type Content struct {
	Categories []string
	Feeds      []Feed
	Entries    []Entry
}

// Feed is a source that a user reads.
type Feed struct {
	Title    string `json:"title"`
	URL      string `json:"feed_url"`
	Category struct {
		Title string `json:"title"`
	} `json:"category"`
}

// Entry is an article.
type Entry struct {
	ID        int64     `json:"id"`
	FeedID    int64     `json:"feed_id"`
	Title     string    `json:"title"`
	URL       string    `json:"url"`
	Author    string    `json:"author"`
	Content   string    `json:"content"`
	Status    string    `json:"status"` // read, unread
	Starred   bool      `json:"starred"`
	Published time.Time `json:"published_at"`
}

// ReadBack reads everything through the product's API. Asking the API notes
// the time of the login in the database: compare fingerprints of the database
// only where nobody has read back between.
func (s *MinifluxSite) ReadBack(ctx context.Context) (Content, error) {
	var c Content
	var categories []struct {
		Title string `json:"title"`
	}
	if err := s.api(ctx, "GET", "/v1/categories", nil, &categories); err != nil {
		return c, err
	}
	for _, cat := range categories {
		c.Categories = append(c.Categories, cat.Title)
	}
	if err := s.api(ctx, "GET", "/v1/feeds", nil, &c.Feeds); err != nil {
		return c, err
	}
	var err error
	if c.Entries, err = s.entries(ctx); err != nil {
		return c, err
	}
	slices.Sort(c.Categories)
	slices.SortFunc(c.Feeds, func(a, b Feed) int { return cmp.Compare(a.URL, b.URL) })
	slices.SortFunc(c.Entries, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return c, nil
}

// pageSize is the most that 2.3 gives at once.
const pageSize = 1000

func (s *MinifluxSite) entries(ctx context.Context) ([]Entry, error) {
	var all []Entry
	for {
		var page struct {
			Total   int     `json:"total"`
			Entries []Entry `json:"entries"`
		}
		path := fmt.Sprintf("/v1/entries?order=id&direction=asc&limit=%d&offset=%d", pageSize, len(all))
		if err := s.api(ctx, "GET", path, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Entries...)
		if len(all) >= page.Total {
			return all, nil
		}
		if len(page.Entries) == 0 {
			return nil, fmt.Errorf("cannot read all entries back: %d of %d came", len(all), page.Total)
		}
	}
}

// Version asks the running product which version it is.
func (s *MinifluxSite) Version(ctx context.Context) (string, error) {
	var v struct {
		Version string `json:"version"`
	}
	err := s.api(ctx, "GET", "/v1/version", nil, &v)
	return v.Version, err
}

// Seed writes data as users do, through the API: a category, feeds of so many
// items each, some of them read, some starred. It gives what is there then. It
// may be called again and adds to what is there.
func (s *MinifluxSite) Seed(ctx context.Context, feeds, items int) (Content, error) {
	src, err := serveFeeds(items)
	if err != nil {
		return Content{}, err
	}
	defer src.Close()
	var category struct {
		ID int64 `json:"id"`
	}
	name := fmt.Sprintf("Lab Ünïcode “%d”", time.Now().UnixNano())
	if err := s.api(ctx, "POST", "/v1/categories", map[string]any{"title": name}, &category); err != nil {
		return Content{}, err
	}
	for i := range feeds {
		feed := map[string]any{"feed_url": fmt.Sprintf("%s/%d.xml", src.url, i), "category_id": category.ID}
		if err := s.api(ctx, "POST", "/v1/feeds", feed, nil); err != nil {
			return Content{}, err
		}
	}
	c, err := s.ReadBack(ctx)
	if err != nil {
		return c, err
	}
	if err := s.mark(ctx, c.Entries); err != nil {
		return c, err
	}
	return s.ReadBack(ctx)
}

// mark makes every third entry read and every fifth starred.
func (s *MinifluxSite) mark(ctx context.Context, entries []Entry) error {
	var read []int64
	for i, e := range entries {
		if i%3 == 0 && e.Status == "unread" {
			read = append(read, e.ID)
		}
		// The call switches the star: only what has none gets one. At most 100,
		// each is a call of its own.
		if i%5 == 0 && i < 500 && !e.Starred {
			if err := s.api(ctx, "PUT", fmt.Sprintf("/v1/entries/%d/bookmark", e.ID), nil, nil); err != nil {
				return err
			}
		}
	}
	if len(read) == 0 {
		return nil
	}
	return s.api(ctx, "PUT", "/v1/entries", map[string]any{"entry_ids": read, "status": "read"}, nil)
}

func (s *MinifluxSite) api(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("cannot ask Miniflux: %w", err)
		}
		body = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return fmt.Errorf("cannot ask Miniflux: %w", err)
	}
	req.SetBasicAuth(s.Admin, s.Password)
	req.Close = true // the product may be another one by the next call
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot ask Miniflux: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot ask Miniflux: %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("cannot ask Miniflux: %s %s: %s: %.300s", method, path, resp.Status, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("cannot read Miniflux's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// feedServer serves RSS on loopback for as long as feeds are being added.
type feedServer struct {
	url string
	srv *http.Server
}

func serveFeeds(items int) (*feedServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot serve feeds: %w", err)
	}
	f := &feedServer{url: "http://" + l.Addr().String()}
	f.srv = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutSuffix(strings.Trim(r.URL.Path, "/"), ".xml")
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/rss+xml; charset=utf-8")
		_, _ = io.WriteString(w, f.rss(name, items)) // the reader may have gone
	})}
	go func() { _ = f.srv.Serve(l) }() // ends with Close
	return f, nil
}

func (f *feedServer) rss(name string, items int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Feed %s – «été»</title><link>%s/%s</link><description>of the lab</description>`, name, f.url, name)
	begin := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
	for i := range items {
		fmt.Fprintf(&b, `<item><title>Item %d of %s &amp; more</title><link>%s/%s/%d</link><guid isPermaLink="false">%s-%d</guid><author>a%d@example.org</author><pubDate>%s</pubDate><description>%s</description></item>`,
			i, name, f.url, name, i, name, i, i%7, begin.Add(time.Duration(i)*time.Hour).Format(time.RFC1123Z), strings.Repeat(fmt.Sprintf("Sentence %d with ünïcode. ", i), 40))
	}
	b.WriteString("</channel></rss>")
	return b.String()
}

// Close ends the server.
func (f *feedServer) Close() { _ = f.srv.Close() } // nothing is lost with it
