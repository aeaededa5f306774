// Package xivo makes a real machine of examples/xivo: Debian packages of its
// sources, bundles of its releases, and a lab host where a release is
// installed, configured and running.
//
// It is test support and may import anything; what it reports of a machine is
// read without the code under test.
package xivo
