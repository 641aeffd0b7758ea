#!/bin/bash
# with_server.sh - run a command beside a private server that has this checkout installed.
#
# The server is a private copy of the PostgreSQL of PG_CONFIG in a temporary directory that is removed afterwards.
# The command finds psql and pgbench in PATH and the server in PGHOST, PGUSER and PGDATABASE; the
# directory of models (tiny.gguf and, if LLM_TEST_MODEL is a file, SmolLM2) is LLM_TEST_MODELS.
# Usage: with_server.sh PG_CONFIG [SETTING]... -- COMMAND...       ("postgres_llm.fake_slots = 8")
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
config=${1:?usage: with_server.sh PG_CONFIG [SETTING]... -- COMMAND...}
shift
settings=()
while [ "${1:?a command is missing: -- COMMAND}" != -- ]; do
	settings+=("$1")
	shift
done
shift

. "$here/test/tools/private_pg.sh"
PG_WORK=$(mktemp -d "${TMPDIR:-/tmp}/postgres_llm.XXXXXX")
chmod 755 "$PG_WORK"
data=$PG_WORK/cluster/data

finish()
{
	private_pg_stop "$data" || true
	rm -rf "$PG_WORK"
}
trap finish EXIT

cd "$here"
private_pg_create "$config"
private_pg_own "$PG_WORK"
mkdir -p "$PG_WORK/models"
python3 test/tools/make_gguf.py "$PG_WORK/models/tiny.gguf"
if [ -f "${LLM_TEST_MODEL:-}" ]; then
	cp --reflink=auto "$LLM_TEST_MODEL" "$PG_WORK/models/SmolLM2-135M-Instruct.Q4_1.gguf"
fi
chmod -R a+rX "$PG_WORK/models"
export LLM_TEST_MODELS=$PG_WORK/models
private_pg_install > "$PG_WORK/install.log" 2>&1 || { cat "$PG_WORK/install.log" >&2; exit 1; }
private_pg_init "$data" "postgres_llm.model_directory = '$PG_WORK/models'" "max_connections = 100" \
	${settings[@]+"${settings[@]}"}
private_pg_start "$data"
cd - > /dev/null
PATH="$PG_BIN:$PATH" "$@"
