package selector

import (
	"regexp"
	"strconv"
	"strings"
)

// fromINI finds a key in a file of lines: key = value, key: value or, as in
// redis.conf and nginx's, key value. A [section] in front makes section.key.
func fromINI(text []byte, key string) (string, error) {
	section, found, number := "", once{}, 0
	for line := range strings.SplitSeq(string(text), "\n") {
		number++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch {
		case line == "" || strings.ContainsRune("#;!", rune(line[0])) || strings.HasPrefix(line, "//"):
			continue
		case line[0] == '[' && strings.Contains(line, "]"):
			section = strings.TrimSpace(line[1:strings.IndexByte(line, ']')])
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		for _, name := range []string{key, strings.TrimPrefix(key, section+".")} {
			if value, ok := valueAfter(line, name); ok {
				if err := found.see(key, value, number); err != nil {
					return "", err
				}
				break
			}
			if section == "" {
				break
			}
		}
	}
	return found.value, nil
}

// valueAfter gives the value of a line that begins with the key.
func valueAfter(line, key string) (string, bool) {
	rest, ok := strings.CutPrefix(line, key)
	if !ok || rest == "" {
		return "", ok && rest == ""
	}
	trimmed := strings.TrimLeft(rest, " \t")
	switch {
	case trimmed != "" && (trimmed[0] == '=' || trimmed[0] == ':'):
		return unquote(strings.TrimSpace(trimmed[1:])), true
	case len(trimmed) < len(rest):
		return unquote(strings.TrimRight(trimmed, "; \t")), true
	}
	return "", false
}

// unquote takes quotes or a comment after the value away.
func unquote(v string) string {
	if v == "" {
		return v
	}
	if q := v[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(v[1:], q); end >= 0 {
			return v[1 : end+1]
		}
		return v
	}
	for _, mark := range []string{" #", "\t#", " ;", "\t;"} {
		if i := strings.Index(v, mark); i >= 0 {
			v = v[:i]
		}
	}
	return strings.TrimSpace(v)
}

// fromProperties finds a key in a Java properties file:
// https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-
func fromProperties(text []byte, key string) (string, error) {
	found, number := once{}, 0
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		number = i + 1
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continues(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		k, v := splitProperty(line)
		if unescape(k) != key {
			continue
		}
		if err := found.see(key, unescape(v), number); err != nil {
			return "", err
		}
	}
	return found.value, nil
}

// continues: an odd number of backslashes at the end.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func splitProperty(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
		} else if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			end = i
			break
		}
	}
	value = strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return line[:end], value
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 < len(s) {
				if code, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
					b.WriteRune(rune(code))
					i += 4
					continue
				}
			}
			b.WriteByte('u')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// fromPHP finds a key in a PHP configuration file: 'key' => 'value',
// $key = 'value' and define('KEY', 'value'). Only literals are values: PHP is
// not run.
func fromPHP(text []byte, key string) (string, error) {
	const literal = `('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+]?[0-9][0-9.]*|true|false|null)`
	name := regexp.QuoteMeta(key)
	re, err := regexp.Compile(`(?mi:^[ \t]*(?://|#|\*).*$)|(?:['"]` + name + `['"]\s*=>\s*|\$` + name + `\s*=\s*|define\(\s*['"]` + name + `['"]\s*,\s*)(?i:` + literal + `)`)
	if err != nil {
		return "", err
	}
	found := once{}
	for _, m := range re.FindAllSubmatchIndex(text, -1) {
		if m[2] < 0 {
			continue // a comment
		}
		line := strings.Count(string(text[:m[2]]), "\n") + 1
		if err := found.see(key, phpLiteral(string(text[m[2]:m[3]])), line); err != nil {
			return "", err
		}
	}
	return found.value, nil
}

func phpLiteral(v string) string {
	switch {
	case v[0] == '\'':
		return strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(v[1 : len(v)-1])
	case v[0] == '"':
		return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, `\n`, "\n", `\t`, "\t").Replace(v[1 : len(v)-1])
	case strings.EqualFold(v, "null"):
		return ""
	}
	return v
}
