# Statistics and limits: what runs is seen, what was used adds up, and limits hold and are given back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('stat', <<'END');
postgres_llm.fake_slots = 8
compute_query_id = on
END

# A role with limits, one without, and one that may see everything.
$node->safe_psql('postgres', <<'END');
CREATE ROLE small LOGIN; CREATE ROLE large LOGIN; CREATE ROLE auditor LOGIN IN ROLE pg_read_all_stats;
GRANT USAGE ON FOREIGN SERVER fake TO small, large;
ALTER ROLE small SET postgres_llm.max_role_requests = 2;
END

sub sql
{
	my ($sql, $role) = @_;
	my ($out, $err) = run_query($node, $sql, $role);

	is($err, '', "no error: $sql") if $err ne '';
	return $out;
}

sub wait_for
{
	my ($condition) = @_;

	return $node->poll_query_until('postgres', "SELECT $condition");
}

# Begin anew, once the engine has nothing more to report: what it counted before must not come after.
sub reset_statistics
{
	my ($before, $now) = ('', 'new');
	my $counts = q{SELECT COALESCE(string_agg(e::text, ' ' ORDER BY model), 'none') FROM
		(SELECT model, requests, steps, prompt_tokens, generated_tokens FROM llm.stat_engine) AS e};

	while ($before ne $now)
	{
		$before = $now;
		$now = $node->safe_psql('postgres', "DO 'BEGIN PERFORM pg_sleep(0.5); END'; $counts");
	}
	$node->safe_psql('postgres', 'SELECT llm.stat_reset()');
	return;
}

# The usage of a role; 0 when there is none.
sub usage
{
	my ($role, $column) = @_;

	return $node->safe_psql('postgres',
		"SELECT COALESCE(sum($column), 0) FROM llm.stat_usage WHERE role = '$role'");
}

# A session that runs n long requests at once.  Each has three words; the last is so long that text comes soon.
sub start_long
{
	my ($role, $n, $steps) = @_;
	my $cursors = join('', map {
			"DECLARE c$_ CURSOR FOR SELECT (llm.stream('a b ' || repeat('c', 5000) || '[[steps=$steps]]')).chunk; FETCH 1 FROM c$_;\n"
		} 1 .. $n);

	return start_query($node, "BEGIN;\n$cursors SELECT pg_sleep(100);", $role);
}

sub end_long
{
	my ($query, $role) = @_;

	$node->safe_psql('postgres',
		"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '$role' AND state = 'active'");
	finish_query($query);
	ok(wait_for("(SELECT count(*) = 0 FROM llm.stat_requests WHERE role = '$role')"), "nothing of $role is left");
	return;
}

# ---- live requests ----

my $long = start_long('large', 2, 100000);
ok(wait_for("(SELECT count(*) = 2 FROM llm.stat_requests WHERE state = 'decode' AND generated_tokens = 0)"),
	'two requests are shown');
is( sql(<<'END'),
SELECT DISTINCT r.pid = a.pid, r.role, r.database, r.query_id IS NOT NULL, r.model, r.kind, r.prompt_tokens,
	r.prompt_done, r.submitted <= r.sent, r.sent <= clock_timestamp()
FROM llm.stat_requests r, pg_stat_activity a WHERE a.usename = 'large';
END
	't|large|postgres|t|fake|generate|3|3|t|t', '... with whose, what, and how far');
is(sql("SELECT queued, requests FROM llm.stat_engine WHERE model = 'fake'"), '0|0', 'none of them waits');

my $visible = 'SELECT count(*), count(model), count(query_id), count(state), count(submitted) FROM llm.stat_requests';
is(sql($visible, 'large'), '2|2|2|2|2', 'a role sees its own');
is(sql($visible, 'auditor'), '2|2|2|2|2', 'a reader of all statistics sees all');
is(sql($visible, 'small'), '2|0|0|0|0', 'another role sees that there is something');
is(sql('SELECT DISTINCT role FROM llm.stat_requests', 'small'), 'large', '... and whose');

# Tokens show while a request runs: a hundred of them in a second and more.
my $counting = start_query($node, generate('w ' x 100 . '[[steps=2000]]'), 'large');
ok(wait_for("(SELECT count(*) = 1 FROM llm.stat_requests WHERE generated_tokens BETWEEN 5 AND 95)"),
	'generated tokens are counted as they come');
ok(wait_for("(SELECT generated_tokens_per_s > 0 AND prompt_tokens_per_s > 0 FROM llm.stat_engine WHERE model = 'fake')"),
	'... also as a rate');
finish_query($counting);
end_long($long, 'large');

