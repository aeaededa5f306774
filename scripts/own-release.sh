#!/bin/sh
# Builds the bundle of a release of Upkeep itself: own-release.sh VERSION BUNDLE
set -eu
version=$1 bundle=$2
go=${GO:-go}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stamp="-s -w -X upkeep/internal/manage.stamped=$version"
for arch in amd64 arm64; do
	GOOS=linux GOARCH=$arch CGO_ENABLED=0 "$go" build -trimpath -ldflags "$stamp" -o "$work/source/components/linux-$arch/upkeep" ./cmd/upkeep
done
sed "s/@VERSION@/$version/" "$here/own-release.yaml" >"$work/source/upkeep.yaml"
"$go" build -trimpath -ldflags "$stamp" -o "$work/upkeep" ./cmd/upkeep # for the computer that builds
mkdir -p "$(dirname "$bundle")"
"$work/upkeep" vendor build "$work/source" -o "$bundle"
