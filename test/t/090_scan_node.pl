# The plan node that reads ahead: what it sends, what it keeps, and what it gives back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('scan', <<'END');
postgres_llm.fake_step_us = 200
postgres_llm.fake_slots = 16
END
my ($out, $err, $query);

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE doc AS SELECT i AS id, 'row ' || i AS body FROM generate_series(1, 1000) i;
ALTER TABLE doc ADD PRIMARY KEY (id);
ANALYZE doc;
SQL

# Requests that a script sends, after its last request has ended one way or the other.
sub requests_of
{
	my ($sql, $column) = @_;
	$column //= 'requests';
	my $before = status($node, $column);
	my ($sql_out, $sql_err) = run_query($node, $sql);

	diag($sql_err) if $sql_err ne '';
	wait_for_status($node, 'slots_used = 0');
	return (status($node, $column) - $before, $sql_out);
}

sub requests_are
{
	my ($sql, $expected, $name) = @_;
	my ($n) = requests_of($sql);

	is($n, $expected, "$name: $expected requests");
	is_clean($node, $name);
	return;
}

# ---- how much is asked ----

like(
	$node->safe_psql('postgres', 'EXPLAIN SELECT llm.generate(body) FROM doc'),
	qr/LLM Batch.*Read-Ahead: 32/s,
	'there is a node, and its window is twice what runs at once');
