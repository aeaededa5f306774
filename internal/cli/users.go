package cli

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"upkeep/internal/cli/show"
)

// watchUsers asks the product as one of its users would, many times a second,
// until the function that it returns is called: that gives what was seen.
func watchUsers(ctx context.Context, url string) func() show.UserView {
	ctx, stop := context.WithCancel(ctx)
	var v show.UserView
	var wg sync.WaitGroup
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	wg.Go(func() {
		var down time.Time
		pages := map[string]int{}
		for ctx.Err() == nil {
			ok, status, text := askOnce(ctx, client, url)
			if ctx.Err() != nil {
				break
			}
			v.Asked++
			switch {
			case !ok && down.IsZero():
				down = time.Now()
			case ok && !down.IsZero():
				v.Out += time.Since(down)
				down = time.Time{}
			}
			if !ok && status == http.StatusServiceUnavailable {
				if pages[text]++; pages[text] > pages[v.Page] {
					v.Page = text
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() show.UserView { stop(); wg.Wait(); return v }
}

var tags = regexp.MustCompile(`(?s)<(style|script|head)\b.*?</(style|script|head)>|<[^>]*>`)

func askOnce(ctx context.Context, client *http.Client, url string) (ok bool, status int, text string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, 0, ""
	}
	req.Header.Set("Accept", "text/plain")
	resp, err := client.Do(req)
	if err != nil {
		return false, 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	text = strings.Join(strings.Fields(tags.ReplaceAllString(string(body), " ")), " ")
	return resp.StatusCode == http.StatusOK, resp.StatusCode, text
}
