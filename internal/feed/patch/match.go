package patch

import (
	"encoding/binary"
	"math/bits"
)

const (
	seed       = 8  // bytes by which a place in the old tar is found
	candidates = 24 // places that are looked at for each
	holds      = 16 // equal bytes in a row: no better place is looked for
	gain       = 8  // more equal bytes than where we are: worth going elsewhere
	longest    = 4 << 10
)

// stretch is a piece of the new tar: length bytes that resemble those of the
// old one at from, then fresh ones.
type stretch struct {
	from, length, fresh int
}

// index finds places in the old tar by the bytes that are there.
type index struct {
	old   []byte
	shift int
	head  []int32 // by hash: the last place, plus one
	prev  []int32 // by place: the one before with the same hash, plus one
}

func newIndex(old []byte) *index {
	size := max(12, min(24, bits.Len(uint(len(old)))))
	x := &index{old: old, shift: 64 - size, head: make([]int32, 1<<size), prev: make([]int32, len(old))}
	for i := 0; i+seed <= len(old); i++ {
		h := x.hash(old[i:])
		x.prev[i], x.head[h] = x.head[h], int32(i+1)
	}
	return x
}

func (x *index) hash(b []byte) uint64 {
	return binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> x.shift
}

// find gives the place that begins with most of b, and how much.
func (x *index) find(b []byte) (at, length int) {
	if len(b) < seed {
		return 0, 0
	}
	p := x.head[x.hash(b)]
	for n := 0; p > 0 && n < candidates; n++ {
		if l := common(x.old[p-1:], b); l > length {
			at, length = int(p-1), l
			if length >= longest {
				break
			}
		}
		p = x.prev[p-1]
	}
	return at, length
}

// common is how many bytes both begin with.
func common(a, b []byte) int {
	n, i := min(len(a), len(b)), 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// match describes the new tar by the old one.
func match(old, new []byte) []stretch {
	x := newIndex(old)
	m := matcher{old: old, new: new}
	for i := 0; i < len(new); {
		d := m.shift
		if i+d < len(old) && i+d >= 0 {
			if n := common(old[i+d:], new[i:]); n >= holds || i+n == len(new) {
				i += n
				continue
			}
		}
		at, n := x.find(new[i:])
		if at-i == d || n <= m.equal(i, min(n, longest))+gain {
			i++
			continue
		}
		m.turn(i, at)
		i += n
	}
	m.turn(len(new), -1)
	return m.out
}

// matcher goes along the new tar; shift leads from there to the resembling
// place in the old one.
type matcher struct {
	old, new []byte
	shift    int
	begun    int // the current stretch
	out      []stretch
}

// equal counts the bytes from i on that are as in the old tar where we are.
func (m *matcher) equal(i, n int) (equal int) {
	for j := i; j < i+n; j++ {
		if o := j + m.shift; o >= 0 && o < len(m.old) && m.old[o] == m.new[j] {
			equal++
		}
	}
	return equal
}

// turn ends the stretch so that the next one begins before i, whose place is
// at: as much of what lies between goes to either as resembles it by more
// than half of its bytes.
func (m *matcher) turn(i, at int) {
	from := m.begun + m.shift
	forward := reach(i-m.begun, func(k int) bool {
		return from+k < len(m.old) && m.old[from+k] == m.new[m.begun+k]
	}, func(k int) bool { return from+k < len(m.old) })
	back := 0
	if at >= 0 {
		back = reach(i-m.begun, func(k int) bool { return m.old[at-1-k] == m.new[i-1-k] }, func(k int) bool { return at-1-k >= 0 })
	}
	if over := m.begun + forward - (i - back); over > 0 { // both want it: cut where most is equal
		best, score, cut := 0, 0, 0
		for k := range over {
			left, right := m.begun+forward-over+k, at-back+k
			if m.old[left+m.shift] == m.new[left] {
				score++
			}
			if m.old[right] == m.new[i-back+k] {
				score--
			}
			if score > best {
				best, cut = score, k+1
			}
		}
		forward -= over - cut
		back -= cut
	}
	m.out = append(m.out, stretch{from, forward, i - back - m.begun - forward})
	m.begun, m.shift = i-back, at-i
}

// reach is how far to go so that what is equal outweighs what is not by most.
func reach(limit int, equal, there func(k int) bool) (far int) {
	score, best := 0, 0
	for k := 0; k < limit && there(k); k++ {
		if equal(k) {
			score++
		} else {
			score--
		}
		if score > best {
			best, far = score, k+1
		}
	}
	return far
}
