# The engine dies, hangs, is missing, is restarted: the server and everybody else go on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('engine');
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my ($out, $err);

# The server was not restarted, nothing is lost, and the next call is answered.
sub recovered
{
	my ($name) = @_;

	is($node->safe_psql('postgres', generate('alive')), 'fake: alive', "$name: the next call is answered");
	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'),
		$started, "$name: the server was not restarted");
	is_clean($node, $name);

	# Forgets the failures, so that the next one is not waited for.
	$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
	ok(wait_for_status($node, "state = 'ready'"), "$name: ready for more");
	return;
}

my %crashes = (
	'[[crash]]' => qr/terminated by signal 11/,
	'[[oom]]' => qr/terminated by signal 9/,
	'[[exit=3]]' => qr/exited with status 3/,
	'[[exit=0]]' => qr/exited with status 0/,
	'[[bad_frame]]' => qr/no frame/);

for my $crash (sort keys %crashes)
{
	sqlstate_is(start_query($node, generate($crash)), '57P02', "$crash: the request fails");
	ok(wait_for_status($node, "state = 'ready'"), "$crash: the engine is started again");
	like(status($node, 'last_error'), $crashes{$crash}, "$crash: the status says why");
	recovered($crash);
}

# Eight sessions wait, one works on something else.
my @waiting = map { start_query($node, generate("[[hang]] $_")) } 1 .. 8;
my $innocent = start_query($node, "SELECT sum(i) FROM generate_series(1, 300) i, pg_sleep(0.01) WHERE pg_sleep(0.005) IS NOT NULL");

ok(wait_for_status($node, 'slots_used = 8'), 'eight wait');
my $engine = status($node, 'engine_pid');
kill('KILL', $engine);
sqlstate_is($_, '57P02', 'a waiting session gets the error') for @waiting;
($out, $err) = finish_query($innocent);
is($err, '', 'the innocent session sees nothing');
is($out, '45150', '... and ends its work');
isnt(status($node, 'engine_pid'), $engine, 'another engine runs');
recovered('kill');

# In the middle of a stream.
$err = sqlstate_is(start_query($node, "SELECT * FROM llm.stream('a b c d e f [[steps=20]][[crash]]')"),
	'57P02', 'a stream ends with the error, too');
like($err, qr/HINT/, '... which has a hint');
recovered('stream');

# While a long prompt is on its way to an engine that does not read.
my $stall = start_query($node, generate('[[stall_ms=2000]]'));
ok(wait_for_status($node, 'slots_used = 1'), 'the engine is busy with itself');
@waiting = map { start_query($node, "SELECT llm.generate(repeat('x', 3000000))") } 1 .. 4;
ok(wait_for_status($node, 'slots_used = 5'), 'long prompts wait for the socket');
kill('KILL', status($node, 'engine_pid'));

# Those that had not been handed over are answered by the next engine.
my $answered = 0;
for my $query ($stall, @waiting)
{
	($out, $err) = finish_query($query);
	$answered++ if $out ne '';
	like($err, qr/57P02/, 'lost with the engine') if $out eq '';
}
cmp_ok($answered, '>=', 3, 'requests that the engine did not have yet are not lost');
recovered('long prompts');

# Cancel works while the engine does not react.
$stall = start_query($node, generate('[[stall_ms=3000]]'));
ok(wait_for_status($node, 'slots_used = 1'), 'the engine is busy with itself again');
sqlstate_is(start_query($node, 'SET statement_timeout = 200; ' . generate('x')), '57014', 'cancel beside it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
	WHERE query LIKE '%[[stall_ms%' AND state = 'active' AND pid <> pg_backend_pid()}),
	'1', '... comes while the engine still stands');
($out, $err) = finish_query($stall);
is($err, '', 'the engine comes back');
recovered('stall');

# Crash after crash: the first start is immediate, then it waits.
for my $round (1 .. 3)
{
	wait_for_status($node, "state = 'ready'");
	finish_query(start_query($node, generate("[[crash]] $round")));
}
ok(wait_for_status($node, "state = 'backoff'"), 'a crash loop ends in a wait');
ok( $node->safe_psql('postgres', 'SELECT retry_at > now() - interval \'5 s\' FROM llm.engine_status') eq 't',
	'the status says until when');
$err = sqlstate_is(start_query($node, 'SET postgres_llm.engine_start_timeout = 0; ' . generate('x')),
	'57P03', 'a call that cannot wait so long fails at once');
like($err, qr/terminated by signal 11/, '... and says why the engine is down');
like($err, qr/restart_engine/, '... and what to do');
is($node->safe_psql('postgres', generate('patient')), 'fake: patient', 'a call with more patience is answered');
recovered('crash loop');

# The order to restart, with requests in flight.
@waiting = map { start_query($node, generate("[[hang]] $_")) } 1 .. 3;
ok(wait_for_status($node, 'slots_used = 3'), 'three wait');
$engine = status($node, 'engine_pid');
my $failures = status($node, 'failures');
$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
sqlstate_is($_, '57P02', 'a restart fails requests in flight') for @waiting;
ok(wait_for_status($node, "state = 'ready' AND engine_pid <> $engine"), 'another engine runs');
is(status($node, 'failures'), $failures, 'it does not count as a failure');
recovered('restart');

# Settings of the engine: reloaded now, used from its next start on.
# Seven, and one on top for sessions that make single calls.
$node->append_conf('postgresql.conf', "postgres_llm.fake_slots = 7\n");
my $log_start = -s $node->logfile;
$node->reload;
ok( wait_until(sub { slurp_file($node->logfile, $log_start) =~ /settings of the inference engine have changed/ }),
	'the log says that settings wait for a restart');
unlike(status($node, 'description'), qr/8 slots/, 'the engine runs with those it had');
$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
ok(wait_for_status($node, "state = 'ready' AND description LIKE '% 8 slots%'"), 'and then with the new ones');

# An engine that cannot be executed.
SKIP:
{
	my $path = $node->config_data('--pkglibdir') . '/postgres_llm_engine';

	skip "$path cannot be renamed", 6 unless rename($path, "$path.away");
	kill('KILL', status($node, 'engine_pid'));
	my $failed = wait_for_status($node, "state = 'backoff'");
	my $message = status($node, 'last_error');
	my $refused = start_query($node, 'SET postgres_llm.engine_start_timeout = 0; ' . generate('x'));
	$err = sqlstate_is($refused, '57P03', 'a call says that the engine is missing');
	rename("$path.away", $path) or BAIL_OUT("could not put $path back");
	ok($failed, 'without its program the engine stays down');
	like($message, qr/postgres_llm_engine.*No such file/, 'the status names the file');
	like($err, qr/postgres_llm_engine.*No such file/, '... and so does the error');
	$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
	ok(wait_for_status($node, "state = 'ready'"), 'an order ends the wait');
	recovered('missing program');
}

unlike(slurp_file($node->logfile), qr/reinitializing|server process .* was terminated/,
	'the server never noticed anything');
$node->stop;

done_testing();
