package console

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/lingua"
)

// texts are the languages: one file each, text by key. {name} stands for a value.
// Keys that end in .one are for a number that the language counts as one.
//
//go:embed texts/*.json
var texts embed.FS

// fallback is the language of who asks for none that there is.
const fallback = "en"

// language is one of them.
type language struct {
	Code  string
	texts map[string]string
	says  *lingua.Language // what the engine side says, in this language; nil: as it is
	zone  *time.Location
	now   func() time.Time
}

func languages() (map[string]*language, error) {
	files, err := texts.ReadDir("texts")
	if err != nil {
		return nil, err
	}
	out := map[string]*language{}
	for _, f := range files {
		raw, err := texts.ReadFile("texts/" + f.Name())
		if err != nil {
			return nil, err
		}
		code := strings.TrimSuffix(f.Name(), path.Ext(f.Name()))
		l := &language{Code: code, zone: time.Local}
		if err := json.Unmarshal(raw, &l.texts); err != nil {
			return nil, fmt.Errorf("texts/%s: %w", f.Name(), err)
		}
		for key, text := range l.texts {
			l.texts[key] = l.marks(text)
		}
		if slices.Contains(lingua.Codes(), code) {
			if l.says, err = lingua.Of(code); err != nil {
				return nil, err
			}
		}
		out[code] = l
	}
	return out, nil
}

// marks keeps the marks that French sets off with a blank on the line of their word.
func (l *language) marks(text string) string {
	if l.Code != "fr" {
		return text
	}
	return strings.NewReplacer(" :", "\u202f:", " ;", "\u202f;", " ?", "\u202f?", " !", "\u202f!", "« ", "«\u202f", " »", "\u202f»").Replace(text)
}

// say gives in this language what the engine side says.
func (l *language) say(text string) string { return l.says.Text(text) }

// speaks chooses the language by what the browser accepts.
func (p *Page) speaks(r *http.Request) *language {
	l := *p.languages[accepted(r.Header.Get("Accept-Language"), func(code string) bool { return p.languages[code] != nil })]
	l.now = p.Now
	return &l
}

func accepted(header string, known func(string) bool) string {
	type wish struct {
		code    string
		quality float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(part, ";")
		w := wish{strings.ToLower(strings.TrimSpace(tag)), 1}
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			w.quality, _ = strconv.ParseFloat(q, 64) // what is no number is not wanted
		}
		w.code, _, _ = strings.Cut(w.code, "-")
		if w.quality > 0 && known(w.code) {
			wishes = append(wishes, w)
		}
	}
	sort.SliceStable(wishes, func(i, j int) bool { return wishes[i].quality > wishes[j].quality })
	if len(wishes) == 0 {
		return fallback
	}
	return wishes[0].code
}

// t is a text with values: pairs of a name and what stands for it.
func (l *language) t(key string, pairs ...any) string {
	text, ok := l.texts[key]
	if !ok {
		return "[" + key + "]" // a test finds it
	}
	if len(pairs) == 0 {
		return text
	}
	var with []string
	for i := 0; i+1 < len(pairs); i += 2 {
		with = append(with, fmt.Sprintf("{%v}", pairs[i]), l.say(fmt.Sprint(pairs[i+1])))
	}
	return strings.NewReplacer(with...).Replace(text)
}

// n is a text about a number, which stands for {n}.
func (l *language) n(key string, n int, pairs ...any) string {
	one := n == 1 || n == 0 && l.Code == "fr"
	if _, ok := l.texts[key+".one"]; ok && one {
		key += ".one"
	}
	return l.t(key, append(pairs, "n", n)...)
}
