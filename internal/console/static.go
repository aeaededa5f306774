package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
)

// files are style, scripts and pictures. Their addresses carry their sums, so
// that browsers may keep them for good.
//
//go:embed static/*.css static/*.js static/*.svg
var files embed.FS

type asset struct {
	address     string
	kind        string
	text, small []byte // small: compressed
}

// assets are the files by their names, and once more by their addresses.
func assets() (map[string]asset, error) {
	list, err := files.ReadDir("static")
	if err != nil {
		return nil, err
	}
	out := map[string]asset{}
	for _, f := range list {
		text, err := files.ReadFile("static/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		ext := path.Ext(f.Name())
		a := asset{kind: mime.TypeByExtension(ext), text: text,
			address: strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext}
		var small bytes.Buffer
		z, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := z.Write(text); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		a.small = small.Bytes()
		out[f.Name()], out[a.address] = a, a
	}
	return out, nil
}

func (p *Page) serveStatic(w http.ResponseWriter, r *http.Request) {
	a, ok := p.static[r.PathValue("name")]
	if !ok || a.address != r.PathValue("name") {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	text := a.text
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = a.small
	}
	_, _ = w.Write(text) // whoever asked has gone, otherwise
}
