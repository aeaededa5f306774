//go:build !linux

package gate

import "errors"

var errLinux = errors.New("the gate needs Linux")

func try() error { return errLinux }

func apply(Spec, uint16) error { return errLinux }

func remove(string) error { return errLinux }

func read(string) (State, uint16, error) { return State{}, 0, nil } // nothing can be up

func tables() ([]string, error) { return nil, nil }

func setMark(uintptr, uint32) error { return errLinux }

func setTransparent(uintptr, string, uint32) error { return errLinux }
