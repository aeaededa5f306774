//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "lab: hosts of the lab are made with systemd-nspawn, which Linux has")
	os.Exit(1)
}
