package expect

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// Compiled once, never changed. Digits are bounded, so that no bound costs
// more than a line of text.
var (
	integerForm  = regexp.MustCompile(`^[+-]?[0-9]{1,40}$`)
	numberForm   = regexp.MustCompile(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)
	sizeForm     = regexp.MustCompile(`^([0-9]{1,40}(?:\.[0-9]{1,40})?) ?([kKMGTPE]i?)?[Bb](?:ytes?)?$`)
	durationForm = regexp.MustCompile(`^-?(?:[0-9]{1,18}(?:\.[0-9]{1,18})?(?:w|d|h|min|ms|m|s|us|µs|ns))+$`)
	durationPart = regexp.MustCompile(`([0-9.]+)(w|d|h|min|ms|m|s|us|µs|ns)`)
)

func isInteger(s string) bool { return integerForm.MatchString(s) }
func isNumber(s string) bool  { return numberForm.MatchString(s) }

func parseNumber(s string) (*big.Rat, error) {
	if isNumber(s) {
		if n, ok := new(big.Rat).SetString(s); ok {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%q is not a number", shorten(s))
}

// ParseSize reads a number of bytes: plain, or with a unit (B, kB, MB, GB, TB,
// PB, EB and KiB … EiB). All units are powers of 1024: a minimum that is meant
// as 10^9 is then met with room to spare, never missed.
func ParseSize(s string) (*big.Rat, error) {
	if isNumber(s) && !strings.HasPrefix(s, "-") {
		return parseNumber(s)
	}
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q is not a size such as 2.4GB", shorten(s))
	}
	n, err := parseNumber(m[1])
	if err != nil || m[2] == "" {
		return n, err
	}
	power := uint(strings.Index("KMGTPE", strings.ToUpper(m[2][:1]))) + 1
	unit := new(big.Int).Lsh(big.NewInt(1), 10*power)
	return n.Mul(n, new(big.Rat).SetInt(unit)), nil
}

// Bytes writes a number of bytes exactly, with its thousands apart. A part of
// a byte counts as a whole one.
func Bytes(n *big.Rat) string {
	whole, rest := new(big.Int).QuoRem(n.Num(), n.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	digits := whole.String()
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String() + " bytes"
}

// parseDuration reads a span in nanoseconds: Go's units, and d (24 h) and w.
func parseDuration(s string) (*big.Rat, error) {
	if !durationForm.MatchString(s) {
		return nil, fmt.Errorf("%q is not a span of time such as 90s, 20m or 1d", shorten(s))
	}
	units := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "min": time.Minute, "m": time.Minute,
		"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond, "ns": 1}
	sum := new(big.Rat)
	for _, m := range durationPart.FindAllStringSubmatch(s, -1) {
		n, err := parseNumber(m[1])
		if err != nil {
			return nil, err
		}
		sum.Add(sum, n.Mul(n, new(big.Rat).SetInt64(int64(units[m[2]]))))
	}
	if s[0] == '-' {
		sum.Neg(sum)
	}
	return sum, nil
}

// Moment reads a moment as a range does: RFC 3339, or a date with or without a time, which
// are taken as UTC.
func Moment(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2025-11-20T10:00:00Z", shorten(s))
}
