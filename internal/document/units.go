package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxDuration is the longest span that a document may name.
const MaxDuration = 10 * 366 * 24 * time.Hour

// ParseDuration reads a span of time: numbers with the units ms, s, m, h, d
// (24 hours) and w (7 days), such as 90s, 1h30m or 1.5d. It is never negative.
func ParseDuration(s string) (time.Duration, error) {
	const want = "a span of time such as 90s, 10m or 1d"
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	total, rest := 0.0, s
	for rest != "" {
		number, after := leadingNumber(rest)
		n := len(after) - len(strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyz"))
		unit, ok := units[after[:n]]
		if number == "" || !ok {
			if number != "" && n == 0 {
				return 0, fmt.Errorf("%q has no unit: write %s", s, want)
			}
			return 0, fmt.Errorf("%q is not %s", s, want)
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not %s", s, want)
		}
		total, rest = total+value*float64(unit), after[n:]
	}
	switch {
	case s == "":
		return 0, fmt.Errorf("%q is not %s", s, want)
	case total > float64(MaxDuration):
		return 0, fmt.Errorf("%q is longer than ten years", s)
	}
	return time.Duration(math.Round(total)), nil
}

// leadingNumber cuts a decimal number, with at most one point, off s.
func leadingNumber(s string) (number, rest string) {
	n := len(s) - len(strings.TrimLeft(s, "0123456789."))
	number = s[:n]
	if n > 15 || strings.Count(number, ".") > 1 || strings.Trim(number, ".") == "" {
		return "", s
	}
	return number, s[n:]
}

// Unit says what KB, MB, GB and TB count in. KiB, MiB, GiB and TiB always count
// in powers of 1024.
type Unit int

// Minima are strict and count in powers of 1024, so that a check never passes
// too early; estimates count in powers of 1000.
const (
	Decimal Unit = 1000
	Binary  Unit = 1024
)

// ParseBytes reads a size: a number with B, KB, MB, GB, TB or KiB, MiB, GiB,
// TiB behind it, such as 20GB or 2.4 GiB. It is never negative.
func ParseBytes(s string, unit Unit) (int64, error) {
	const want = "a size such as 30MB or 2.4GiB"
	number, rest := leadingNumber(s)
	rest = strings.TrimPrefix(rest, " ")
	if number == "" || rest == "" {
		return 0, fmt.Errorf("%q is not %s", s, want)
	}
	base, power := float64(unit), strings.Index("BKMGT", strings.ToUpper(rest[:1]))
	switch suffix := rest[1:]; {
	case power == 0 && suffix == "":
	case power > 0 && suffix == "B":
	case power > 0 && suffix == "iB":
		base = 1024
	default:
		return 0, fmt.Errorf("%q is not %s", s, want)
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not %s", s, want)
	}
	size := math.Ceil(value * math.Pow(base, float64(power)))
	if size > 1<<62 {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return int64(size), nil
}
