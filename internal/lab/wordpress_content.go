package lab

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// Post is what users read of a post, as the REST interface tells it in all the
// versions.
type Post struct {
	ID             int
	Title, Content string
}

// Seed writes so many posts through XML-RPC, uploads a picture, and adds a
// plugin and a theme of the site's own and an option that no version knows.
func (s *WordPressSite) Seed(ctx context.Context, n int) error {
	for i := range n {
		if _, err := s.Write(ctx, fmt.Sprintf("Post %d: Ünïcode 🦉", i), fmt.Sprintf("<p>The %d. of the lab, with 'quotes', \\backslashes\\ and &amp;.</p>", i)); err != nil {
			return err
		}
	}
	if _, err := s.Upload(ctx, "owl.png", []byte("\x89PNG\r\n\x1a\nnot a whole one")); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"plugins/lab/lab.php":     "<?php\n/* Plugin Name: Lab */\nadd_action('rest_api_init', fn() => register_rest_route('lab/v1', '/hello', ['methods' => 'GET', 'permission_callback' => '__return_true', 'callback' => fn() => ['option' => get_option('lab_option')]]));\n",
		"themes/lab/style.css":    "/*\nTheme Name: Lab\n*/\n",
		"themes/lab/index.php":    "<?php // nothing yet\n",
		"mu-plugins/lab-must.php": "<?php // of the site's\n",
	} {
		path := s.Path("htdocs/wp-content/" + name)
		if err := os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o755); err != nil {
			return fmt.Errorf("cannot make the site's plugins: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot make the site's plugins: %w", err)
		}
	}
	_, err := s.Server.SQL(ctx, s.DB, fmt.Sprintf("UPDATE %[1]soptions SET option_value = 'a:1:{i:0;s:11:\"lab/lab.php\";}' WHERE option_name = 'active_plugins'; INSERT INTO %[1]soptions (option_name, option_value, autoload) VALUES ('lab_option', 'kept, Ünïcode', 'yes')", s.Prefix))
	return err
}

// Write publishes a post as its author does, and gives its number.
func (s *WordPressSite) Write(ctx context.Context, title, content string) (string, error) {
	return s.rpc(ctx, "wp.newPost", member("post_type", str("post"))+member("post_status", str("publish"))+member("post_title", str(title))+member("post_content", str(content)))
}

// Upload uploads a file as its author does, and gives its address.
func (s *WordPressSite) Upload(ctx context.Context, name string, content []byte) (string, error) {
	text, err := s.rpc(ctx, "wp.uploadFile", member("name", str(name))+member("type", str("image/png"))+
		member("bits", "<base64>"+base64.StdEncoding.EncodeToString(content)+"</base64>"))
	return text, err
}

func str(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return "<string>" + b.String() + "</string>"
}

func member(name, value string) string {
	return "<member><name>" + name + "</name><value>" + value + "</value></member>"
}

// rpc calls a method of XML-RPC with one structure, and gives the address in the
// answer, otherwise its first text.
func (s *WordPressSite) rpc(ctx context.Context, method, members string) (string, error) {
	call := "<?xml version=\"1.0\"?><methodCall><methodName>" + method + "</methodName><params>"
	for _, v := range []string{"<int>1</int>", str(wordPressAdmin), str(wordPressPass), "<struct>" + members + "</struct>"} {
		call += "<param><value>" + v + "</value></param>"
	}
	body, err := s.ask(ctx, http.MethodPost, "/xmlrpc.php", "text/xml", call+"</params></methodCall>")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`<name>url</name><value><string>([^<]*)</string>`).FindStringSubmatch(body)
	if found == nil {
		found = regexp.MustCompile(`<string>([^<]*)</string>`).FindStringSubmatch(body)
	}
	if found == nil || strings.Contains(body, "<fault>") {
		return "", fmt.Errorf("cannot call %s of WordPress: %.1000s", method, body)
	}
	return found[1], nil
}

// Posts reads all posts through REST.
func (s *WordPressSite) Posts(ctx context.Context) ([]Post, error) {
	var list []struct {
		ID             int
		Title, Content struct{ Rendered string }
	}
	if err := s.rest(ctx, "/wp/v2/posts&per_page=100&orderby=id&order=asc", &list); err != nil {
		return nil, err
	}
	var out []Post
	for _, p := range list {
		out = append(out, Post{p.ID, p.Title.Rendered, strings.TrimSpace(p.Content.Rendered)})
	}
	return out, nil
}

// Plugin asks the site's own plugin for the site's own option.
func (s *WordPressSite) Plugin(ctx context.Context) (string, error) {
	var v struct{ Option string }
	err := s.rest(ctx, "/lab/v1/hello", &v)
	return v.Option, err
}

func (s *WordPressSite) rest(ctx context.Context, route string, to any) error {
	body, err := s.ask(ctx, http.MethodGet, "/?rest_route="+route, "", "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(body), to); err != nil {
		return fmt.Errorf("cannot read what WordPress says to %s: %w: %.500s", route, err, body)
	}
	return nil
}

// Get gives what a path of the site answers.
func (s *WordPressSite) Get(ctx context.Context, path string) (string, error) {
	return s.ask(ctx, http.MethodGet, path, "", "")
}

func (s *WordPressSite) ask(ctx context.Context, method, path, kind, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("cannot ask WordPress: %w", err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Close = true // the product may be another one by the next call
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot ask WordPress: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("cannot ask WordPress: %s %s: %w", method, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("cannot ask WordPress: %s %s: %s: %.500s", method, path, resp.Status, text)
	}
	return string(text), nil
}

// DBVersion is the number that the database says it is for.
func (s *WordPressSite) DBVersion(ctx context.Context) (string, error) {
	return s.Option(ctx, "db_version")
}

// Option reads an option from the database.
func (s *WordPressSite) Option(ctx context.Context, name string) (string, error) {
	return s.Server.SQL(ctx, s.DB, fmt.Sprintf("SELECT option_value FROM %soptions WHERE option_name = '%s'", s.Prefix, name))
}

// Installed gives the version of the files.
func (s *WordPressSite) Installed() (string, error) {
	version, _, err := wordPressVersion(s.Path("htdocs"))
	return version, err
}
