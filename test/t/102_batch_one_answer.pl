# One answer: what a scan of many rows gets from the real engine is what each call gets alone, bit for bit.
#
# 10,000 rows on a small random model and 200 of banking77 on SmolLM2, odd rows sampled with a seed
# of their own and even rows greedy.  Alone means row by row in a session without batching: some in
# a server that does nothing else, the others in eight sessions at once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $models = $ENV{LLM_TEST_MODELS} // '';
my $questions = ($ENV{LLM_TEST_DATA} // '') . '/banking77/train.csv';
my $smollm2 = 'SmolLM2-135M-Instruct.Q4_1.gguf';
my $n_sessions = 8;

plan skip_all => 'LLM_TEST_MODELS does not name a directory with tiny.gguf'
  unless -f "$models/tiny.gguf";

my $node = new_cpu_node('batch_one_answer');

$node->safe_psql('postgres', <<'END');
SELECT llm.create_model('tiny', 'tiny.gguf');
CREATE TABLE question (id int PRIMARY KEY, prompt text, batched text, alone text);
END

# An UPDATE of a column of question by both kinds of calls.
sub update
{
	my ($column, $model, $options, $where, $seed) = @_;
	my $call = "llm.generate(prompt, model => '$model', $options";

	$seed //= 'id';
	return "UPDATE question SET $column = CASE WHEN id % 2 = 0 THEN $call, temperature => 0)"
	  . " ELSE $call, temperature => 1, seed => $seed) END WHERE $where";
}

sub differences
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM question WHERE alone IS DISTINCT FROM batched');
}

# All rows of question in one scan, then alone: the first n_first in a quiet server, the others at once.
sub check_model
{
	my ($model, $options, $n_first, $n_control) = @_;
	my $update = update('batched', $model, $options, 'true');

	like($node->safe_psql('postgres', "EXPLAIN (COSTS OFF) $update"), qr/LLM Batch/, "$model: the UPDATE is batched");
	$node->safe_psql('postgres', $update);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM question WHERE batched IS NULL'), 0, "$model: all rows answered");

	my $off = 'SET postgres_llm.batch_scan = off;';
	$node->safe_psql('postgres', $off . update('alone', $model, $options, "id <= $n_first"));
	is($node->safe_psql('postgres', "SELECT count(*) FROM question WHERE id <= $n_first AND alone IS DISTINCT FROM batched"),
		0, "$model: $n_first rows are as alone");
	my @sessions = map {
		start_query($node, $off . update('alone', $model, $options, "id > $n_first AND id % $n_sessions = $_"))
	} 0 .. $n_sessions - 1;
	is(join('', map { join('', finish_query($_)) } @sessions), '', "$model: $n_sessions sessions");
	is(differences(), 0, "$model: all rows are as alone");

	# Negative control: other seeds are seen in the sampled rows, and only there.
	$node->safe_psql('postgres', update('batched', $model, $options, "id <= $n_control", 'id + 1'));
	cmp_ok(differences(), '>', $n_control / 4, "$model: another seed gives another answer");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM question WHERE alone IS DISTINCT FROM batched AND id % 2 = 0'),
		0, "$model: ... but not to a greedy call");
	return;
}

$node->safe_psql('postgres', <<'END');
INSERT INTO question
SELECT i, CASE i % 3 WHEN 0 THEN 'row ' || i WHEN 1 THEN md5(i::text) ELSE repeat('again ', i % 17) || i END
FROM generate_series(1, 10000) i;
END
check_model('tiny', 'max_tokens => 4', 600, 100);
cmp_ok($node->safe_psql('postgres', 'SELECT count(DISTINCT alone) FROM question'), '>', 1000, 'answers differ');

SKIP:
{
	skip "the SmolLM2 file is not there", 7 unless -f "$models/$smollm2";
	skip 'LLM_TEST_DATA has no banking77', 7 unless -r $questions;
	$node->safe_psql('postgres', <<"END");
TRUNCATE question;
CREATE TABLE customer (id serial, text text, category text);
\\copy customer (text, category) FROM '$questions' WITH (FORMAT csv, HEADER)
INSERT INTO question SELECT row_number() OVER (ORDER BY min(id)), left(text, 60)
FROM customer WHERE id % 50 = 0 GROUP BY 2 ORDER BY 1 LIMIT 200;
END
	is($node->safe_psql('postgres', 'SELECT count(*) FROM question'), 200, '200 questions');

	# Raw prompts are half as long as chats.
	check_model('smollm2', q(max_tokens => 3, options => '{"raw": true}'), 40, 20);
}

is($node->safe_psql('postgres', 'SELECT slots_used FROM llm.engine_status'), 0, 'no slot is lost');
blocks_are_clean($node);
$node->stop;
done_testing();
