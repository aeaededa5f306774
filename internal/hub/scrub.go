package hub

import (
	"reflect"
	"strings"
	"time"
	"unicode"
)

// scrubbed gives an answer with every text of it safe to be shown: control
// characters, and what turns the direction of writing, become spaces, so that no
// product's name and no line of a log can hide what stands beside it. Ends of
// lines and tabs stay. What a text means to HTML is the page's business. The
// answer itself, which others may be given too, stays as it is.
func scrubbed[T any](answer T) T {
	return scrubValue(reflect.ValueOf(&answer).Elem()).Interface().(T)
}

func scrubValue(v reflect.Value) reflect.Value {
	if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[[]byte]() { // a file is no text of the page
		return v
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(clean(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(scrubValue(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(scrubValue(v.Field(i)))
		}
	case reflect.Slice: // JSON has lists, and no null in their place
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(scrubValue(v.Index(i)))
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for _, k := range v.MapKeys() {
				out.SetMapIndex(k, scrubValue(v.MapIndex(k)))
			}
		}
	}
	return out
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