# ---- usage ----

is(sql("SELECT requests, failed, cancelled FROM llm.stat_usage WHERE role = 'large'"), '3|0|2',
	'one request has ended, two were cancelled');
cmp_ok(usage('large', 'prompt_tokens'), '>=', 106, 'the prompts of cancelled requests count');

reset_statistics();
is(sql('SELECT count(*) FROM llm.stat_usage'), '0', 'a reset begins anew');
is(sql("SELECT requests, steps, prompt_tokens, generated_tokens FROM llm.stat_engine WHERE model = 'fake'"),
	'0|0|0|0', '... also for the models');

# What the answers say is what is counted, row by row and batched.
for my $batch ('off', 'on')
{
	my $sums = sql(<<"END", 'large');
SET postgres_llm.batch_scan = $batch;
SELECT count(*), sum((d).prompt_tokens), sum((d).cached_tokens), sum((d).completion_tokens)
FROM (SELECT llm.generate_detail(repeat('word ', i)) AS d FROM generate_series(1, 20) i OFFSET 0) rows;
END
	is( sql("SELECT requests, prompt_tokens, cached_tokens, generated_tokens FROM llm.stat_usage WHERE role = 'large'"),
		$sums, "usage is the sum of the answers, batch_scan = $batch");
	is( sql("SELECT requests, prompt_tokens, generated_tokens FROM llm.stat_engine WHERE model = 'fake'"),
		$sums =~ s/^(\d+)\|(\d+)\|(\d+)\|(\d+)$/$1|$2|$4/r, '... and so is what the model has done')
	  if wait_for("(SELECT requests = 20 FROM llm.stat_engine WHERE model = 'fake')");
	reset_statistics();
}
is(sql(<<'END', 'large'), '5|3|0', 'errors count as failed, what does not run the model not at all');
DO $$ BEGIN
	PERFORM llm.generate('x'), llm.tokenize('x', 'fake'), llm.generate('y');
	FOR i IN 1 .. 3 LOOP
		BEGIN PERFORM llm.generate('[[fail=limit]]'); EXCEPTION WHEN configuration_limit_exceeded THEN NULL; END;
	END LOOP;
END $$;
SELECT requests, failed, cancelled FROM llm.stat_usage;
END
is(sql('SELECT count(*) FROM llm.stat_usage', 'small'), '0', 'another role does not see it');
is(sql('SELECT count(*) FROM llm.stat_usage', 'auditor'), '1', 'a reader of all statistics does');
$node->safe_psql('postgres', 'GRANT small TO large');
sql('SET ROLE small; ' . generate('as another'), 'large');
is(usage('small', 'requests') . usage('large', 'requests'), '06', 'SET ROLE does not move the bill');

# The engine dies with a request: what it used stays counted.
reset_statistics();
my ($out, $err) = run_query($node, generate('a b c [[steps=400]] [[crash]]'), 'large');
like($err, qr/57P02/, 'the engine dies with a request');
is(sql("SELECT requests, failed, prompt_tokens > 0 FROM llm.stat_usage WHERE role = 'large'"), '1|1|t',
	'... which is counted, with the tokens that it had used');

# ---- requests in flight ----

$long = start_long('small', 2, 100000);
ok(wait_for("(SELECT count(*) = 2 FROM llm.stat_requests WHERE role = 'small' AND state = 'decode')"),
	'a role has as many requests in flight as it may');
$err = sqlstate_is(start_query($node, "SET postgres_llm.queue_timeout = '300ms'; " . generate('one more'), 'small'),
	'53400', 'another one, of another session, waits for its turn and then fails');
like($err, qr/role "small" has 2 inference requests in flight already/, '... which says why');
like($err, qr/HINT:.*postgres_llm\.max_role_requests/, '... and what to do');
is(sql(generate('not small'), 'large'), 'fake: not small', 'other roles do not mind');
is(sql("SELECT llm.count_tokens('a b', 'fake') > 0", 'small'), 't', 'counting tokens needs no turn');
sqlstate_is(start_query($node, "SET statement_timeout = '300ms'; " . generate('one more'), 'small'),
	'57014', 'a wait for a turn can be interrupted');

# A place that becomes free is taken at once, by whoever waits.
my $waits = start_query($node, generate('my turn'), 'small');
ok(wait_for("(SELECT count(*) = 2 FROM pg_stat_activity WHERE usename = 'small' AND state = 'active')"), 'a call waits');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM llm.stat_requests WHERE role = 'small' LIMIT 1");
($out, $err) = finish_query($waits);
is($out, 'fake: my turn', 'the session with the others is terminated: its places are free');
finish_query($long);
is_clean($node, 'terminated session');

