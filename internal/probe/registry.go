package probe

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Registry reads the registry of Windows. It opens keys for reading only.
type Registry interface {
	// Value gives a value as text; false when there is no such key or value. root
	// is HKLM, HKCU, HKCR, HKU or HKCC; an empty name is the key's default value.
	Value(ctx context.Context, root, key, name string) (text string, found bool, err error)
}

// readRegistry: a value of the registry of Windows: text as it is, numbers in
// decimal, lists one entry a line, bytes in hexadecimal.
func readRegistry(ctx context.Context, e *Evaluator, q query) (Value, error) {
	root, key, name, err := registryPlace(q.arg)
	if err != nil {
		return Value{}, err
	}
	if e.deps.Registry == nil {
		return Value{}, unreadable(q.arg, elsewhere("only Windows has a registry, and this is "+runtime.GOOS+": a product for both has a command that tells the same"))
	}
	text, found, err := e.deps.Registry.Value(ctx, root, key, name)
	switch {
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	case !found:
		return Value{Evidence: "the registry has no " + oneLine(q.arg, 160)}, nil
	}
	return Value{Text: text, Present: text != "", Evidence: fmt.Sprintf("%s is %s", oneLine(q.arg, 160), oneLine(text, 80))}, nil
}

// registryPlace cuts HKLM\SOFTWARE\Vendor\Name into its root, its key and the
// name of its value; at the end of a key \ stands for its default value.
func registryPlace(path string) (root, key, name string, err error) {
	root, rest, ok := strings.Cut(path, `\`)
	long := map[string]string{"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CURRENT_USER": "HKCU", "HKEY_CLASSES_ROOT": "HKCR", "HKEY_USERS": "HKU", "HKEY_CURRENT_CONFIG": "HKCC"}
	if root = strings.ToUpper(strings.TrimSuffix(root, ":")); long[root] != "" {
		root = long[root]
	}
	cut := strings.LastIndex(rest, `\`)
	if !ok || !slices.Contains([]string{"HKLM", "HKCU", "HKCR", "HKU", "HKCC"}, root) || cut < 1 || strings.Contains(rest, `\\`) || strings.ContainsAny(rest, "\x00\n") {
		return "", "", "", malformed(`%q is no value of the registry such as HKLM\SOFTWARE\Vendor\Version`, oneLine(path, 120))
	}
	return root, rest[:cut], rest[cut+1:], nil
}

func checkRegistry(q query) error {
	_, _, _, err := registryPlace(q.arg)
	return err
}
