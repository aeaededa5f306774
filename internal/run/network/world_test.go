package network

import (
	"math/bits"

	"upkeep/internal/run"
)

// The states of an effect.
const (
	old uint8 = iota
	mixed
	new_
)

// What is asked of a node.
const (
	none    uint8 = iota
	prepare       // what is there before? reads only
	look          // a check: reads only
	do            // a grant
	undo          // a grant
	fence         // a grant with nothing to do
	hello         // a coordinator that has started
)

// What a node answers.
const (
	asked uint8 = iota // it is no answer
	yes
	no
	unclear
)

// message is on its way.
type message struct {
	kind, step, node uint8
	epoch, seq       uint8
	answer           uint8
	saw              uint8 // of prepare: the effect; of hello: the epoch that the node has
	high             uint8 // of hello: the highest sequence that the node has accepted
	branch           uint8 // stands for the hash of the journal's last entry
}

// task is what a node does now; in memory only.
type task struct{ kind, step, stage uint8 }

// The stages of a task.
const (
	taken uint8 = iota
	begun
	done
	failed
	doubtful
)

// node is one computer: what it keeps, and what it does.
type node struct {
	epoch, high, branch uint8 // of the highest grant that it has accepted
	ended               bool  // that grant has ended
	kind, step          uint8 // what that grant was
	did                 uint32
	now                 task
	left                task // of a control: of an older grant, not ended
}

const (
	maxSteps    = 20
	maxMessages = 5
)

// world is one state of the model.
type world struct {
	journal, saved int32 // its states; saved: the copy that a backup has, -1 none
	seq, savedSeq  uint8
	prepared       bool // volatile: the memo of the next step is there
	sent           bool // volatile: what is waited for was asked for
	sealing        uint8
	epoch          uint8 // of this coordinator
	kept           uint8 // the epoch beside the journal
	savedKept      uint8
	greeted        uint8 // nodes that have accepted the epoch
	starts         uint8 // of coordinators; the mark by which a greeting is known
	branch, fork   uint8 // 1: of a journal that was brought back; the sequence up to which both are the same
	astray         bool  // its journal was brought back, and not every node has accepted its epoch yet
	stopped        bool  // it has noticed that its journal is too old
	nodes          [2]node
	effects        [maxSteps]uint8
	net            [maxMessages]message
	left           budget
}

// budget is what may still go wrong.
type budget struct{ crashes, faults, breaks, people, restores uint8 }

// canonical sorts what has no order, and counts sequences by rank: only their
// order matters.
func (w *world) canonical(ranks bool) {
	net := &w.net
	for i := 1; i < len(net); i++ {
		for k := i; k > 0 && net[k].number() > net[k-1].number(); k-- {
			net[k], net[k-1] = net[k-1], net[k]
		}
	}
	if !ranks {
		return
	}
	have := uint64(1) | 1<<w.seq | 1<<w.nodes[0].high | 1<<w.nodes[1].high
	for i := range net {
		have |= 1 << net[i].seq
	}
	rank := func(seq *uint8) { *seq = uint8(bits.OnesCount64(have & (1<<*seq - 1))) }
	rank(&w.seq)
	rank(&w.nodes[0].high)
	rank(&w.nodes[1].high)
	for i := range net {
		rank(&net[i].seq)
	}
}

// number orders messages; that which is none comes last.
func (m message) number() uint64 {
	return uint64(m.kind)<<56 | uint64(m.step)<<48 | uint64(m.node)<<40 | uint64(m.epoch)<<32 | uint64(m.seq)<<24 | uint64(m.answer)<<16 | uint64(m.saw)<<8 | uint64(m.high)<<1 | uint64(m.branch)
}

// send puts a message on its way; the network holds so many and no more.
func (w *world) send(m message) bool {
	for i := range w.net {
		if w.net[i].kind == none {
			w.net[i] = m
			return true
		}
	}
	return false
}

// target is the effect that a grant leads to.
func target(kind uint8) uint8 {
	if kind == undo {
		return old
	}
	return new_
}

func direction(kind uint8) run.Direction {
	if kind == undo {
		return run.Undo
	}
	return run.Do
}
