# What rows of one scan share: the constant part of a template is computed once, and fields that repeat are found
# when they come first; cached_tokens counts it.  A small random model on the real engine.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $models = $ENV{LLM_TEST_MODELS} // '';
my $block = 16;		# tokens of a KV block
my $n_rows = 120;
my $n_products = 6;

plan skip_all => 'LLM_TEST_MODELS does not name a directory with tiny.gguf'
  unless -f "$models/tiny.gguf";

my $node = new_cpu_node('shared_prefix');

$node->safe_psql('postgres', <<"END");
SELECT llm.create_model('tiny', 'tiny.gguf');
CREATE TABLE review (id int PRIMARY KEY, note text, product text, alone text);
INSERT INTO review SELECT i, 'note ' || md5(i::text), 'product ' || md5((i % $n_products)::text) || repeat(' which is', 10)
FROM generate_series(1, $n_rows) i;
ANALYZE review;
END

# Sums over a call for each row: prompt and cached tokens.
sub tokens
{
	my ($prompt, $settings) = @_;
	my $sums = $node->safe_psql('postgres', <<"END");
SET postgres_llm.default_model = 'tiny';
@{[ $settings // '' ]}
SELECT sum((d).prompt_tokens), sum((d).cached_tokens)
FROM (SELECT llm.generate_detail($prompt, max_tokens => 2) AS d FROM review OFFSET 0) s;
END

	return split(/\|/, $sums);
}

sub count_tokens
{
	my ($text) = @_;

	return $node->safe_psql('postgres', "SELECT min(llm.count_tokens($text, 'tiny')) FROM review");
}

sub blocks
{
	my ($n_tokens) = @_;

	return $block * int($n_tokens / $block);
}

# ---- a template ----

my $instruction = 'Say in one word what the customer wants, and do not repeat the message. ' x 3;
my ($prompt, $cached) = tokens("llm.prompt('$instruction {0}', note)");

# The last token of the constant part may be another one with what follows.
my $common = blocks(count_tokens("'$instruction'") - 1);
cmp_ok($common, '>=', 2 * $block, 'the instruction is some KV blocks long');
cmp_ok($cached, '>=', ($n_rows - 1) * $common, "of one template $common tokens are computed once");
cmp_ok($cached, '<=', $prompt - $n_rows, '... and of each row at least one token');

# ---- fields ----

my $fields = "llm.prompt_fields('id', id, 'note', note, 'product', product)";
my $product = blocks(count_tokens(q('product: ' || product)) - 1);
my ($prompt_written, $cached_written) = tokens($fields);
my ($prompt_ordered, $cached_ordered) = tokens($fields, 'SET postgres_llm.reorder_fields = on;');

cmp_ok($product, '>=', 2 * $block, 'a product is some KV blocks long');
cmp_ok($cached_ordered, '>=', ($n_rows - $n_products) * $product, "products first: each of $n_products is computed once");
cmp_ok($cached_ordered - $cached_written, '>=', ($n_rows - $n_products) * ($product - $block),
	"... which saves tokens: $cached_ordered of $prompt_ordered are cached, as written $cached_written of $prompt_written");

# ---- answers ----

my $call = "llm.generate($fields, model => 'tiny', max_tokens => 3, temperature => 1, seed => id)";
my $settings = 'SET postgres_llm.reorder_fields = on;';
$node->safe_psql('postgres', "$settings SET postgres_llm.batch_scan = off; UPDATE review SET alone = $call");
is($node->safe_psql('postgres', "$settings SELECT count(*) FROM review WHERE alone IS DISTINCT FROM $call"),
	0, 'a batch gives what single calls give, in the order that the planner chose');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM review WHERE alone IS DISTINCT FROM $call"),
	'>', $n_rows / 4, '... and another order is another prompt');

# ---- the cache ----

$node->poll_query_until('postgres', 'SELECT blocks_used = 0 FROM llm.cache_status')
  or die 'the engine does not report';
is($node->safe_psql('postgres', <<'END'), 't|t|t|t', 'the cache in llm.cache_status');
SELECT bytes > 0, blocks_cached > 0, hit_rate BETWEEN 0.1 AND 1, blocks = blocks_free + blocks_cached + blocks_used
FROM llm.cache_status WHERE model = 'tiny'
END
is($node->safe_psql('postgres', "SELECT prefix_hit_rate BETWEEN 0.1 AND 1 FROM llm.stat_engine WHERE model = 'tiny'"),
	't', 'the rate of hits in llm.stat_engine');
my $detail = "SELECT cached_tokens FROM llm.generate_detail(repeat('all of it is known ', 12), 'tiny', max_tokens => 1)";
$node->safe_psql('postgres', $detail);
cmp_ok($node->safe_psql('postgres', $detail), '>=', 2 * $block, 'a prompt that is known');
cmp_ok($node->safe_psql('postgres', "SELECT llm.cache_reset('tiny')"), '>=', 2 * $block, 'cache_reset forgets it');
is($node->safe_psql('postgres', $detail), 0, 'and it is computed again');

is($node->safe_psql('postgres', 'SELECT slots_used FROM llm.engine_status'), 0, 'no slot is lost');
blocks_are_clean($node);
$node->stop;
done_testing();
