package xivo

import "strings"

// What debhelper (compatibility 13) puts into the scripts of a package with
// units; UNIT stands for each.
const (
	postinstUnit = `if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] || [ "$1" = "abort-deconfigure" ] || [ "$1" = "abort-remove" ] ; then
	# This will only remove masks created by d-s-h on package removal.
	deb-systemd-helper unmask 'UNIT' >/dev/null || true
	# was-enabled defaults to true, so new installations run enable.
	if deb-systemd-helper --quiet was-enabled 'UNIT'; then
		deb-systemd-helper enable 'UNIT' >/dev/null || true
	else
		deb-systemd-helper update-state 'UNIT' >/dev/null || true
	fi
	if [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
		if [ -n "$2" ]; then
			_dh_action=restart
		else
			_dh_action=start
		fi
		deb-systemd-invoke $_dh_action 'UNIT' >/dev/null || true
	fi
fi
`
	prermUnit = `if [ -z "${DPKG_ROOT:-}" ] && [ "$1" = remove ] && [ -d /run/systemd/system ] ; then
	deb-systemd-invoke stop 'UNIT' >/dev/null || true
fi
`
	postrmUnit = `if [ "$1" = remove ] && [ -d /run/systemd/system ] ; then
	systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = "purge" ]; then
	if [ -x "/usr/bin/deb-systemd-helper" ]; then
		deb-systemd-helper purge 'UNIT' >/dev/null || true
	fi
fi
`
)

// maintainer writes the scripts of a package.
func maintainer(files map[string]string, post string, units []string) {
	scripts := map[string]string{"postinst": post}
	for _, u := range units {
		for name, text := range map[string]string{"postinst": postinstUnit, "prerm": prermUnit, "postrm": postrmUnit} {
			scripts[name] += strings.ReplaceAll(text, "UNIT", u)
		}
	}
	for name, text := range scripts {
		if text != "" {
			files[name] = "#!/bin/sh\nset -e\n" + text + "exit 0\n"
		}
	}
}
