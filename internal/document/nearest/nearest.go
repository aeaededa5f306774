// Package nearest finds what was probably meant by a word that is not known:
// the key, version or name at the smallest edit distance.
//
// It is pure and imports the standard library only, so that every package of
// the model may use it.
package nearest

import "strings"

// maxWord bounds the words that are compared: longer ones are hardly typing
// errors, and the distance costs the product of both lengths.
const maxWord = 128

// Word returns the candidate nearest to word, or "" when none is near enough
// to be what was meant. Upper and lower case count as equal, so a candidate
// that differs only in case wins. Among equally near ones the one with the
// longer common beginning wins (people err at the end of words), then the first.
func Word(word string, candidates []string) string {
	best, bestDistance := "", limit(word)+1
	for _, c := range candidates {
		if c == "" || len(c) > maxWord {
			continue
		}
		d := distanceWithin(strings.ToLower(word), strings.ToLower(c), min(bestDistance, limit(word)))
		if d < bestDistance || (d == bestDistance && best != "" && common(word, c) > common(word, best)) {
			best, bestDistance = c, d
		}
	}
	return best
}

// common is the length of the beginning that a and b share, in bytes.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// limit says how many edits a word of this length may be away: a third of it,
// at least one and at most four.
func limit(word string) int {
	n := len([]rune(word))
	if n > maxWord || n == 0 {
		return -1
	}
	return min(max(1, (n+1)/3), 4)
}

// distanceWithin is Distance, but gives up beyond bound and returns bound+1.
func distanceWithin(a, b string, bound int) int {
	if bound < 0 {
		return bound + 1
	}
	if diff := len([]rune(a)) - len([]rune(b)); diff > bound || -diff > bound {
		return bound + 1
	}
	return min(Distance(a, b), bound+1)
}

// Distance is the Damerau-Levenshtein distance (optimal string alignment):
// the number of insertions, deletions, substitutions and swaps of neighbours
// that turn a into b, in characters.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
