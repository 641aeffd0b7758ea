# Storms: everything that can go wrong goes wrong at once, again and again, and nothing is lost.
#
#	STORM_SECONDS=N      how long it blows, about; 60 unless told (make storms: 600)
#	LLM_STORM_SEED=N     what the clients ask and what happens to them; otherwise the clock's
#
# Twelve clients with mixed scripts (LlmStorm.pm) use two small random models on the real engine, with little
# memory for the KV cache and for texts.  First the engine dies, stands still, is restarted, gets other settings; then
# one engine lives through cancels, terminated and vanished sessions, timeouts, models that come and go; at last
# the broker is ended, and backends and the broker are killed, which restarts the server.  After each storm everything that was in use is
# free, and calls are answered at once; no answer was ever wrong; processes have not grown.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use LlmStorm qw(prepare_load run_clients);
use List::Util qw(shuffle);
use POSIX qw(ceil);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seconds = $ENV{STORM_SECONDS} // 60;
my $seed = $ENV{LLM_STORM_SEED} // int(time());
my $node = PostgreSQL::Test::Cluster->new('storms');
my $answer_s = 30; # a call in a quiet server takes far less; one that waits for what was lost, longer
my $n_storms = 0;
my %all;

diag("LLM_STORM_SEED=$seed STORM_SECONDS=$seconds");
srand($seed);

# What a client may meet: limits, its own errors and time-outs, the rest of a transaction that failed.  What
# only one storm brings stands there.
my @always = qw(53400 53200 22012 57014 25P02);

sub sql
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

# Not all of this succeeds in a storm.
sub try_sql
{
	my ($sql) = @_;

	$node->psql('postgres', $sql);
	return;
}

sub figures
{
	my ($pid) = @_;
	my $status = slurp_file("/proc/$pid/status");
	my %figure = (fds => scalar(() = glob("/proc/$pid/fd/*")));

	($figure{rss_kb}) = $status =~ /^RssAnon:\s+(\d+)/m;
	($figure{threads}) = $status =~ /^Threads:\s+(\d+)/m;
	return \%figure;
}

# ---- the state after a storm ----

# A call is answered soon, of either model; the limited role has all its places.
sub answers_soon
{
	my ($name) = @_;

	for my $model (qw(a b))
	{
		my ($timed_out, $out);
		my $begin = time();

		$node->psql('postgres', "SELECT bool_and(expected = llm.generate(prompt, model, max_tokens => max_tokens,
			temperature => temperature, seed => seed)) FROM question WHERE model = '$model' AND id < 10",
			stdout => \$out, timeout => 60, timed_out => \$timed_out);
		is($timed_out ? 'timeout' : $out, 't', "$name: model $model answers");
		cmp_ok(time() - $begin, '<', $answer_s, '... soon');
	}
	my ($out, $err) = run_query($node, <<'END', 'small');
SET postgres_llm.queue_timeout = '5s';
BEGIN;
DECLARE one CURSOR FOR SELECT (llm.stream('a', 'a', max_tokens => 200, options => '{"ignore_eos": true}')).chunk;
DECLARE two CURSOR FOR SELECT (llm.stream('b', 'a', max_tokens => 200, options => '{"ignore_eos": true}')).chunk;
FETCH 1 FROM one \g /dev/null
FETCH 1 FROM two \g /dev/null
COMMIT;
END
	is($err, '', "$name: the places of a role are free");
	return;
}

sub nothing_is_lost
{
	my ($name) = @_;

	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'storm'"),
		"$name: no session is stuck");
	is_clean($node, $name);
	blocks_are_clean($node);
	return;
}

