# One answer: a call gives the same text alone, again, and beside 31 other sessions, on the real
# engine: greedy and seeded, with drafts and without, under each batch policy, on a small random
# model and on SmolLM2 where its file is.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $models = $ENV{LLM_TEST_MODELS} // '';
my $n_clients = 32;

plan skip_all => 'LLM_TEST_MODELS does not name a directory with tiny.gguf'
  unless -f "$models/tiny.gguf";

my $node = new_cpu_node('one_answer');

$node->safe_psql('postgres', <<'END');
CREATE TABLE question (id int PRIMARY KEY, prompt text, expected text);
CREATE TABLE answer (id int, answer text);
INSERT INTO question (id, prompt) VALUES (1, 'What is the capital of France?'),
	(2, 'Count from one to ten.'), (3, 'a'), (4, repeat('Once upon a time there was a cat. ', 12)),
	(5, 'Say hello in French.'), (6, 'ß ☃ 東京'), (7, 'List three colours.'), (8, 'Why?');
END

# Every client asks every question once; all 32 are in flight together.
sub check_model
{
	my ($model, $how) = @_;
	my $call = "llm.generate(prompt, model => '$model', max_tokens => 12, $how)";
	my $script = $node->basedir . "/ask.sql";

	$node->safe_psql('postgres', "UPDATE question SET expected = $call; TRUNCATE answer");
	is($node->safe_psql('postgres', "SELECT count(*) FROM question WHERE expected <> $call"),
		0, "$model, $how: the second time is as the first");

	unlink $script;
	append_to_file($script, join("\n", map {
		"INSERT INTO answer SELECT id, $call FROM question WHERE id = (:client_id + $_) % 8 + 1;"
	} 0 .. 7) . "\n");
	$node->command_ok(
		[
			'pgbench', '-n', '-c', $n_clients, '-j', 4, '-t', 1, '-f', $script,
			'-d', $node->connstr('postgres')
		],
		"$model, $how: $n_clients clients");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM answer'),
		$n_clients * 8, "$model, $how: all answered");
	is( $node->safe_psql('postgres',
			'SELECT count(*) FROM answer JOIN question USING (id) WHERE answer IS DISTINCT FROM expected'),
		0, "$model, $how: as alone");
	return;
}

$node->safe_psql('postgres', "SELECT llm.create_model('tiny', 'tiny.gguf')");
check_model('tiny', 'temperature => 0');
check_model('tiny', 'temperature => 1, seed => 7');
cmp_ok($node->safe_psql('postgres', "SELECT count(DISTINCT expected) FROM question"),
	'>', 4, 'the questions have different answers');

SKIP:
{
	skip 'the SmolLM2 file is not there', 1
	  unless -f "$models/SmolLM2-135M-Instruct.Q4_1.gguf";
	check_model('smollm2', 'temperature => 0');
	like($node->safe_psql('postgres', 'SELECT expected FROM question WHERE id = 1'),
		qr/Paris/, 'the capital of France');
}

# With drafts, computed whether they pay or not, and without.
my (%answers, %drafted);
foreach my $speculation (qw(off always ngram))
{
	$node->append_conf('postgresql.conf', "postgres_llm.speculation = $speculation");
	$node->reload;
	$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
	($answers{$speculation}, $drafted{$speculation}) = split /\x1f/, $node->safe_psql('postgres', <<'END');
SELECT string_agg(d.text, '|' ORDER BY id, t) || E'\x1f' || sum(d.drafted_tokens)
FROM question, (VALUES (0.0), (0.9)) AS v (t),
	 llm.generate_detail(prompt, 'tiny', max_tokens => 40, temperature => t, seed => 3,
						 options => '{"ignore_eos": true}') AS d
END
}
is($answers{always}, $answers{off}, 'drafts change no answer');
is($answers{ngram}, $answers{off}, 'nor do those that pay');
is($drafted{off}, 0, 'speculation can be switched off');
cmp_ok($drafted{always}, '>', 0, 'and is there otherwise');

# However batches are formed; a batch that is not full waits no longer than it may.
foreach my $policy (qw(static dynamic inflight))
{
	$node->append_conf('postgresql.conf', "postgres_llm.batch_policy = $policy");
	$node->reload;
	$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
	check_model('tiny', 'temperature => 0');
}

# With so little memory that requests are preempted: short answers first, from which admission learns,
# and then long ones.
SKIP:
{
	skip 'the SmolLM2 file is not there', 2
	  unless -f "$models/SmolLM2-135M-Instruct.Q4_1.gguf";
	my @long;
	$node->safe_psql('postgres', <<'END');
CREATE TABLE number AS SELECT i, 'Tell me about the number ' || i || '.' AS prompt, NULL::text AS answer
	FROM generate_series(1, 24) i;
END
	foreach my $megabytes (256, 12)
	{
		$node->append_conf('postgresql.conf', "postgres_llm.kv_cache_size = '${megabytes}MB'");
		$node->reload;
		$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
		push @long, $node->safe_psql('postgres', <<'END');
UPDATE number SET answer = llm.generate(prompt, 'smollm2', max_tokens => 300, stop => '{.}');
UPDATE number SET answer = llm.generate(prompt, 'smollm2', max_tokens => 90, options => '{"ignore_eos": true}');
SELECT string_agg(answer, '|' ORDER BY i) FROM number
END
	}
	is($long[1], $long[0], 'preemption changes no answer');
	ok( $node->poll_query_until('postgres',
			"SELECT preemptions > 0 FROM llm.stat_engine WHERE model = 'smollm2'"),
		'and there was some');
}

is($node->safe_psql('postgres', 'SELECT slots_used FROM llm.engine_status'), 0, 'no slot is lost');
blocks_are_clean($node);
$node->stop;
done_testing();