# All ways out give the place back: many times, or the limit would be reached.
for my $round (1 .. 3)
{
	sqlstate_is(start_query($node, generate('[[fail=limit]]'), 'small'), '53400', 'an error of the engine');
	sqlstate_is(start_query($node, "SET statement_timeout = '200ms'; " . generate('[[hang]]'), 'small'),
		'57014', 'a timeout in the engine');
	sqlstate_is(start_query($node, generate('[[crash]]'), 'small'), '57P02', 'a crash of the engine');
	is(sql(<<'END', 'small'), 't', 'a savepoint and a cursor that is not read to its end');
BEGIN;
SAVEPOINT s;
DECLARE c CURSOR FOR SELECT llm.stream('a b c [[steps=3000]]');
FETCH 1 FROM c \g /dev/null
ROLLBACK TO s;
SELECT true;
COMMIT;
END
}
is(sql("SET postgres_llm.queue_timeout = '5s'; " . generate('still there'), 'small'), 'fake: still there',
	'no place was lost');
is_clean($node, 'limits');

# A scan reads ahead as far as the limit allows, and gives all answers.
my $most = 0;
my $scan = start_query($node,
	"SELECT count(llm.generate('x' || i || '[[steps=200]]')) FROM generate_series(1, 12) i", 'small');
ok(wait_for("(SELECT count(*) > 0 FROM llm.stat_requests WHERE role = 'small')"), 'it has begun');
until (sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'small'") == 0)
{
	my $n = sql("SELECT count(*) FROM llm.stat_requests WHERE role = 'small' AND state IN ('waiting', 'prefill', 'decode')");
	$most = $n if $n > $most;
}
($out) = finish_query($scan);
is($out, '12', 'a scan of more rows than the limit');
cmp_ok($most, '<=', 2, '... never has more in flight');
cmp_ok($most, '>=', 1, '... but some');

# ---- tokens of an hour, none of this across its edge ----

sleep(62) if time() % 3600 > 3540;
is(sql(generate('first'), 'large'), 'fake: first', 'a role without a limit');
$node->safe_psql('postgres', 'ALTER ROLE large SET postgres_llm.max_role_tokens_per_hour = 1');
$err = sqlstate_is(start_query($node, generate('more'), 'large'), '53400', 'a role that has used its tokens');
like($err, qr/role "large" has used its 1 tokens of this hour/, '... is told so');
like($err, qr/HINT:  Try again after \d{4}-\d\d-\d\d \d\d:00:00/, '... and until when');
is(sql("SELECT llm.count_tokens('a b', 'fake') > 0", 'large'), 't', 'counting tokens is free');
reset_statistics();
sqlstate_is(start_query($node, generate('more'), 'large'), '53400', 'a reset of the statistics does not help');
sqlstate_is(start_query($node, 'SET postgres_llm.max_role_tokens_per_hour = 0', 'large'), '42501',
	'nor can the role lift its limit');
$node->safe_psql('postgres', 'ALTER ROLE large SET postgres_llm.max_role_tokens_per_hour = 1000000');
is(sql(generate('more'), 'large'), 'fake: more', 'a higher limit helps');
$node->safe_psql('postgres', 'CREATE ROLE fresh LOGIN; GRANT USAGE ON FOREIGN SERVER fake TO fresh;
	ALTER ROLE fresh SET postgres_llm.max_role_tokens_per_hour = 4');
is(sql(generate('a b'), 'fresh'), 'fake: a b', 'a role with an hour before it');
sqlstate_is(start_query($node, generate('a b'), 'fresh'), '53400', '... until it is used up');

# ---- the queue ----

my @full = map { start_long('large', 4, 100000) } 1 .. 3;
ok(wait_for("(SELECT count(*) > 8 FROM llm.stat_requests WHERE role = 'large')"), 'the engine is full');
$err = sqlstate_is(
	start_query($node, "SET postgres_llm.queue_timeout = '200ms';"
		. 'BEGIN;' . join('', map {
			"DECLARE c$_ CURSOR FOR SELECT llm.stream(repeat('a', 5000) || '[[steps=100000]]'); FETCH 1 FROM c$_;"
		} 1 .. 4), 'large'),
	'53400', 'a request that does not begin in time');
like($err, qr/did not begin within 200 ms/, '... says so');
ok(wait_for("(SELECT queued > 0 FROM llm.stat_engine WHERE model = 'fake')"), 'the queue is seen');
end_long($_, 'large') for @full;
is_clean($node, 'the queue');

$node->stop;
done_testing();
