package probe

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// readCPU: the "count" of processors that this program may use, the load of the
// last "load1", "load5" or "load15" minutes (proc_loadavg(5)), or the
// "features" of the first processor, one a line.
func readCPU(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if q.arg == "count" {
		n := strconv.Itoa(runtime.NumCPU())
		return Value{Text: n, Present: true, Evidence: n + " processors can be used"}, nil
	}
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	if q.arg == "features" {
		return readFeatures(ctx, e, q)
	}
	text, err := slurp(ctx, e.deps.Files, "/proc/loadavg")
	if err != nil {
		return Value{}, unreadable("/proc/loadavg", cause(err))
	}
	f := strings.Fields(string(text))
	if len(f) < 3 {
		return Value{}, unreadable("/proc/loadavg", fmt.Errorf("it says %q", oneLine(string(text), 80)))
	}
	load := f[map[string]int{"load1": 0, "load5": 1, "load15": 2}[q.arg]]
	if _, err := strconv.ParseFloat(load, 64); err != nil {
		return Value{}, unreadable("/proc/loadavg", err)
	}
	return Value{Text: load, Present: true, Evidence: fmt.Sprintf("on average %s processes ran or waited to, in the last %s minutes, for %d processors",
		load, strings.TrimPrefix(q.arg, "load"), runtime.NumCPU())}, nil
}

func readFeatures(ctx context.Context, e *Evaluator, q query) (Value, error) {
	text, err := slurp(ctx, e.deps.Files, "/proc/cpuinfo")
	if err != nil {
		return Value{}, unreadable("/proc/cpuinfo", cause(err))
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); key != "flags" && key != "Features" { // as x86 and as ARM call them
			continue
		}
		all := strings.Fields(value)
		v, err := q.pick([]byte(strings.Join(all, "\n")), false)
		if err != nil {
			return Value{}, err
		}
		v.Evidence = fmt.Sprintf("%d features of the processor", len(all))
		if !v.Present && q.Select != "" {
			v.Evidence += ", no " + oneLine(q.Select, 60) + " among them"
		}
		return v, nil
	}
	return Value{}, unreadable("/proc/cpuinfo", fmt.Errorf("it names no features"))
}

func checkCPU(q query) error {
	if err := oneOf("count", "load1", "load5", "load15", "features")(q); err != nil {
		return err
	}
	if q.Select != "" && q.arg != "features" {
		return malformed("only of features can be selected")
	}
	return nil
}
