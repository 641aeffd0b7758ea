# The server stops while requests wait: at once, and no engine stays behind.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('shutdown');
my ($out, $err);

# Five requests that never end; returns their queries and the engine's process.
sub fill
{
	ok(wait_for_status($node, "state = 'ready'"), 'the engine is ready');
	my @queries = map { start_query($node, generate("[[hang]] $_")) } 1 .. 5;

	ok(wait_for_status($node, 'slots_used = 5'), 'five requests hang');
	return (status($node, 'engine_pid'), @queries);
}

for my $mode (qw(fast immediate))
{
	my ($engine, @queries) = fill();

	# They would hang for ever: pg_ctl would give up and the test die here.
	$node->stop($mode);
	ok(wait_until(sub { !process_alive($engine) }), "$mode shutdown leaves no engine");
	for my $query (@queries)
	{
		($out, $err) = finish_query($query);
		isnt($err, '', "$mode shutdown ends a waiting session");
	}
	$node->start;
	is($node->safe_psql('postgres', generate('back')), 'fake: back', "calls are answered after $mode shutdown");
	is_clean($node, $mode);
}

# Smart: waits for the sessions, and the broker serves them until they are done.
my $engine = status($node, 'engine_pid');
my $query = start_query($node, "SELECT llm.generate('[[steps=1000]] one'), llm.generate('two')");
ok(wait_for_status($node, 'slots_used = 1'), 'a slow request runs');
$node->stop('smart');
($out, $err) = finish_query($query);
is($out, 'fake: one|fake: two', 'smart shutdown lets the session finish');
ok(wait_until(sub { !process_alive($engine) }), 'smart shutdown leaves no engine');

# A backend that dies hard makes the server start over: fresh memory, a fresh engine.
$node->append_conf('postgresql.conf', "restart_after_crash = on\n");
$node->start;
($engine, my @queries) = fill();
my $victim = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE query LIKE '%[[hang]] 1%' AND pid <> pg_backend_pid()");
kill('KILL', $victim);
finish_query($_) for @queries;
ok(wait_until(sub { !process_alive($engine) }), 'the engine ends when the server starts over');
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
is($node->safe_psql('postgres', generate('fresh')), 'fake: fresh', 'calls are answered after the server started over');
is_clean($node, 'server started over');

# The postmaster itself is killed: nothing survives it.
($engine, @queries) = fill();
my ($postmaster) = split(/\n/, slurp_file($node->data_dir . '/postmaster.pid'));
$node->kill9;
ok(wait_until(sub { !process_alive($engine) }), 'the engine ends with the postmaster');
finish_query($_) for @queries;
ok(wait_until(sub { !process_alive($postmaster) }), 'nothing is in the way of the next start');
$node->start;
is($node->safe_psql('postgres', generate('again')), 'fake: again', 'calls are answered after kill -9');
is_clean($node, 'kill -9');
$node->stop;

done_testing();