# One storm: its clients, and what befalls them; errors lists the SQLSTATEs that it brings.
sub storm
{
	my ($storm, $how_long) = @_;
	my $name = ++$n_storms . " $storm->{name}";

	$storm->{begin}->() if $storm->{begin};
	my $tally = run_clients($node, $seed + 1000 * $n_storms, $how_long, $storm, $storm->{disturb});
	my %may = map { ("error $_" => 1) } @always, @{ $storm->{errors} // [] };
	my @right = grep { /^right/ } keys %$tally;
	my @strange = grep { !/^right/ && $_ ne 'scripts' && !$may{$_} } sort keys %$tally;

	note("$name: " . join(', ', map { "$tally->{$_} $_" } sort keys %$tally));
	is(join("\n", @strange), '', "$name: nothing but right answers and the errors of a storm");
	cmp_ok(scalar(@right), '>', 2, "$name: several kinds of calls were answered");
	$all{$_} += $tally->{$_} for keys %$tally;

	$storm->{end}->() if $storm->{end};

	# Ends also the engine's back-off.
	sql('SELECT llm.restart_engine()') if $storm->{kills};
	answers_soon($name);
	nothing_is_lost($name);
	for my $process (qw(engine broker))
	{
		my $figures = figures(status($node, "${process}_pid"));
		note("$name: $process: " . join(', ', map { "$_ $figures->{$_}" } sort keys %$figures));
	}
	return;
}

# ---- what a storm does ----

# Signal the process that a query names, if it names one.
sub signal_one
{
	my ($signal, $query) = @_;
	my ($status, $pid) = $node->psql('postgres', $query);

	kill($signal, $pid) if $status == 0 && $pid =~ /^\d+$/;
	return;
}

sub kill_engine
{
	signal_one('KILL', 'SELECT engine_pid FROM llm.engine_status');
	try_sql('SELECT llm.restart_engine()') if rand() < 0.5;
	return;
}

# It stands still for a moment; then it goes on or is replaced.
sub stop_engine
{
	my $pid = status($node, 'engine_pid');

	return if $pid !~ /^\d+$/;
	kill('STOP', $pid);
	usleep(int(rand(600_000)));
	try_sql('SELECT llm.restart_engine()') if rand() < 0.5;
	kill('CONT', $pid);
	return;
}

sub signal_some
{
	my ($function) = @_;

	try_sql("SELECT $function(pid) FROM pg_stat_activity WHERE application_name = 'storm' AND random() < 0.3");
	return;
}

# Settings that the next engine reads; little memory, few places, and much of both.
sub change_settings
{
	my %choices = (
		batch_policy => [qw(static dynamic inflight)],
		kv_cache_size => [qw(1MB 2MB 16MB)],
		max_sequences => [ 1, 4, 32 ],
		max_step_tokens => [ 1, 16, 512 ],
		max_queue => [ 1, 8, 1000 ],
		speculation => [qw(off ngram always)],
		prefix_sharing => [qw(off role database)],
	);
	my $name = (sort keys %choices)[ rand keys %choices ];
	my $value = $choices{$name}[ rand @{ $choices{$name} } ];

	try_sql("ALTER SYSTEM SET postgres_llm.$name = '$value'");
	try_sql('SELECT pg_reload_conf()');
	try_sql('SELECT llm.restart_engine()') if rand() < 0.4;
	return;
}

sub change_models
{
	my $model = (qw(a b))[ rand 2 ];

	try_sql("SELECT llm.unload_model('$model')");
	try_sql("SELECT llm.load_model('$model')") if rand() < 0.3;
	try_sql("SELECT llm.create_model('c', source), llm.generate('x', 'c', max_tokens => 3) FROM llm.models WHERE name = '$model'")
	  if rand() < 0.2;
	try_sql("SELECT llm.drop_model('c')") if rand() < 0.5;
	return;
}

# Memory for the larger of the models, so that each use of the other one unloads it.
sub shrink_memory
{
	my $mb = sql('SELECT ceil(max(loaded_bytes) / 1048576.0) FROM llm.model_status');

	sql("ALTER SYSTEM SET postgres_llm.engine_memory = '${mb}MB'");
	sql('SELECT pg_reload_conf()');
	sql('SELECT llm.restart_engine()');
	return;
}

sub restore_memory
{
	cmp_ok(sql('SELECT evictions FROM llm.engine_status'), '>', 0, 'models made room for each other');
	sql('ALTER SYSTEM RESET postgres_llm.engine_memory');
	sql('SELECT pg_reload_conf()');
	return;
}

# The session of a client that is gone may update rows still while the client's next one does, in another order.
my @vanish_errors = qw(40P01);

my @deadly = (
	{ name => 'memory for one model', begin => \&shrink_memory, end => \&restore_memory, kills => 1 },
	{ name => 'kill -9 of the engine', disturb => \&kill_engine, kills => 1, errors => [qw(57P02 57P03)] },
	{ name => 'restarts', disturb => sub { try_sql('SELECT llm.restart_engine()') }, kills => 1, errors => [qw(57P02 57P03)] },
	{ name => 'an engine that stands still', disturb => \&stop_engine, kills => 1, errors => [qw(57P02 57P03)], timeout => 0.3 },
	{ name => 'settings', disturb => \&change_settings, kills => 1, errors => [qw(57P02 57P03)], timeout => 0.1 },
);
my @survived = (
	{ name => 'cancels', disturb => sub { signal_some('pg_cancel_backend') } },
	{ name => 'terminated sessions', disturb => sub { signal_some('pg_terminate_backend') }, errors => ['57P01'] },
	{ name => 'vanished clients', vanish => 0.6, errors => \@vanish_errors },
	{ name => 'timeouts', timeout => 0.7 },
	{ name => 'models come and go', disturb => \&change_models },
	{
		name => 'all of it',
		vanish => 0.2,
		timeout => 0.3,
		errors => [ '57P01', @vanish_errors ],
		disturb => sub {
			(sub { signal_some('pg_cancel_backend') }, sub { signal_some('pg_terminate_backend') }, \&change_models)[ rand 3 ]->();
		}
	},
);
my $calm = { name => 'calm' };

# ---- the server ----

$node->init;
$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'postgres_llm'
postgres_llm.engine_device = cpu
postgres_llm.engine_threads = 1
postgres_llm.engine_start_timeout = 20s
postgres_llm.kv_cache_size = 1MB
postgres_llm.max_payload_memory = 2MB
postgres_llm.slots_per_backend = 16
postgres_llm.max_sequences = 8
max_connections = 150
log_error_verbosity = verbose
restart_after_crash = on
END
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION postgres_llm');

# The first one's KV cache holds 512 tokens; in the second one two layers of three keep their window only, and it
# drafts for itself, so that there are sequences of a draft model to be lost as well.
my @windowed = qw(--seed=2 --layers=3 --dim=128 --heads=4 --kv-heads=4 --head-dim=32 --vocabulary=bpe
	--context=2048 --window=40 --full-every=3);
for my $model ([ 'a', qw(--seed=1 --layers=4 --kv-heads=4 --head-dim=32) ], [ 'b', @windowed ])
{
	my ($name, @shape) = @$model;
	my $path = $node->basedir . "/$name.gguf";

	command_ok([ 'python3', "$FindBin::RealBin/../tools/make_gguf.py", $path, @shape ], "model $name is made");
	sql("SELECT llm.create_model('$name', '$path')");
}
sql(q{SELECT llm.alter_model('b', options => '{"draft_model": "b"}')});
prepare_load($node);
cmp_ok(sql('SELECT count(DISTINCT expected) FROM question'), '>', 20, 'the questions have different answers');

# ---- the storms: so many rounds that each storm takes 15 seconds at most ----

my $n_phases = @deadly + @survived + 6;
my $n_rounds = ceil($seconds / $n_phases / 15);
my $storm_s = $seconds / $n_phases / $n_rounds;

storm($calm, $storm_s * $n_rounds);
my $broker = figures(status($node, 'broker_pid'));
my $broker_pid = status($node, 'broker_pid');
for (1 .. $n_rounds)
{
	storm($_, $storm_s) for shuffle(@deadly);
}
sql("ALTER SYSTEM RESET ALL");
sql('SELECT pg_reload_conf()');
sql('SELECT llm.restart_engine()');

storm($calm, $storm_s * $n_rounds);
my $engine_pid = status($node, 'engine_pid');
my $engine = figures($engine_pid);
for (1 .. $n_rounds)
{
	storm($_, $storm_s) for shuffle(@survived);
}
storm($calm, $storm_s * $n_rounds);
cmp_ok(sql('SELECT sum(preemptions) FROM llm.stat_engine'), '>', 0, 'memory was so short that sequences were preempted');

# ---- what is left of them ----

# Processes are as large as after the warm-up.  A heap that has been used in another order may be somewhat larger;
# a kilobyte that is lost in each request would show in ten minutes as a hundred megabytes.
sub is_flat
{
	my ($name, $before, $after) = @_;

	note("$name: " . join(', ', map { "$_ $before->{$_} to $after->{$_}" } sort keys %$after));
	cmp_ok($after->{rss_kb}, '<=', $before->{rss_kb} * 1.2 + 4096, "$name: memory is flat");
	cmp_ok($after->{fds}, '<=', $before->{fds}, "$name: no descriptor is left open");
	is($after->{threads}, $before->{threads}, "$name: no thread is left");
	return;
}

is(status($node, 'engine_pid'), $engine_pid, 'the second half was one engine');
is(status($node, 'broker_pid'), $broker_pid, 'and all of it one broker');
is_flat('engine', $engine, figures($engine_pid));
is_flat('broker', $broker, figures($broker_pid));
cmp_ok($all{"error $_"} // 0, '>', 0, "error $_ was met") for qw(57P02 57014 57P01 53400);
cmp_ok($all{"right $_"} // 0, '>', 0, "right: $_")
  for qw(select detail stream score tokens large update savepoint fill), 'fill to its end';
my $log = slurp_file($node->logfile);
unlike($log, qr/was not released/, 'no call was left to the end of its transaction');
unlike($log, qr/PANIC|TRAP|Sanitizer|runtime error:|\(PID \d+\) was terminated by signal/, 'no server process crashed');

# ---- and the server itself ----

sub kill_backend
{
	signal_one('KILL', "SELECT pid FROM pg_stat_activity WHERE application_name = 'storm' AND state = 'active' LIMIT 1");
	sleep(1);
	return;
}

sub end_broker
{
	signal_one('TERM', 'SELECT broker_pid FROM llm.engine_status');
	usleep(1_500_000 + int(rand(500_000)));
	return;
}

sub kill_broker
{
	signal_one('KILL', 'SELECT broker_pid FROM llm.engine_status');
	sleep(1);
	return;
}

sub comes_back
{
	my ($name, $victim) = @_;
	my $tally = run_clients($node, $seed + $n_storms++, $storm_s * $n_rounds, {}, $victim);

	note("$name: " . join(', ', map { "$tally->{$_} $_" } sort keys %$tally));
	is(join("\n", grep { /^wrong|^hang/ } keys %$tally), '', "$name: no answer is wrong, nobody hangs");
	ok(wait_until(sub { $node->psql('postgres', 'SELECT 1') == 0 }), "$name: the server comes back");
	sql('SELECT llm.restart_engine()');
	answers_soon($name);
	nothing_is_lost($name);
	return;
}

comes_back('SIGTERM to the broker', \&end_broker);
comes_back('kill -9 of backends', \&kill_backend);
comes_back('kill -9 of the broker', \&kill_broker);
$node->stop;
ok(wait_until(sub { !process_alive($engine_pid) }), 'no engine stays behind');
note('all: ' . join(', ', map { "$all{$_} $_" } sort keys %all));
done_testing();
