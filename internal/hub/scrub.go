package hub

import (
	"reflect"
	"strings"
	"time"
	"unicode"
)

// scrub makes every text of an answer safe to be shown, in place: control
// characters, and what turns the direction of writing, become spaces, so that no
// product's name and no line of a log can hide what stands beside it. Ends of
// lines and tabs stay. What a text means to HTML is the page's business.
func scrub(answer any) {
	v := reflect.ValueOf(answer)
	if v.Kind() == reflect.Pointer {
		scrubValue(v)
	}
}

func scrubValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(clean(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scrubValue(v.Elem())
		}
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			return
		}
		for i := range v.NumField() {
			scrubValue(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scrubValue(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if e := v.MapIndex(k); e.Kind() == reflect.String {
				v.SetMapIndex(k, reflect.ValueOf(clean(e.String())).Convert(e.Type()))
			}
		}
	}
}

func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == 0x2028, r == 0x2029:
			return ' '
		}
		return r
	}, text)
}
