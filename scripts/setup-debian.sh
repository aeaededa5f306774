#!/bin/sh
# Installs the Debian packages that the tests need. Nothing is done when all is
# there; otherwise as root, or through sudo. Run it again at any time.
set -eu

say() { echo "setup-debian: $*"; }

missing=
need() { # PACKAGE: FILE that shows that it is there (a pattern)
	for file in $2; do
		[ -e "$file" ] && return
	done
	missing="$missing $1"
}

need_program() { # PACKAGE: PROGRAM
	command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}

need postgresql '/usr/lib/postgresql/*/bin/postgres' # the database of the products under test
# MariaDB's programs without its service: mariadb-server itself would start one
# and take its port, and the tests start servers of their own.
need mariadb-server-core /usr/sbin/mariadbd
need_program mariadb-client mariadb
need debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg # checks what comes from other suites
need ca-certificates /etc/ssl/certs/ca-certificates.crt
need_program dpkg dpkg-deb # unpacks the products under test
need_program curl curl     # the plain script that outages are compared with
need_program util-linux setpriv
need_program age age         # restore points are read with plain tools
need_program sqlite3 sqlite3 # likewise
need_program zstd zstd       # likewise; what patches are compared with
need_program procps ps
need_program jq jq # carries out docs/how-to/automate.md
need_program nodejs node # runs Unleash, one of the products under test
need_program npm npm     # gets it
need_program chromium chromium # looks at the page
# What serves WordPress, another one. The tests start their own.
need_program php-cli php
need php-fpm '/usr/sbin/php-fpm[0-9]*'
need php-mysql '/usr/lib/php/*/mysqli.so'
need php-xml '/usr/lib/php/*/xml.so'
need nginx /usr/sbin/nginx

need openssh-server /usr/sbin/sshd # keeps restore points over SFTP; the tests start one of their own
need_program openssh-client ssh

# Whole machines for tests that are root's (internal/lab/host).
if [ "$(id -u)" = 0 ]; then
	need_program systemd-container systemd-nspawn
	need_program debootstrap debootstrap
	need_program iproute2 ip
	need_program e2fsprogs mkfs.ext4
	need_program xfsprogs mkfs.xfs
	need_program sshfs sshfs # a folder that counts as another computer's
	need openssh-sftp-server /usr/lib/openssh/sftp-server
fi

if [ -z "$missing" ]; then
	say "all is there"
	exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { say "cannot install$missing: not root, and sudo is not there; run this as root" >&2; exit 1; }
	sudo=sudo
fi
say "installing$missing"

# The packaged PostgreSQL would set up and start a cluster of its own, which
# the tests do not use and which would take the port of another. It is told not
# to before it is unpacked, unless this machine has settings for it already.
case $missing in
*postgresql*)
	conf=/etc/postgresql-common/createcluster.d/upkeep-tests.conf
	if [ ! -e "$conf" ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		say "no cluster of PostgreSQL's own: $conf"
		$sudo mkdir -p "${conf%/*}"
		echo 'create_main_cluster = false' | $sudo tee "$conf" >/dev/null
	fi
	;;
esac

# nginx, php-fpm and sshd would start, now and at every boot: nginx would take port
# 80, and nobody asked for a machine that can be logged in to. Nothing is started
# while they are installed, and afterwards they are disabled, unless this machine
# has one of them already.
policy=/usr/sbin/policy-rc.d
new=
case $missing in
*php-fpm* | *nginx* | *openssh-server*)
	case $missing in *nginx*) new=nginx ;; esac
	case $missing in *php-fpm*) new="$new php-fpm" ;; esac
	case $missing in *openssh-server*) new="$new ssh" ;; esac
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
		$sudo chmod 755 "$policy"
		trap '$sudo rm -f "$policy"' EXIT
		trap 'exit 1' HUP INT TERM
	fi
	;;
esac

$sudo apt-get update -q
# shellcheck disable=SC2086 # the list is meant to be split
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
for name in $new; do
	[ "$name" = php-fpm ] && name=$(basename /usr/sbin/php-fpm[0-9]* | sed 's/^php-fpm\(.*\)/php\1-fpm/')
	say "not started by itself: $name"
	if command -v systemctl >/dev/null 2>&1; then $sudo systemctl disable --quiet "$name" || say "cannot disable $name"; fi
done
say "done"
