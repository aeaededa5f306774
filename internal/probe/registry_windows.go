package probe

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	win "golang.org/x/sys/windows/registry"
)

func registry() Registry { return windowsRegistry{} }

// windowsRegistry is the real one. It was never run.
type windowsRegistry struct{}

func (windowsRegistry) Value(_ context.Context, root, key, name string) (string, bool, error) {
	roots := map[string]win.Key{"HKLM": win.LOCAL_MACHINE, "HKCU": win.CURRENT_USER, "HKCR": win.CLASSES_ROOT,
		"HKU": win.USERS, "HKCC": win.CURRENT_CONFIG}
	// A 32-bit program would be shown another place without WOW64_64KEY.
	k, err := win.OpenKey(roots[root], key, win.QUERY_VALUE|win.WOW64_64KEY)
	if errors.Is(err, win.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer k.Close()
	raw := make([]byte, 1<<16)
	n, kind, err := k.GetValue(name, raw)
	if errors.Is(err, win.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	switch kind {
	case win.SZ, win.EXPAND_SZ:
		text, _, err := k.GetStringValue(name)
		return text, err == nil, err
	case win.MULTI_SZ:
		list, _, err := k.GetStringsValue(name)
		return strings.Join(list, "\n"), err == nil, err
	case win.DWORD, win.QWORD:
		number, _, err := k.GetIntegerValue(name)
		return strconv.FormatUint(number, 10), err == nil, err
	case win.BINARY, win.NONE:
		return hex.EncodeToString(raw[:n]), true, nil
	}
	return "", false, fmt.Errorf("its type %d is none that can be shown", kind)
}
