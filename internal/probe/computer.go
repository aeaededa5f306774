package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/probe/expect"
)

// oneOf makes a check of an argument that must be one of some words.
func oneOf(words ...string) func(query) error {
	return func(q query) error {
		if !slices.Contains(words, q.arg) {
			return malformed("%q is none of %s", oneLine(q.arg, 80), strings.Join(words, ", "))
		}
		return nil
	}
}

// readOS: what the computer runs: "id" and "version" of the distribution as
// os-release(5) has them, "kernel", "arch" as Go names it.
func readOS(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if q.arg == "arch" {
		return Value{Text: runtime.GOARCH, Present: true, Evidence: "the processor is " + runtime.GOARCH}, nil
	}
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	if q.arg == "kernel" {
		text, err := slurp(ctx, e.deps.Files, "/proc/sys/kernel/osrelease")
		if err != nil {
			return Value{}, unreadable(q.arg, cause(err))
		}
		release := strings.TrimSpace(string(text))
		return Value{Text: release, Present: true, Evidence: "the kernel is Linux " + release}, nil
	}
	text, err := slurp(ctx, e.deps.Files, "/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = slurp(ctx, e.deps.Files, "/usr/lib/os-release")
	}
	if err != nil {
		return Value{}, unreadable("os-release", cause(err))
	}
	keys := osRelease(text)
	v := Value{Text: keys[map[string]string{"id": "ID", "version": "VERSION_ID"}[q.arg]], Evidence: "this is " + oneLine(keys["PRETTY_NAME"], 80)}
	v.Present = v.Text != "" // Debian's testing has no VERSION_ID
	return v, nil
}

func osRelease(text []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			out[key] = strings.Trim(value, `"'`)
		}
	}
	return out
}

// readMemory: bytes of memory: "total", "available" for programs without
// swapping, and free "swap" (proc_meminfo(5)).
func readMemory(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	text, err := slurp(ctx, e.deps.Files, "/proc/meminfo")
	if err != nil {
		return Value{}, unreadable("/proc/meminfo", cause(err))
	}
	key := map[string]string{"total": "MemTotal:", "available": "MemAvailable:", "swap": "SwapFree:"}[q.arg]
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 2 || f[0] != key {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return Value{}, unreadable("/proc/meminfo", err)
		}
		n <<= 10 // "kB" there means KiB
		return Value{Text: strconv.FormatInt(n, 10), Present: true, Evidence: fmt.Sprintf("memory %s: %s", q.arg, expect.Bytes(new(big.Rat).SetInt64(n)))}, nil
	}
	return Value{}, unreadable("/proc/meminfo", fmt.Errorf("it does not say %s", key))
}

// readInodes: how many more files the volume of a path can hold.
func readInodes(_ context.Context, e *Evaluator, q query) (Value, error) {
	volume, err := e.deps.Files.Free(q.arg)
	if err != nil {
		return Value{}, unreadable(q.arg, cause(err))
	}
	if volume.FreeInodes < 0 {
		return Value{Text: strconv.FormatInt(math.MaxInt64, 10), Present: true, Evidence: "the volume of " + q.arg + " has no limit of files"}, nil
	}
	n := strconv.FormatInt(volume.FreeInodes, 10)
	return Value{Text: n, Present: true, Evidence: n + " more files fit on the volume of " + q.arg}, nil
}

// readDNS: the addresses of a name, sorted.
func readDNS(ctx context.Context, _ *Evaluator, q query) (Value, error) {
	all, err := net.DefaultResolver.LookupHost(ctx, q.arg)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return Value{Evidence: q.arg + " has no address"}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	}
	slices.Sort(all)
	text := strings.Join(slices.Compact(all), ", ")
	return Value{Text: text, Present: true, Evidence: q.arg + " is at " + oneLine(text, 160)}, nil
}

// readClock: whether the kernel's clock is kept in step by something (NTP,
// PTP, the host), as adjtimex(2) tells.
func readClock(_ context.Context, _ *Evaluator, _ query) (Value, error) {
	inStep, err := clockInStep()
	switch {
	case err != nil:
		return Value{}, unreadable("clock", err)
	case !inStep:
		return Value{Text: "adrift", Present: true, Evidence: "nothing keeps the clock of this computer in step"}, nil
	}
	return Value{Text: "in-step", Present: true, Evidence: "the clock of this computer is kept in step"}, nil
}
