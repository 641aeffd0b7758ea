# llm.fill beside others: locks, writers, cancels, deaths, changes of the table, and what the view shows.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('fill', "postgres_llm.fake_slots = 4\n");
my ($query, $out, $err);

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# A table with this many rows, nothing filled.
sub new_table
{
	my ($n) = @_;

	sql("DROP TABLE IF EXISTS item CASCADE;
		 CREATE TABLE item (id int PRIMARY KEY, body text, answer text, problem text);
		 INSERT INTO item SELECT i, 'text ' || i FROM generate_series(1, $n) i");
	return;
}

sub filled
{
	return sql("SELECT count(*) FROM item WHERE answer = 'fake: ' || body");
}

sub fill
{
	my ($more, $prompt) = @_;

	$prompt //= 'body';
	return "CALL llm.fill('item', 'answer', \$p\$$prompt\$p\$" . ($more ? ", $more" : '') . ')';
}

sub requests
{
	return status($node, 'requests');
}

# Until the view shows the condition of some fill.
sub wait_for_progress
{
	my ($condition) = @_;

	return $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM llm.progress_fill WHERE $condition");
}

# The brake: a prompt that calls pause() waits while it is on.
my $brake = $node->background_psql('postgres');

sub brake_on
{
	$brake->query_safe('SELECT pg_advisory_lock(1)');
	return;
}

sub brake_off
{
	$brake->query_safe('SELECT pg_advisory_unlock(1)');
	return;
}

# Until this many fills wait at the brake.
sub wait_for_pause
{
	my ($n) = @_;

	return $node->poll_query_until('postgres',
		"SELECT count(*) = $n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
}

# Until somebody waits for a fill, for a table or a row.
sub wait_for_waiter
{
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity a, llm.progress_fill p WHERE p.pid = ANY (pg_blocking_pids(a.pid))");
}

sub nothing_runs
{
	my ($name) = @_;

	ok( wait_until(sub { sql('SELECT count(*) FROM llm.progress_fill') eq '0' }),
		"$name: its progress is gone");
	is_clean($node, $name);
	return;
}

sql("CREATE FUNCTION pause() RETURNS text LANGUAGE sql AS 'SELECT pg_advisory_xact_lock_shared(1)::text'");

# The prompt, with a pause before rows from this one on.
sub pause_at
{
	my ($id) = @_;

	return "body || CASE WHEN id >= $id THEN pause() ELSE '' END";
}

# Rows that take for ever until somebody stops them: the ones from 21 on.
my $hang_at_21 = "body || CASE WHEN id > 20 THEN '[[hang]]' ELSE '' END";

# ---- progress, cancel, resume ----

new_table(50);
sql('CREATE ROLE stranger LOGIN; CREATE ROLE auditor LOGIN IN ROLE pg_read_all_stats;');
$query = start_query($node, fill('chunk_rows => 10', $hang_at_21));
ok(wait_for_progress("phase = 'generating' AND chunk = 3"), 'the third chunk is shown');
my $seen = "SELECT datname, relid::regclass, column_name, phase, pass, chunk, chunk_rows, chunk_answers, rows_total,
	rows_filled, rows_failed, rows_skipped, started <= last_commit AND last_commit <= clock_timestamp(), pid > 0
	FROM llm.progress_fill";
is(sql($seen), 'postgres|item|answer|generating|1|3|10|0|50|20|0|0|t|t', 'with all that it does');
is(sql("SET ROLE auditor; $seen"), 'postgres|item|answer|generating|1|3|10|0|50|20|0|0|t|t', 'auditors see it');
is(sql("SET ROLE stranger; $seen"), 'postgres|||||||||||||t', 'strangers see that there is one');
is(filled(), '20', 'chunks before it are committed');
is( sql("SELECT count(*) FROM pg_locks l JOIN llm.progress_fill p USING (pid)
		 WHERE l.locktype = 'relation' AND l.relation = 'item'::regclass AND l.mode = 'RowShareLock'"),
	'1', 'rows of the chunk are locked while they are generated');
sql('SELECT pg_cancel_backend(pid) FROM llm.progress_fill');
sqlstate_is($query, '57014', 'cancel');
nothing_runs('cancel');
is(filled(), '20', 'chunks done stay, the chunk that was cancelled does not');

sqlstate_is(start_query($node, "SET statement_timeout = 500; " . fill('chunk_rows => 10', $hang_at_21)),
	'57014', 'statement_timeout');
nothing_runs('statement_timeout');

$query = start_query($node, fill('chunk_rows => 10', $hang_at_21));
ok(wait_for_progress("phase = 'generating'"), 'the next one waits');
sql('SELECT pg_terminate_backend(pid) FROM llm.progress_fill');
sqlstate_is($query, '57P01', 'terminate');
nothing_runs('terminate');

my $before = requests();
is(sql(fill('chunk_rows => 10')), '30|0|0|0', 'a call goes on where the others ended');
is(requests() - $before, 30, 'and asks only for what was left');
is(filled(), '50', 'all are filled');

# Rows of a chunk are in flight together.
new_table(20);
$before = status($node, 'read_ahead');
is(sql(fill('chunk_rows => 10')), '20|0|0|0', 'a fill in two chunks');
cmp_ok(status($node, 'read_ahead') - $before, '>=', 18,
	'reads ahead: all but the first of a chunk are in flight before somebody waits for them');

# ---- rows that others hold ----

new_table(30);
my $holder = $node->background_psql('postgres', on_error_stop => 0);
$holder->query_safe("BEGIN; UPDATE item SET body = 'changed' WHERE id IN (3, 17)");
is(sql(fill('chunk_rows => 5')), '28|0|0|2', 'rows that are locked are passed by and counted');
$holder->query_safe('COMMIT');
is(sql(fill()), '2|0|0|0', 'and are met by the next call');
is(sql('SELECT answer FROM item WHERE id IN (3, 17)'), "fake: changed\nfake: changed", 'as they are then');

# A lock that is given back while the fill runs: the same call comes by again.
new_table(30);
$holder->query_safe("BEGIN; UPDATE item SET body = 'changed' WHERE id = 1");
brake_on();
$query = start_query($node, fill('chunk_rows => 10', pause_at(12)));
ok(wait_for_pause(1), 'the first chunk is over without the row');
$holder->query_safe('COMMIT');
brake_off();
($out, $err) = finish_query($query);
is($out, '30|0|0|0', 'a row that is let go is filled by a later pass');

# Somebody who wants to change a row of the chunk waits, and has the last word.
new_table(10);
brake_on();
$query = start_query($node, fill('', pause_at(10)));
ok(wait_for_pause(1), 'a chunk is under way');
my $writer = start_query($node, "UPDATE item SET answer = 'mine' WHERE id = 4 RETURNING body");
ok(wait_for_waiter(), 'a writer of one of its rows waits');
brake_off();
($out, $err) = finish_query($query);
is($out, '10|0|0|0', 'the chunk is written');
($out, $err) = finish_query($writer);
is("$out$err", 'text 4', 'then the writer goes on');
is(sql('SELECT answer FROM item WHERE id = 4'), 'mine', 'and the later change stands');

# References to a row that is being filled do not wait.
new_table(10);
sql('CREATE TABLE child (item int REFERENCES item)');
$query = start_query($node, fill('', "body || '[[hang]]'"));
ok(wait_for_progress("phase = 'generating'"), 'a chunk hangs');
is(sql("SET lock_timeout = '2s'; INSERT INTO child VALUES (1) RETURNING item"), '1', 'foreign keys go on');
sql('SELECT pg_cancel_backend(pid) FROM llm.progress_fill');
sqlstate_is($query, '57014', 'the hanging chunk is cancelled');
sql('DROP TABLE child');

# ---- two at once ----

new_table(200);
$before = requests();
brake_on();
my @both = map { start_query($node, fill('chunk_rows => 7', pause_at(1) . " || '[[steps=5]]'")) } (1 .. 2);
ok(wait_for_pause(2), 'two fills begin together');
brake_off();
my ($sum, $least) = (0, 200);
foreach my $half (@both)
{
	($out, $err) = finish_query($half);
	is($err, '', 'one of two fills at once');
	my ($n) = split(/\|/, $out);
	$sum += $n;
	$least = $n if $n < $least;
}
is($sum, 200, 'two fills share the rows');
cmp_ok($least, '>', 20, 'both of them do some');
is(requests() - $before, 200, 'and no row is generated twice');
is(filled(), '200', 'all are filled');

# One id locks and updates a row: no MultiXact is made.
new_table(20);
my $next_multi = "CHECKPOINT; SELECT next_multixact_id FROM pg_control_checkpoint()";
my $multi = sql($next_multi);
is(sql(fill()), '20|0|0|0', 'twenty rows');
is(sql($next_multi), $multi, 'leave no MultiXact behind');

# ---- the table changes between chunks ----

# A fill of n rows, to which something else happens when its second chunk is over.
sub change_meanwhile
{
	my ($n, $change) = @_;
	my $changer;

	new_table($n);
	brake_on();
	$query = start_query($node, fill('chunk_rows => 10', pause_at(11)));
	wait_for_pause(1) or die 'no second chunk';
	$changer = start_query($node, $change);
	wait_for_waiter() or die 'the change does not wait';
	brake_off();
	finish_query($changer);
	return $query;
}

($out, $err) = finish_query(
	change_meanwhile(
		30, "BEGIN; ALTER TABLE item RENAME TO item_old; CREATE TABLE item (LIKE item_old INCLUDING ALL);
	INSERT INTO item VALUES (1000, 'another'); COMMIT"));
is("$out$err", '30|0|0|0', 'a table that is renamed is the same table');
is(sql('SELECT count(answer) FROM item'), '0', 'and one of its name is another');
sql('DROP TABLE item_old');
($out, $err) =
  finish_query(change_meanwhile(30, 'ALTER TABLE item ADD COLUMN extra int, ALTER answer TYPE varchar(100)'));
is("$out$err", '30|0|0|0', 'other changes do no harm');

sqlstate_is(change_meanwhile(30, 'DROP TABLE item'), '42P01', 'a table that is dropped');
sqlstate_is(change_meanwhile(30, 'ALTER TABLE item DROP COLUMN answer'), '42703', 'a column that is dropped');
sqlstate_is(change_meanwhile(30, 'ALTER TABLE item RENAME body TO text'), '42703', 'a column of the prompt');
sqlstate_is(change_meanwhile(30, 'ALTER TABLE item DROP CONSTRAINT item_pkey'), '55000', 'a key that is dropped');
sqlstate_is(
	change_meanwhile(
		30, 'BEGIN; ALTER TABLE item DROP CONSTRAINT item_pkey; ALTER TABLE item ADD PRIMARY KEY (id); COMMIT'),
	'55000', 'a key that is another');
nothing_runs('changes');

# ---- errors ----

# The engine dies: that is an error of the rows in flight, and what was answered is safe.
new_table(20);
sqlstate_is(start_query($node, fill('', "CASE WHEN id = 15 THEN '[[steps=20]][[crash]]' ELSE body END")), '57P02',
	'a crash of the engine');
my $done = sql('SELECT count(answer) FROM item');
is(filled(), $done, 'what is filled is right');
cmp_ok($done, '<=', 14, 'rows after the crash are not');
ok(wait_for_status($node, "state = 'ready'"), 'the engine is back');
($out, $err) = run_query($node, fill("error_column => 'problem'", "CASE WHEN id = 15 THEN '[[crash]]' ELSE body END"));
is($err, '', 'with an error column the fill goes on');
is(sql("SELECT count(*) FROM item WHERE id = 15 AND answer IS NULL AND problem <> ''"), '1', 'and says where');
is(sql('SELECT count(*) FROM item WHERE (answer IS NULL) = (problem IS NULL)'), '0', 'each row has one of both');
ok(wait_for_status($node, "state = 'ready'"), 'the engine is back again');

# A value that the table refuses while others write: the rows of the chunk are written one by one.
new_table(20);
sql("ALTER TABLE item ADD CHECK (answer NOT LIKE '%7')");
$before = requests();
is(sql(fill("error_column => 'problem'")), '18|2|0|0', 'refused answers are errors of their rows');
is(requests() - $before, 20, 'and nothing is generated twice');
like(sql('SELECT problem FROM item WHERE id = 17'), qr/violates check constraint/, 'with the reason');

# Errors that are about the job are not written to rows.
new_table(5);
sql('CREATE ROLE reader LOGIN; GRANT SELECT, UPDATE ON item TO reader; GRANT USAGE ON FOREIGN SERVER fake TO reader;
	 CREATE FUNCTION forbidden() RETURNS text LANGUAGE sql AS $$SELECT rolpassword FROM pg_authid LIMIT 1$$');
($out, $err) = run_query($node, 'SET SESSION AUTHORIZATION reader; ' . fill("error_column => 'problem'", "body || forbidden()"));
like($err, qr/42501/, 'the prompt runs with the rights of the caller');
is(sql('SELECT count(problem) FROM item'), '0', 'a missing right is no error of a row');

is(sql('SELECT count(*) FROM llm.progress_fill'), '0', 'no progress is left');
is_clean($node, 'fill');
$_->quit foreach ($holder, $brake);
unlike(slurp_file($node->logfile), qr/was not released|WARNING/, 'no call or reference was left behind');
$node->stop;

done_testing();
