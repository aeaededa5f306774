package gentle

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Of ioprio_set(2), which x/sys does not have.
const (
	ioWhoProcess  = 1
	ioClassShift  = 13
	ioBestEffort  = 2 << ioClassShift
	ioIdle        = 3 << ioClassShift
	ioDefault     = ioBestEffort | 4 // what a nice of 0 comes to
	niceLow       = 10
	niceRaw       = 20 // getpriority(2) gives 20 minus the value
	capSysNice    = 23
	threadsFolder = "/proc/self/task"
)

// lower lowers the priority of this process, all its threads, and of what they
// start meanwhile: of the processor by nice 10, of the disks to idle. It gives
// what takes that back. Where the system would not let the nice value be taken
// back, only the disks give way; where it allows nothing, nothing does: a restore
// point that is made at full pace is better than none.
func lower() func() {
	was := 0
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		was = niceRaw - raw
	}
	back := was < niceLow && mayRaise()
	threads(func(tid int) {
		ioprio(tid, ioIdle)
		if back {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, niceLow) // see above
		}
	})
	return func() {
		threads(func(tid int) {
			ioprio(tid, ioDefault)
			if back {
				_ = unix.Setpriority(unix.PRIO_PROCESS, tid, was) // it may have ended
			}
		})
	}
}

// mayRaise says whether this process may take a nice value back.
func mayRaise() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&head, &data[0]) == nil && data[0].Effective&(1<<capSysNice) != 0
}

// threads does something to every thread of this process. One that is started
// meanwhile has what its parent has, so a second look finds those that were
// missed.
func threads(do func(tid int)) {
	for range 2 {
		list, err := os.ReadDir(threadsFolder)
		if err != nil {
			return
		}
		for _, e := range list {
			if tid, err := strconv.Atoi(e.Name()); err == nil {
				do(tid)
			}
		}
	}
}

func ioprio(tid, value int) {
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioWhoProcess, uintptr(tid), uintptr(value)) // see lower
}