requests_are('SELECT llm.generate(body) FROM doc LIMIT 5', 5, 'LIMIT');
requests_are('SELECT llm.generate(body) FROM doc LIMIT 5 OFFSET 2', 7, 'LIMIT and OFFSET');
requests_are('SELECT llm.generate(body) FROM doc LIMIT (SELECT 3)', 3, 'LIMIT of a sub-select');
requests_are('SELECT count(*) FROM (SELECT llm.generate(body) FROM doc LIMIT NULL) s', 1000, 'LIMIT NULL');
requests_are(<<'SQL', 3, 'SELECT INTO');
DO $$DECLARE a text; BEGIN SELECT llm.generate(body) INTO a FROM doc; END$$;
DO $$DECLARE a text; BEGIN SELECT llm.generate(body) INTO STRICT a FROM doc;
EXCEPTION WHEN too_many_rows THEN NULL; END$$;
SQL
# Slow start: 8, and one more for each row that was taken before; then 2 rows were.
requests_are(<<'SQL', 12, 'a cursor that is closed after three rows, arguments that cannot fail');
BEGIN; DECLARE c CURSOR FOR SELECT llm.generate(body) FROM doc; FETCH 3 FROM c; COMMIT;
SQL
requests_are(<<'SQL', 3, 'a cursor over arguments that can fail is read as far as it is asked');
BEGIN; DECLARE c CURSOR FOR SELECT llm.generate((10 / id)::text) FROM doc; FETCH 3 FROM c; COMMIT;
SQL
requests_are(<<'SQL', 12, 'a window of one row that was set');
SET postgres_llm.max_readahead = 1;
BEGIN; DECLARE c CURSOR FOR SELECT llm.generate(body) FROM doc; FETCH 12 FROM c; COMMIT;
SQL
# PL/pgSQL takes 10 rows at first: the node is two rows ahead then, and without a window it is not.
requests_are(<<'SQL', 22, 'a cached plan, the setting off');
CREATE FUNCTION pg_temp.first(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT llm.generate(body) AS a FROM doc WHERE id >= n LOOP RETURN r.a; END LOOP;
END$$;
SET plan_cache_mode = force_generic_plan;
SET postgres_llm.max_readahead = 3;
SELECT pg_temp.first(1);
SET postgres_llm.batch_scan = off;
SELECT pg_temp.first(2);
SQL

# ---- equal requests ----

requests_are('SELECT llm.generate(\'same\') FROM doc WHERE id <= 30', 1, 'equal rows of one window');
requests_are('SELECT llm.generate(\'same\', temperature => 1, seed => 5) FROM doc WHERE id <= 30',
	1, 'equal rows with a seed');
requests_are('SELECT llm.generate(\'same\', temperature => 1) FROM doc WHERE id <= 30',
	30, 'sampling without a seed shares nothing');
requests_are('SELECT llm.generate(repeat(\'long \', 2000) || id % 2) FROM doc WHERE id <= 30',
	2, 'long equal rows');
($out, $err) = run_query($node, <<'SQL');
\set FETCH_COUNT 1
SELECT llm.generate(CASE WHEN id % 2 = 0 THEN '[[fail=limit]]' ELSE 'good' END,
	options => CASE WHEN id < 3 THEN '{"on_error": "null"}'::jsonb END) FROM doc WHERE id <= 4 ORDER BY id;
SQL
is($out, "fake: good\n\nfake: good", 'rows that share a failure: each as it asked');
like($err, qr/ERROR:  53400: fake failure/, 'and the one that raises does so in its turn');
is_clean($node, 'a shared failure');

# ---- order and errors ----

is( $node->safe_psql('postgres',
		'SELECT count(*) FROM (SELECT id, llm.generate(\'[[steps=\' || 1 + id * 7 % 11 || \']]\' || id) AS a FROM doc) s
		 WHERE a = \'fake: \' || id'),
	'1000', 'every row has its own answer, whatever the order of the answers');
is( $node->safe_psql('postgres',
		'SELECT llm.generate(CASE WHEN id = 4 THEN \'[[fail=limit]]\' ELSE body END) FROM doc ORDER BY id LIMIT 3'),
	"fake: row 1\nfake: row 2\nfake: row 3", 'LIMIT hides the error of a row behind it');
($out, $err) = run_query($node, <<'SQL');
BEGIN;
DECLARE c CURSOR FOR SELECT llm.generate(CASE WHEN id = 4 THEN '[[fail=limit]]' ELSE body END) FROM doc;
FETCH 3 FROM c;
FETCH 1 FROM c;
SQL
is($out, "fake: row 1\nfake: row 2\nfake: row 3", 'rows before a failed one come out');
like($err, qr/ERROR:  53400: fake failure/, 'the failed one raises when it is asked for');
is_clean($node, 'a failed row');
($out, $err) = run_query($node, <<'SQL');
BEGIN;
DECLARE c CURSOR FOR SELECT CASE WHEN id > 3 THEN llm.generate(body, model => 'nowhere') END FROM doc;
FETCH 3 FROM c;
FETCH 1 FROM c;
SQL
is($out, "\n\n", 'a model that only later rows want');
like($err, qr/ERROR:  42704: model "nowhere" does not exist/, 'is missed when the first of these is asked for');
is( $node->safe_psql('postgres',
		'SELECT count(a), count(*) FROM (SELECT llm.generate(CASE WHEN id % 3 = 0 THEN \'[[fail=limit]]\' WHEN id % 3 = 1 THEN body END,
		 options => \'{"on_error": "null"}\') AS a FROM doc) s'),
	'334|1000', 'failed and NULL prompts are NULL');
is_clean($node, 'on_error null');

# ---- ways out ----

$query = start_query($node, 'SELECT llm.generate(\'[[hang]]\' || body) FROM doc');
wait_for_status($node, 'slots_used = 32');
is(status($node, 'slots_used'), '32', 'a whole window is in flight');
$node->safe_psql('postgres',
	'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE \'%[[hang]]%\' AND pid <> pg_backend_pid()');
sqlstate_is($query, '57014', 'cancel inside a window');
is_clean($node, 'cancel inside a window');

$query = start_query($node, 'SELECT llm.generate(CASE WHEN id = 10 THEN \'[[steps=50]][[crash]]\' ELSE \'[[hang]]\' || body END) FROM doc');
sqlstate_is($query, '57P02', 'a crash inside a window');
is_clean($node, 'a crash inside a window');
is( $node->safe_psql('postgres',
		'SELECT count(a), count(*) FROM (SELECT llm.generate(CASE WHEN id = 10 THEN \'[[steps=50]][[crash]]\'
		 WHEN id < 10 THEN body ELSE \'[[steps=100]]\' || body END,
		 options => \'{"on_error": "null"}\') AS a FROM doc WHERE id <= 16) s'),
	'9|16', 'a crash inside a window under on_error null');
is_clean($node, 'a crash under on_error null');

($out, $err) = run_query($node, <<'SQL');
BEGIN;
DECLARE outside CURSOR FOR SELECT llm.generate(body) FROM doc;
FETCH 2 FROM outside;
SAVEPOINT s;
FETCH 2 FROM outside;
DECLARE inside CURSOR FOR SELECT llm.generate('inside ' || body) FROM doc;
FETCH 2 FROM inside;
SELECT 1 / 0;
ROLLBACK TO s;
FETCH 2 FROM outside;
SAVEPOINT t;
DECLARE kept CURSOR FOR SELECT llm.generate('kept ' || body) FROM doc;
FETCH 1 FROM kept;
RELEASE t;
FETCH 1 FROM kept;
COMMIT;
SELECT 'after';
SQL
is( $out,
	join("\n", map({ "fake: row $_" } 1 .. 4), map({ "fake: inside row $_" } 1 .. 2),
		map({ "fake: row $_" } 5 .. 6), map({ "fake: kept row $_" } 1 .. 2), 'after'),
	'cursors go on over savepoints');
unlike($err, qr/not released/, 'no request is forgotten at commit');
is_clean($node, 'cursors over savepoints');

($out, $err) = run_query($node, <<'SQL');
DO $$
DECLARE r record; n int := 0;
BEGIN
	FOR r IN SELECT id, llm.generate(body) AS a FROM doc ORDER BY id LOOP
		BEGIN
			IF r.id % 2 = 0 THEN RAISE EXCEPTION 'even'; END IF;
			n := n + 1;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
		EXIT WHEN r.id = 50;
	END LOOP;
	RAISE NOTICE 'odd: %', n;
END$$;
SQL
like($err, qr/odd: 25/, 'a loop with an exception block around each row');
unlike($err, qr/not released/, 'and an EXIT gives everything back');
is_clean($node, 'a loop that is left');

# ---- rescans ----

is( $node->safe_psql('postgres', <<'SQL'),
SET enable_material = off;
SELECT count(*), count(DISTINCT a), bool_and(a = 'fake: ' || x || ' ' || id)
FROM generate_series(1, 20) x, LATERAL (SELECT id, llm.generate(x || ' ' || id) AS a FROM doc WHERE id <= 40 OFFSET 0) s;
SQL
	'800|800|t', 'a node that is scanned again for each outer row');
is_clean($node, 'rescans');
is( $node->safe_psql('postgres', <<'SQL'),
SELECT count(*) FROM generate_series(1, 10) x
WHERE EXISTS (SELECT FROM (SELECT llm.generate(x || body) AS a FROM doc OFFSET 0) s WHERE a LIKE '%row 2');
SQL
	'10', 'a node that is left early and scanned again');
is_clean($node, 'rescans that are left early');

# ---- the executor stops early ----

is( $node->safe_psql('postgres', <<'SQL'),
CREATE TABLE filled AS SELECT id, body, NULL::text AS answer FROM doc WHERE id <= 40;
WITH u AS (UPDATE filled SET answer = llm.generate(body) RETURNING id) SELECT count(*) FROM (SELECT id FROM u LIMIT 1) s;
WITH u AS (UPDATE filled SET answer = llm.generate('x' || body) RETURNING id) SELECT 1 FROM u LIMIT 1;
SELECT count(*) FROM filled WHERE answer = 'fake: x' || body;
SQL
	"1\n1\n40", 'a data-modifying CTE is run to its end');
like(
	$node->safe_psql('postgres',
		'EXPLAIN (ANALYZE, TIMING OFF) SELECT llm.generate(body) FROM doc ORDER BY body DESC LIMIT 4'),
	qr/LLM Batch.*top-N heapsort/s,
	'LIMIT bounds the sort below the node');
is_clean($node, 'the executor stops early');

# ---- memory ----

is( $node->safe_psql('postgres', <<'SQL'),
SET postgres_llm.readahead_memory = '64kB';
SELECT count(DISTINCT a) FROM (SELECT llm.generate('[[text=' || id || ']]' || repeat('x', 10000)) AS a FROM doc) s;
SQL
	'1000', 'rows beyond the memory of the window');
my ($n_ahead) = requests_of(<<'SQL', 'cancelled');
SET postgres_llm.readahead_memory = '64kB';
BEGIN;
DECLARE c CURSOR FOR SELECT llm.generate('[[hang]]' || repeat(md5(id::text), 1000)), left(long, 1)
FROM (SELECT id, repeat(md5(id::text), 300) AS long FROM doc OFFSET 0) s;
SET LOCAL statement_timeout = 200;
FETCH ALL FROM c;
SQL
cmp_ok($n_ahead, '<=', 8, 'the memory of the window bounds it');
cmp_ok($n_ahead, '>=', 2, 'but there is one');
is_clean($node, 'a bounded window');

# The session's own memory after many rows: contexts of the node do not grow with them.
($out, $err) = run_query($node, <<'SQL');
CREATE TEMP TABLE usage AS SELECT 0 AS n, 0::bigint AS bytes WHERE false;
CREATE FUNCTION pg_temp.note(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF i % 4000 = 2000 THEN
		INSERT INTO usage SELECT i, sum(total_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'LLM %' OR name = 'postgres_llm calls';
	END IF;
	RETURN i;
END$$;
SELECT count(pg_temp.note(id)) FROM (SELECT i AS id, llm.generate('prompt ' || i) AS a FROM generate_series(1, 24000) i OFFSET 0) s
WHERE a IS NOT NULL;
SELECT count(*) >= 6, max(bytes) <= 2 * min(bytes), max(bytes) < 500000 FROM usage;
SQL
is($out, "24000\nt|t|t", 'memory does not grow with rows') or diag($err);
is_clean($node, 'many rows');

# ---- the array form ----

requests_are('SELECT llm.generate(ARRAY(SELECT body FROM doc ORDER BY id)) LIMIT 3', 12, 'array, LIMIT');
requests_are('SELECT count(*) FROM llm.generate(ARRAY(SELECT (id % 10)::text FROM doc WHERE id <= 30)) a',
	10, 'array with equal elements');

# ---- counted ----

my ($n) = requests_of('SELECT llm.generate(body) FROM doc', 'read_ahead');
is($n, 999, 'all but the first are counted as read ahead');
($n) = requests_of('SET postgres_llm.batch_scan = off; SELECT llm.generate(body) FROM doc WHERE id <= 20', 'row_by_row');
is($n, 20, 'without the node they are counted as row by row');

$node->stop;
done_testing();
