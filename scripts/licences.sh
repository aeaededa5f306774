#!/bin/sh
# Prints docs/licences.md: the licence of every module that is linked into the
# binary on any of the platforms it is built for, as its own licence file says.
# Fails when a licence is not known here, so that a person looks at it.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}

modules() { # GOOS GOARCH: module, version, folder, one a line
	CGO_ENABLED=0 GOOS=$1 GOARCH=$2 "$go" list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/upkeep
}

# has TEXT...: whether the text holds one of them
has() {
	for part; do
		case $text in *"$part"*) return 0 ;; esac
	done
	return 1
}

names() { # FILE: the short names of all licences in it, with " and " between
	text=$(tr -s '[:space:]' ' ' <"$1")
	all=
	add() { all=${all:+$all and }$1; }
	if has 'Redistribution and use in source and binary forms'; then
		if has 'Neither the name' 'may be used to endorse' 'nor the names'; then add BSD-3-Clause; else add BSD-2-Clause; fi
	fi
	if has 'Permission is hereby granted, free of charge'; then add MIT; fi
	if has 'Apache License' && has 'Version 2.0'; then add Apache-2.0; fi
	if has 'Mozilla Public License'; then add MPL-2.0; fi
	if has 'GNU GENERAL PUBLIC' 'GNU LESSER GENERAL PUBLIC' 'GNU AFFERO'; then add GPL; fi
	if has 'public domain' 'Public Domain' 'PUBLIC DOMAIN'; then add 'public domain'; fi
	[ -n "$all" ] && echo "$all"
}

list=$({ modules linux amd64; modules linux arm64; modules windows amd64; } | sort -u)
[ -n "$list" ] || { echo "licences: no module was found" >&2; exit 1; }

cat <<'TEXT'
# Licences

Modules that are linked into the binary, on any of the platforms that it is built for. Made by `make licences` from the modules' own licence files.

| module | version | licence | file |
|---|---|---|---|
TEXT
echo "$list" | while read -r module version dir; do
	found=no
	for file in "$dir"/LICENSE* "$dir"/LICENCE* "$dir"/COPYING*; do
		case $file in *-LOGO | *.docs) continue ;; esac # of a picture or of pages, not of code
		[ -f "$file" ] || continue
		short=$(names "$file") || { echo "licences: cannot tell the licence in $file: look at it, and teach scripts/licences.sh" >&2; exit 1; }
		found=yes
		echo "| $module | $version | $short | ${file##*/} |"
	done
	[ $found = yes ] || { echo "licences: $module $version has no licence file" >&2; exit 1; }
done
cat <<TEXT

Of others, too, are two files that the page sends to browsers: [htmx](https://htmx.org) 2.0.11 and its extension for server-sent events 2.2.4, both 0BSD ([text](../internal/console/static/LICENCES.txt)).

For tests only, and part of nothing that ships: [axe-core](https://github.com/dequelabs/axe-core) 4.14.1 (MPL-2.0), which make fetches from npm's registry.

The standard library of Go: BSD-3-Clause, Copyright 2009 The Go Authors. Upkeep itself: [Apache-2.0](../LICENSE).
A file may name several licences, each for a part of its module. Nearly all of them want their text to go along with the binary.
TEXT
