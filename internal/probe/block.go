package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"runtime"
	"strconv"
	"strings"

	"upkeep/internal/probe/expect"
)

// readBlockDevice: of the block device that a path names or lies on, its size
// in bytes, or what is selected: its "name", and "read-only" and "rotational",
// which are yes or no. No value where the path lies on none (tmpfs, NFS).
func readBlockDevice(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	number, nothing, err := e.blockNumber(ctx, q.arg)
	if err != nil || nothing != "" {
		return Value{Evidence: nothing}, err
	}
	dir := "/sys/dev/block/" + number
	get := func(name string) (string, error) {
		text, err := slurp(ctx, e.deps.Files, dir+"/"+name)
		return strings.TrimSpace(string(text)), err
	}
	said, err := get("uevent")
	if errors.Is(err, fs.ErrNotExist) {
		return Value{Evidence: fmt.Sprintf("%s lies on no block device: the kernel has none of the number %s", q.arg, number)}, nil
	}
	if err != nil {
		return Value{}, err
	}
	name := osRelease([]byte(said))["DEVNAME"]
	v := Value{Present: true}
	switch q.Select {
	case "name":
		v.Text = name
	case "read-only":
		v.Text, err = flag(get("ro"))
	case "rotational":
		v.Text, err = flag(get("queue/rotational"))
		if errors.Is(err, fs.ErrNotExist) { // a partition: its disk has it
			v.Text, err = flag(get("../queue/rotational"))
		}
	default:
		v.Text, v.Evidence, err = blockSize(get("size"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Value{Evidence: fmt.Sprintf("the kernel does not say %s of %s", q.Select, name)}, nil
	}
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	if v.Evidence == "" {
		v.Evidence = fmt.Sprintf("%s: %s", strings.ReplaceAll(q.Select, "-", " "), v.Text)
	}
	v.Evidence = fmt.Sprintf("%s lies on %s, %s", q.arg, name, v.Evidence)
	return v, nil
}

func flag(text string, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case text == "0" || text == "1":
		return yesNo(text == "1"), nil
	}
	return "", fmt.Errorf("the kernel says %q", oneLine(text, 40))
}

func blockSize(text string, err error) (bytes, evidence string, _ error) {
	if err != nil {
		return "", "", err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<53 {
		return "", "", fmt.Errorf("the kernel says %q", oneLine(text, 40))
	}
	n *= 512 // sectors there are always that long
	return strconv.FormatInt(n, 10), expect.Bytes(new(big.Rat).SetInt64(n)), nil
}

// blockNumber gives MAJOR:MINOR of the device. Some volumes (btrfs) have a
// number of their own, and name their device.
func (e *Evaluator) blockNumber(ctx context.Context, path string) (number, nothing string, err error) {
	info, err := e.deps.Files.Stat(path)
	switch {
	case err == nil && info.Mode&fs.ModeDevice != 0 && info.Mode&fs.ModeCharDevice == 0:
		return deviceNumber(info.Rdev), "", nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", "", unreadable(path, cause(err))
	case err != nil && strings.HasPrefix(path, "/dev/"):
		return "", "there is no " + path, nil
	}
	m, err := e.mountOf(ctx, path)
	if err != nil || !strings.HasPrefix(m.Device, "0:") {
		return m.Device, "", err
	}
	if info, err := e.deps.Files.Stat(m.Source); err == nil && strings.HasPrefix(m.Source, "/dev/") && info.Mode&fs.ModeDevice != 0 {
		return deviceNumber(info.Rdev), "", nil
	}
	return "", fmt.Sprintf("%s lies on no block device, but on %s of %s", path, m.Type, oneLine(m.Source, 80)), nil
}

// deviceNumber writes a number of stat(2) as the kernel's lists do (makedev(3)).
func deviceNumber(dev uint64) string {
	major := dev>>8&0xfff | dev>>32&^0xfff
	minor := dev&0xff | dev>>12&^0xff&0xffffffff
	return fmt.Sprintf("%d:%d", major, minor)
}
