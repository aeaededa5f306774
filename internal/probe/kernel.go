package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// readSysctl: the value of a parameter of the kernel, with single blanks
// between several numbers.
func readSysctl(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	path, err := sysctlPath(q.arg)
	if err != nil {
		return Value{}, err
	}
	text, err := slurp(ctx, e.deps.Files, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: "this kernel has no parameter " + q.arg}, nil
	case err != nil:
		return Value{}, err
	}
	value := strings.Join(strings.Fields(string(text)), " ")
	return Value{Text: value, Present: value != "", Evidence: fmt.Sprintf("%s is %s", q.arg, oneLine(value, 80))}, nil
}

func checkSysctl(q query) error {
	_, err := sysctlPath(q.arg)
	return err
}

// sysctlPath reads a name as sysctl(8) does: the separator that comes first,
// a dot or a slash, separates; the other one stands for itself, so that
// net.ipv4.conf.eth0/1.forwarding is of the interface eth0.1.
func sysctlPath(name string) (string, error) {
	first := strings.IndexAny(name, "./")
	path := name
	if first >= 0 && name[first] == '.' {
		path = strings.NewReplacer(".", "/", "/", ".").Replace(name)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\n ") {
			return "", malformed("%q is no name of a parameter such as vm.max_map_count", oneLine(name, 80))
		}
	}
	return "/proc/sys/" + path, nil
}

// readKernelModule: "loaded", "built-in", or "available" when it would be
// loaded once it is asked for; no value when this kernel has none of that name.
func readKernelModule(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	name := moduleName(q.arg)
	loaded, err := slurp(ctx, e.deps.Files, "/proc/modules")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel that can load none has no list
		return Value{}, err
	}
	for line := range bytes.Lines(loaded) {
		if first, _, _ := bytes.Cut(line, []byte(" ")); moduleName(string(first)) == name {
			return Value{Text: "loaded", Present: true, Evidence: "the kernel has loaded " + name}, nil
		}
	}
	if _, err := e.deps.Files.Stat("/sys/module/" + name); err == nil { // it has parameters, and is not among the loaded ones
		return Value{Text: "built-in", Present: true, Evidence: name + " is built into the kernel"}, nil
	}
	release, err := slurp(ctx, e.deps.Files, "/proc/sys/kernel/osrelease")
	if err != nil {
		return Value{}, unreadable("the kernel's release", cause(err))
	}
	dir := "/lib/modules/" + strings.TrimSpace(string(release))
	for _, list := range [...]struct{ file, text, evidence string }{
		{"modules.builtin", "built-in", " is built into the kernel"},
		{"modules.dep", "available", " is not loaded, and can be"},
	} {
		text, err := slurp(ctx, e.deps.Files, filepath.Join(dir, list.file))
		if errors.Is(err, fs.ErrNotExist) { // in a container, whose kernel is the host's
			return Value{}, unreadable(q.arg, fmt.Errorf("it is not loaded, and what else the kernel has is not known: there is no %s", filepath.Join(dir, list.file)))
		}
		if err != nil {
			return Value{}, err
		}
		if slices.Contains(moduleNames(string(text)), name) {
			return Value{Text: list.text, Present: true, Evidence: name + list.evidence}, nil
		}
	}
	return Value{Evidence: "the kernel has no " + name}, nil
}

// moduleNames are those of a list of files of modules, as depmod(8) writes it:
// kernel/fs/ext4/ext4.ko.xz: kernel/…
func moduleNames(list string) []string {
	var out []string
	for line := range strings.Lines(list) {
		file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name, _, ok := strings.Cut(filepath.Base(file), ".ko"); ok {
			out = append(out, moduleName(name))
		}
	}
	return out
}

// moduleName: the kernel makes no difference between - and _.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

func checkKernelModule(q query) error {
	if strings.ContainsAny(q.arg, "/. \n\x00") {
		return malformed("%q is no name of a kernel module such as br_netfilter", oneLine(q.arg, 80))
	}
	return nil
}
