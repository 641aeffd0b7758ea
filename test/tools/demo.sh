#!/bin/bash
# demo.sh - the tour of the README on a private server.
#
# Builds this checkout, installs it into a private copy of PostgreSQL in a temporary directory, starts a cluster on a Unix
# socket as an unprivileged user, and runs the scripts of test/demo.  Everything but the model's copy in the
# user's cache is removed at the end; KEEP=1 leaves the server running.
# Usage: demo.sh PG_CONFIG | demo.sh --stop DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/tools/private_pg.sh

if [ "$1" = --stop ]; then
	PG_WORK=$2
	PG_BIN=$(dirname "$(find "$PG_WORK/install" -name pg_ctl | head -n 1)")
	private_pg_stop "$PG_WORK/cluster/data"
	rm -rf "$PG_WORK"
	exit
fi

config=$1
PG_WORK=$(mktemp -d "${TMPDIR:-/tmp}/postgres_llm_demo.XXXXXX")
chmod 755 "$PG_WORK"
data=$PG_WORK/cluster/data

finish()
{
	local status=$?
	if [ -n "${KEEP:-}" ] && [ $status = 0 ]; then return; fi
	private_pg_stop "$data" || true
	rm -rf "$PG_WORK"
	exit $status
}
trap finish EXIT

say()
{
	printf '\n== %s\n\n' "$*"
}

# Dots while a command runs; its output only if it fails.
waiting()
{
	local what=$1 pid
	shift
	printf '   %s ' "$what"
	"$@" > "$PG_WORK/step.log" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		printf '.'
		sleep 1
	done
	wait $pid || { echo; cat "$PG_WORK/step.log" >&2; return 1; }
	echo ' done'
}

# A script of test/demo: what a user would type, with what the server answers.
run()
{
	private_pg_as "$PG_BIN/psql" -X -q -a -P pager=off "${@:2}" < "test/demo/$1" 2>&1
}

say "Build, install and start a private server"
waiting "fetching SmolLM2-135M-Instruct" test/tools/fetch_model.sh "$PG_WORK/models"
waiting "building" make -s -j2 PG_CONFIG="$config" engine
private_pg_create "$config"
waiting "installing" private_pg_install
private_pg_own "$PG_WORK"
private_pg_init "$data" "postgres_llm.model_directory = '$PG_WORK/models'"
waiting "starting" private_pg_start "$data"

say "One prompt, one answer (the first call loads the model)"
run 1_first_answer.sql -v ON_ERROR_STOP=1
say "A SELECT over a table, an UPDATE over the same table"
run 2_table.sql -v ON_ERROR_STOP=1
say "A chat, tokens, log-probabilities"
run 3_chat.sql -v ON_ERROR_STOP=1
say "Streaming: milliseconds until each chunk was made"
run 4_stream.sql -v ON_ERROR_STOP=1
say "Two sessions at once, in one batch"
run 5_session.sql -v ON_ERROR_STOP=1 > "$PG_WORK/other.log" &
run 5_session.sql -v ON_ERROR_STOP=1
wait $!
echo "-- the other session:"
cat "$PG_WORK/other.log"
say "A query that is cancelled gives back what it held"
run 6_cancel.sql
say "What the DBA sees"
run 7_status.sql -v ON_ERROR_STOP=1

say "Done after $SECONDS s"
if [ -n "${KEEP:-}" ]; then
	echo "The server is running.  Connect:   psql -h $PG_WORK -U postgres"
	echo "Stop and remove it:                test/tools/demo.sh --stop $PG_WORK"
else
	echo "The server is stopped and removed.  To keep it and connect to it:   make demo KEEP=1"
fi
