#!/bin/bash
# server_tests.sh - the rungs of the test ladder that need a server.
#
# Builds and installs this checkout into a private copy of the PostgreSQL of PG_CONFIG and runs each named suite on a
# private cluster, as an unprivileged user, in a temporary directory that is removed afterwards.
# Usage: server_tests.sh PG_CONFIG regress|isolation|pgtap|tap...
#	PROVE_TESTS   TAP files to run instead of all of test/t
#	KEEP=1        keep the temporary directory, for a look at logs
set -euo pipefail
cd "$(dirname "$0")/../.."
config=${1:?usage: server_tests.sh PG_CONFIG SUITE...}
shift

. test/tools/private_pg.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/postgres_llm.XXXXXX")
chmod 755 "$work"
data=$work/cluster/data

finish()
{
	private_pg_stop "$data" || true
	if [ -n "${KEEP:-}" ]; then echo "kept $work"; else rm -rf "$work"; fi
}
trap finish EXIT

PG_WORK=$work
private_pg_create "$config"
private_pg_own "$work"
version=$("$PG_PREFIX_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')

private_pg_own "$work/models"
python3 test/tools/make_gguf.py "$work/models/tiny.gguf"
if [ -f "${LLM_TEST_MODEL:-}" ]; then
	cp --reflink=auto "$LLM_TEST_MODEL" "$work/models/SmolLM2-135M-Instruct.Q4_1.gguf"
fi
chmod -R a+rX "$work/models"
export LLM_TEST_MODELS=$work/models

private_pg_install

# start_cluster SETTING...
start_cluster()
{
	private_pg_stop "$data" || true
	rm -rf "$work/cluster"
	private_pg_init "$data" "postgres_llm.model_directory = '$work/models'" "$@"
	private_pg_start "$data"
}

run_regress()
{
	local tests status=0
	start_cluster "postgres_llm.engine_device = 'fake'" "postgres_llm.fake_step_us = 100"
	tests=$(cd test/sql && ls -- *.sql | sed 's/\.sql$//')
	private_pg_own "$work/regress"
	cp -r "$work/src/expected" "$work/src/test" "$work/regress/"
	# shellcheck disable=SC2086
	(cd "$work/regress" && private_pg_as "$(dirname "$("$PG_PREFIX_CONFIG" --pgxs)")/../test/regress/pg_regress" \
		--bindir="$PG_BIN" --inputdir=test --outputdir="$work/regress" --dbname=contrib_regression $tests) ||
		status=1
	[ ! -s "$work/regress/regression.diffs" ] || cat "$work/regress/regression.diffs"
	return $status
}

# With batching and without it; the expected output is the same.
run_isolation()
{
	local batch_scan tests status=0 tester
	tester=$(dirname "$("$PG_PREFIX_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
	if [ ! -x "$tester" ] || [ ! -x "${tester%/*}/isolationtester" ]; then
		echo "skip: this PostgreSQL came without pg_isolation_regress"
		echo "isolation: 0 passed, 0 failed, 1 skipped"
		return 0
	fi
	tests=$(cd test/isolation/specs && ls -- *.spec | sed 's/\.spec$//')
	for batch_scan in off on; do
		start_cluster "postgres_llm.engine_device = 'fake'" "postgres_llm.fake_step_us = 100" \
			"postgres_llm.default_model = 'fake'" "postgres_llm.batch_scan = $batch_scan"
		private_pg_own "$work/isolation-$batch_scan"
		# shellcheck disable=SC2086
		(cd "$work/isolation-$batch_scan" && private_pg_as "$tester" --bindir="$PG_BIN" \
			--inputdir="$work/src/test/isolation" --outputdir="$work/isolation-$batch_scan" \
			--dbname=isolation_regression --load-extension=postgres_llm $tests) || status=1
		[ ! -s "$work/isolation-$batch_scan/regression.diffs" ] || cat "$work/isolation-$batch_scan/regression.diffs"
	done
	return $status
}

run_pgtap()
{
	local file=/usr/share/postgresql/15/extension
	if [ ! -e "$PG_SHARE/extension/pgtap.control" ]; then
		cp "$file"/pgtap.control "$file"/pgtap--*.sql "$PG_SHARE/extension/"
	fi
	start_cluster "postgres_llm.engine_device = 'cpu'"
	private_pg_as "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION postgres_llm'
	(cd "$work/src" && private_pg_as env PATH="$PG_BIN:$PATH" pg_prove --ext .sql -r test/pgtap)
}

run_tap()
{
	local perl5 tests
	perl5=$(dirname "$("$PG_PREFIX_CONFIG" --pgxs)")/../test/perl
	[ -d "$perl5" ] || perl5=/usr/lib/postgresql/15/lib/pgxs/src/test/perl
	private_pg_own "$work/tap"
	# Each file starts clusters of its own.
	unset PGHOST PGPORT PGUSER PGDATABASE
	tests=${PROVE_TESTS:-$(cd "$work/src" && ls test/t/*.pl)}
	# shellcheck disable=SC2086
	(cd "$work/src" && private_pg_as env PATH="$PG_BIN:$PATH" TESTDIR="$work/tap" TESTDATADIR="$work/tap" TESTLOGDIR="$work/tap/log" \
		PG_REGRESS="$(dirname "$("$PG_PREFIX_CONFIG" --pgxs)")/../test/regress/pg_regress" TMPDIR="$work/tap" \
		prove -I "$perl5" -I test/t $tests)
}

status=0
for suite in "$@"; do
	echo "== $suite on PostgreSQL $version"
	"run_$suite" || status=1
done
exit $status
