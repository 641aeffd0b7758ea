# Giving up: every way in which a session can stop waiting for its request.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('cancel');
my $hang = generate('[[hang]]');
my $query;
my ($out, $err);

# The process of the session that waits for the request.
sub waiting_pid
{
	my $pid = '';

	wait_until(
		sub {
			$pid = $node->safe_psql('postgres',
				"SELECT pid FROM pg_stat_activity WHERE query LIKE '%[[hang]]%' AND pid <> pg_backend_pid()
				 AND wait_event_type = 'Extension'");
			return $pid ne '';
		});
	return $pid;
}

$query = start_query($node, $hang);
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . waiting_pid() . ')');
sqlstate_is($query, '57014', 'cancel');
is_clean($node, 'cancel');

$query = start_query($node, $hang);
waiting_pid();
$query->{handle}->signal('INT');
sqlstate_is($query, '57014', 'cancel by the client');
is_clean($node, 'cancel by the client');

sqlstate_is(start_query($node, "SET statement_timeout = 200; $hang"), '57014', 'statement_timeout');
is_clean($node, 'statement_timeout');

$query = start_query($node, $hang);
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . waiting_pid() . ')');
sqlstate_is($query, '57P01', 'terminate');
is_clean($node, 'terminate');

# The client vanishes without a word: noticed in about a second, not at the end of the request.
$query = start_query($node, $hang);
my $pid = waiting_pid();
$query->{handle}->kill_kill(grace => 0);
ok( wait_until(
		sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }),
	'the session of a vanished client ends');
is_clean($node, 'vanished client');

# An error beside the call, in the same statement.
sqlstate_is(start_query($node, "SELECT (llm.stream('a b c')).chunk, 1 / 0"), '22012', 'error beside');
is_clean($node, 'error beside');
sqlstate_is(start_query($node, "SELECT llm.generate('[[fail=limit]]')"), '53400', 'error of the engine');
is_clean($node, 'error of the engine');

# Subtransactions.  A cursor of the outer level goes on when an inner one is rolled back.
($out, $err) = run_query($node, <<'SQL');
BEGIN;
DECLARE outside CURSOR FOR SELECT (llm.stream('one two three four five six [[steps=7]]')).chunk;
FETCH 1 FROM outside;
SAVEPOINT s;
DECLARE inside CURSOR FOR SELECT (llm.stream('seven [[hang]]')).chunk;
SET LOCAL statement_timeout = 100;
FETCH ALL FROM inside;
ROLLBACK TO s;
FETCH ALL FROM outside;
COMMIT;
SQL
like($err, qr/57014/, 'the inner call was cancelled');
like($out =~ s/\n//gr, qr/one two three four five six$/, 'the outer call goes on');
is_clean($node, 'savepoint');

($out) = run_query($node, <<'SQL');
SET statement_timeout = 200;
DO $$
BEGIN
	PERFORM llm.generate('[[hang]]');
EXCEPTION WHEN query_canceled THEN
	PERFORM llm.generate('next');
END
$$;
SELECT 'over';
SQL
is($out, 'over', 'a cancel that an exception block catches');
is_clean($node, 'caught cancel');

($out) = run_query($node, <<'SQL');
DO $$
DECLARE
	n int := 0;
BEGIN
	FOR i IN 1 .. 10 LOOP
		BEGIN
			PERFORM llm.generate('[[fail=corrupt]]');
		EXCEPTION WHEN data_corrupted THEN
			n := n + 1;
		END;
	END LOOP;
	RAISE NOTICE '% caught', n;
END
$$;
SELECT llm.generate('after');
SQL
is($out, 'fake: after', 'the session goes on after errors of the engine');
is_clean($node, 'errors in exception blocks');

# A cursor that is closed, and one that the transaction's end closes.
run_query($node, <<'SQL');
BEGIN;
DECLARE a CURSOR FOR SELECT (llm.stream('x y z [[steps=1000]]')).chunk;
DECLARE b CURSOR FOR SELECT (llm.stream('x y z [[steps=1000]]')).chunk;
FETCH 1 FROM a;
FETCH 1 FROM b;
CLOSE a;
ROLLBACK;
SQL
is_clean($node, 'closed cursors');

# A storm: sessions that start and end in every way at once.
my @storm;
for my $i (1 .. 40)
{
	my $timeout = 5 + ($i * 37) % 150;

	push @storm,
	  start_query($node,
		"SET statement_timeout = $timeout; SELECT llm.generate('[[steps=50]] $i') FROM generate_series(1, 5)");
}
finish_query($_) for @storm;
is_clean($node, 'storm');
is($node->safe_psql('postgres', generate('still here')), 'fake: still here', 'calls are answered after it');
unlike(slurp_file($node->logfile), qr/was not released/, 'no call was left to the end of its transaction');
$node->stop;

done_testing();
