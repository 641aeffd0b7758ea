# Three models where two have room (postgres_llm.engine_memory): all answer in turns, the least recently used one leaves,
# and status and process say the same.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cpu_node('memory');

# One file under three lengths of context is three models.
$node->safe_psql('postgres',
	"SELECT llm.create_model('m$_', 'tiny.gguf', '{\"context_length\": 40$_}')") for 1 .. 3;

sub sql
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub ask
{
	my ($model) = @_;

	return sql("SELECT llm.generate('Hello', model => '$model', max_tokens => 8)");
}

sub restart_with
{
	my ($setting) = @_;

	$node->append_conf('postgresql.conf', "$setting\n");
	$node->reload;
	sql('SELECT llm.restart_engine()');
	ok(wait_for_status($node, "state = 'ready' AND models = 0"), "the engine runs with $setting");
	return;
}

# ---- without a limit all stay ----

my $answer = ask('m1');
is(ask($_), $answer, "$_ answers") for 'm2', 'm3';
is(status($node, 'models || \' \' || evictions'), '3 0', 'without a limit all three stay');
my $bytes = sql("SELECT max(loaded_bytes) FROM llm.model_status");
is(sql('SELECT e.model_bytes = sum(m.loaded_bytes) FROM llm.engine_status e, llm.model_status m GROUP BY e.model_bytes'),
	't', 'the engine has what its models have');

# ---- room for two ----

my $mb = int($bytes * 2.5 / 1048576);
restart_with("postgres_llm.engine_memory = '${mb}MB'");
for my $round (1 .. 3)
{
	for my $model ('m1', 'm2', 'm3')
	{
		is(ask($model), $answer, "$model answers in round $round");
		cmp_ok(status($node, 'model_bytes'), '<=', $mb * 1048576, '... within the limit');
	}
}
ok(wait_for_status($node, 'models = 2 AND evictions = 7'), 'each load but the first two has unloaded one');
is( sql("SELECT string_agg(model, ' ' ORDER BY last_used) FROM llm.model_status WHERE state = 'loaded'"),
	'm2 m3', 'the two used last are there');
is(sql("SELECT state, last_used IS NULL FROM llm.model_status WHERE model = 'm1'"), 'unloaded|t', '... the third is not');
ask('m2');
ask('m1');
ok($node->poll_query_until('postgres',
		"SELECT string_agg(model, ' ' ORDER BY model) = 'm1 m2' FROM llm.model_status WHERE state = 'loaded'"),
	'what was used last stays, not what was loaded last');

# Many sessions over all three at once: every answer comes, within the limit.
my @queries = map {
		start_query($node,
			"SELECT count(*) FROM (SELECT llm.generate('Hello', model => 'm$_', max_tokens => 8) AS a "
			  . "FROM generate_series(1, 20) OFFSET 0) rows WHERE a = \$\$$answer\$\$")
	} 1, 2, 3, 1, 2, 3;
is(join('|', finish_query($_)), '20|', 'a scan on a model that comes and goes') for @queries;
cmp_ok(status($node, 'model_bytes'), '<=', $mb * 1048576, '... within the limit');

# ---- room for none ----

restart_with("postgres_llm.engine_memory = '1MB'");
my $err = sqlstate_is(start_query($node, "SELECT llm.generate('Hello', model => 'm1', max_tokens => 8)"), '53400',
	'a model larger than the limit is refused');
like($err, qr/needs \d+ MB of the 1 MB/, '... with the numbers');
like($err, qr/HINT:.*postgres_llm\.engine_memory/, '... and the setting');
is(sql("SELECT llm.count_tokens('Hello', model => 'm1') > 0"), 't', 'tokens can be counted all the same');
is_clean($node, 'models that come and go');

# ---- what the engine has warned of is not why it dies ----

kill('KILL', status($node, 'engine_pid'));
ok(wait_for_status($node, "state = 'ready' AND failures = 1"), 'another engine runs');
is(status($node, 'last_error'), 'the inference engine was terminated by signal 9: Killed', 'the status says how the last one ended');
like(slurp_file($node->logfile), qr/WARNING:.*inference engine: model .* could not be loaded/, '... and the log what it warned of');

$node->stop;
done_testing();
