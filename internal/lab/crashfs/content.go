package crashfs

import "slices"

const (
	block   = 4096
	maxSize = 1 << 44 // as of ext4 with blocks of 4 KiB
	maxData = 1 << 31 // what is really held in memory
)

// content is what a file holds: data, and zeros up to size. The bytes of data are never changed, but one content at a time may
// append to them; frozen gives one that cannot.
type content struct {
	data []byte
	size int64
	head int64    // blocks allocated from the beginning
	more []extent // blocks allocated behind a hole, in order
}

type extent struct{ from, to int64 }

func blocks(bytes int64) int64 { return (bytes + block - 1) / block }

func (c content) frozen() content {
	c.data = c.data[:len(c.data):len(c.data)]
	return c
}

func (c content) alloc() int64 {
	n := c.head
	for _, e := range c.more {
		n += e.to - e.from
	}
	return n * block
}

// covered is c with the bytes from..to allocated.
func (c content) covered(from, to int64) content {
	f, t := from/block, blocks(to)
	if f <= c.head {
		c.head = max(c.head, t)
		for len(c.more) > 0 && c.more[0].from <= c.head {
			c.head = max(c.head, c.more[0].to)
			c.more = c.more[1:]
		}
		return c
	}
	all := append(slices.Clone(c.more), extent{f, t})
	slices.SortFunc(all, func(a, b extent) int { return int(a.from - b.from) })
	c.more = all[:1]
	for _, e := range all[1:] {
		if last := &c.more[len(c.more)-1]; e.from <= last.to {
			last.to = max(last.to, e.to)
		} else {
			c.more = append(c.more, e)
		}
	}
	return c
}

// written is c with p at off.
func (c content) written(p []byte, off int64) content {
	end := off + int64(len(p))
	c = c.covered(off, end)
	switch have := int64(len(c.data)); {
	case off == have:
		c.data = append(c.data, p...)
	case off > have:
		c.data = append(append(c.data, make([]byte, off-have)...), p...)
	default:
		d := make([]byte, max(have, end))
		copy(d, c.data)
		copy(d[off:], p)
		c.data = d
	}
	c.size = max(c.size, end)
	return c
}

func (c content) truncated(size int64) content {
	if size < int64(len(c.data)) {
		c.data = c.data[:size:size]
	}
	if size < c.size {
		n := blocks(size)
		c.head = min(c.head, n)
		var more []extent
		for _, e := range c.more {
			if e.to = min(e.to, n); e.from < e.to {
				more = append(more, e)
			}
		}
		c.more = more
	}
	c.size = size
	return c
}

// read fills p from off and says how much there was.
func (c content) read(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	n := 0
	if off < int64(len(c.data)) {
		n = copy(p, c.data[off:])
	}
	clear(p[n:])
	return len(p)
}

func (c content) bytes() []byte {
	b := make([]byte, c.size)
	copy(b, c.data)
	return b
}
