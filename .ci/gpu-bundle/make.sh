#!/usr/bin/env bash
# Packs what a GPU machine without Go needs: the tests and the benchmark of this commit
# as programs, the script that runs them, and the licences of what is linked.
set -euo pipefail
cd "$(dirname "$0")/../.."
archive=$(realpath -m "${1:?the archive to write}")
mkdir -p "$(dirname "$archive")"
limit=$((40 << 20)) # bytes

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/halfstep-gpu
mkdir "$bundle"
go test -c -trimpath -ldflags='-s -w' -o "$bundle/cuda.test" ./cuda
go build -trimpath -ldflags='-s -w' -o "$bundle/bench" ./bench
cp .ci/gpu-bundle/run.sh "$bundle/"
cp LICENSE "$bundle/"
git describe --always --dirty >"$bundle/COMMIT"

{
	echo "Modules linked into the programs of this folder, and the Go standard library, with their licences."
	{ go version -m "$bundle/bench"; go version -m "$bundle/cuda.test"; } | awk '$1 == "dep" {print $2 "@" $3}' | sort -u |
		while read -r module; do
			folder=$(go list -m -f '{{.Dir}}' "${module%@*}")
			printf '\n==== %s\n\n' "$module"
			find "$folder" -maxdepth 1 -type f \( -iname 'LICEN[SC]E*' -o -name 'COPYING*' -o -name 'NOTICE*' \) | sort >"$work/licences"
			test -s "$work/licences" || { echo "$module has no licence" >&2; exit 1; }
			xargs cat <"$work/licences"
		done
	printf '\n==== Go %s\n\n' "$(go env GOVERSION)"
	cat "$(go env GOROOT)/LICENSE"
} >"$bundle/THIRD-PARTY-NOTICES"

tar -C "$work" -czf "$archive" halfstep-gpu
size=$(stat -c %s "$archive")
echo "$archive: $size bytes"
test "$size" -lt "$limit"
