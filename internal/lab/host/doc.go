// Package host gives tests whole machines: Debian 12 with the real systemd,
// made with systemd-nspawn, one overlay a host over one base. Linux only, and
// root only; it is test support, and may import anything.
//
// A host has no network but a bridge of the lab's own, in a network namespace
// that the hosts of one test process share: no internet, no way to the
// machine's network or back. Inside are systemd, dbus, PostgreSQL 15, nginx,
// nftables, sshd, sqlite3 and curl. PostgreSQL, nginx and sshd are there but
// disabled: a test enables what it needs.
//
// What works inside, tried: nftables with nat, redirect and tproxy (all tests
// of Upkeep's gate pass, run by hand and by a unit: a host keeps CAP_NET_ADMIN
// in a network namespace of its own), SO_MARK, PostgreSQL, SQLite, D-Bus,
// scopes and cgroups of one's own, masks, drop-ins, reboot, a boot id for each
// boot. What does not: kernel modules, device nodes, the clock, sysctls.
//
// Kill ends a host at once, as if its processes had all been killed: the page
// cache survives, so it is not a power cut. It shows what is decided by the
// order of system calls, not by the order in which a disk writes.
//
// Everything ends with the test; when the test process is killed, a watcher
// ends it, and when that is killed too, the next start does.
package host
