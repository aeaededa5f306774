package durable

import (
	"strings"

	"golang.org/x/sys/unix"
)

func xattrs(path string) (map[string][]byte, error) {
	names, err := listXattr(path)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	out := make(map[string][]byte, len(names))
	for _, n := range names {
		v, err := sized(func(b []byte) (int, error) { return unix.Lgetxattr(path, n, b) })
		switch err {
		case nil:
			out[n] = append([]byte{}, v...)
		case unix.ENODATA, unix.ENOTSUP: // gone meanwhile, or listed by a security module that does not give it away
		default:
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func listXattr(path string) ([]string, error) {
	b, err := sized(func(b []byte) (int, error) { return unix.Llistxattr(path, b) })
	if err == unix.ENOTSUP || err == nil && len(b) == 0 {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}

// sized calls with a small buffer first, as nearly every file has few attributes, then with as much as is asked for.
func sized(call func([]byte) (int, error)) ([]byte, error) {
	var small [256]byte
	buf := small[:]
	for try := 0; ; try++ {
		n, err := call(buf)
		switch {
		case err == nil:
			return buf[:n], nil
		case err == unix.EINTR:
		case err == unix.ERANGE && try < 8:
			n, err := call(nil)
			if err != nil {
				return nil, err
			}
			buf = make([]byte, n+64)
		default:
			return nil, err
		}
	}
}

func setXattr(path, name string, value []byte) error {
	return retry(func() error { return unix.Lsetxattr(path, name, value, 0) })
}

func removeXattr(path, name string) error {
	return retry(func() error { return unix.Lremovexattr(path, name) })
}
