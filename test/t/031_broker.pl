# The broker ends and comes back: requests in the engine fail, waiting ones are taken over.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('broker', "postgres_llm.fake_slots = 4\npostgres_llm.max_queue = 4\n");
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my ($out, $err);

sub stop_broker
{
	my $broker = status($node, 'broker_pid');
	my $engine = status($node, 'engine_pid');

	kill('TERM', $broker);
	ok(wait_for_status($node, "broker_pid IS DISTINCT FROM $broker"), 'the broker has gone');
	ok(wait_until(sub { !process_alive($engine) }), 'and the engine with it');
	return;
}

# One in the engine, asked to end; nobody waits for ever.
my $query = start_query($node, generate('[[hang]]'));
ok(wait_for_status($node, 'slots_used = 1'), 'a request is in the engine');
stop_broker();
sqlstate_is($query, '57P02', 'it fails');
is($node->safe_psql('postgres', generate('alive')), 'fake: alive', 'the next call waits for the next broker');
is_clean($node, 'SIGTERM');

# Four fill the engine, three more wait in their slots.
my @running = map { start_query($node, generate("[[hang]] $_")) } 1 .. 4;
ok(wait_for_status($node, 'slots_used = 4'), 'the engine is full');
my @waiting = map { start_query($node, generate("later $_")) } 1 .. 3;
ok(wait_for_status($node, 'slots_used = 7'), 'three more wait');
stop_broker();
sqlstate_is($_, '57P02', 'what was in the engine fails') for @running;
is_deeply(
	[ map { (finish_query($_))[0] } @waiting ],
	[ 'fake: later 1', 'fake: later 2', 'fake: later 3' ],
	'what waited is answered by the next');
is_clean($node, 'waiting requests');

# The same when the engine alone dies.
@running = map { start_query($node, generate("[[hang]] $_")) } 1 .. 4;
ok(wait_for_status($node, 'slots_used = 4'), 'the engine is full again');
@waiting = map { start_query($node, generate("later $_")) } 1 .. 3;
ok(wait_for_status($node, 'slots_used = 7'), 'three more wait');
kill('KILL', status($node, 'engine_pid'));
sqlstate_is($_, '57P02', 'what was in the engine fails') for @running;
is((finish_query($_))[0] =~ /^fake: later/ ? 1 : 0, 1, 'what waited is answered') for @waiting;
is_clean($node, 'dead engine');

# Given up while there is no broker: the next one cleans up.
$query = start_query($node, generate('[[hang]]'));
ok(wait_for_status($node, 'slots_used = 1'), 'a request is in the engine');
my $broker = status($node, 'broker_pid');
kill('TERM', $broker);
sqlstate_is($query, '57P02', 'it fails with the broker');
sqlstate_is(start_query($node, 'SET statement_timeout = 50; ' . generate('[[hang]]')),
	'57014', 'a call is given up between two brokers');
is_clean($node, 'between brokers');

# Over and over, with sessions that do not care.
my @busy = map {
	start_query($node, <<'SQL')
DO $$
BEGIN
	FOR i IN 1 .. 60 LOOP
		BEGIN
			PERFORM llm.generate('[[steps=30]]');
		EXCEPTION WHEN crash_shutdown THEN
			NULL;
		END;
	END LOOP;
END
$$;
SELECT 'over';
SQL
} 1 .. 6;
for my $round (1 .. 3)
{
	ok(wait_for_status($node, "state = 'ready'"), "round $round");
	$broker = status($node, 'broker_pid');
	kill('TERM', $broker);
	wait_for_status($node, "broker_pid <> $broker");
	kill('HUP', status($node, 'broker_pid'));
}
is((finish_query($_))[0], 'over', 'a busy session survives') for @busy;
is_clean($node, 'over and over');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server was not restarted');

$node->stop;
done_testing();
