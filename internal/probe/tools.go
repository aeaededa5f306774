package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// packagesOf names the Debian package of programs that products commonly ask.
func packagesOf() map[string]string {
	return map[string]string{
		"psql": "postgresql-client", "pg_dump": "postgresql-client", "pg_isready": "postgresql-client", "mysql": "default-mysql-client", "mariadb": "mariadb-client",
		"sqlite3": "sqlite3", "redis-cli": "redis-tools", "curl": "curl", "wget": "wget", "jq": "jq", "xmllint": "libxml2-utils", "openssl": "openssl",
		"php": "php-cli", "composer": "composer", "python3": "python3", "perl": "perl", "ruby": "ruby", "node": "nodejs", "npm": "npm", "java": "default-jre-headless",
		"nginx": "nginx", "apache2ctl": "apache2", "docker": "docker.io", "podman": "podman", "git": "git", "rsync": "rsync", "lsof": "lsof", "ss": "iproute2", "ip": "iproute2",
		"dig": "bind9-dnsutils", "nft": "nftables", "iptables": "iptables", "chronyc": "chrony", "getent": "libc-bin", "dpkg-query": "dpkg", "rpm": "rpm",
		"smartctl": "smartmontools", "dmidecode": "dmidecode", "lsblk": "util-linux", "bash": "bash", "bc": "bc", "unzip": "unzip", "zstd": "zstd",
	}
}

// missing says which package has a program that is not there.
func missing(err error, program string) error {
	name := filepath.Base(program)
	if has, ok := packagesOf()[name]; ok && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; Debian has %s in the package %s: install it", err, name, has)
	}
	return err
}
