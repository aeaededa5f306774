package version

import (
	"fmt"
	"strings"
)

// dashed orders 09-51 < 10-10 < 10-10-01: numbers between dashes compared as
// numbers, missing ones 0.
type dashed struct{}

func (dashed) valid(v string) error {
	for part := range strings.SplitSeq(v, "-") {
		if part == "" || leadingDigits(part) != len(part) {
			return fmt.Errorf("%q is not a dashed version: it needs numbers between dashes, such as 09-51", v)
		}
	}
	return nil
}

func (dashed) compare(a, b string) int {
	return compareParts(strings.Split(a, "-"), strings.Split(b, "-"))
}
