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

# ---- pinned prefixes ----

# More prompts than the cache holds, all different; then a prompt that begins like the pinned one.
my $system = 'You are a clerk, and this is what clerks do all day long: ' . ('they write, they count, they file. ' x 4);
my $flood = q{SELECT count(llm.generate(md5('a' || i) || repeat(md5(i::text), 6), 'tiny', max_tokens => 1))
	FROM generate_series(1, 60) i};
my $first = "SELECT cached_tokens FROM llm.generate_detail('Well?', 'tiny', system_prompt => '$system', max_tokens => 1)";

$node->append_conf('postgresql.conf', "postgres_llm.kv_cache_size = '1MB'");
$node->reload;
$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
$node->safe_psql('postgres', "$first; $flood");
my $unpinned = $node->safe_psql('postgres', $first);
my $pinned = $node->safe_psql('postgres', "SELECT llm.pin_prefix('clerk', 'x', 'tiny', '$system')");
cmp_ok($pinned, '>=', 3 * $block, 'a prefix is pinned');
$node->safe_psql('postgres', $flood);
cmp_ok($node->safe_psql('postgres', $first), '>=', $pinned - 2 * $block, 'and survives what takes the rest of the cache');
cmp_ok($unpinned, '<', $block, '... which one that is not pinned does not');
is($node->safe_psql('postgres', 'SELECT name, model, tokens FROM llm.pinned_prefixes'), "clerk|tiny|$pinned", 'it is listed');
$node->poll_query_until('postgres', "SELECT blocks_pinned = $pinned / $block FROM llm.cache_status")
  or die 'the engine does not report';
is($node->safe_psql('postgres', "SELECT llm.pin_prefix('clerk', 'x', 'tiny', '$system')"), $pinned, 'once more, in its own place');
$node->safe_psql('postgres', "SET postgres_llm.prefix_sharing = role; SELECT llm.pin_prefix('clerk', 'x', 'tiny', 'of a role, ' || '$system')");
is($node->safe_psql('postgres', 'SELECT count(*) FROM llm.pinned_prefixes'), 1, 'names belong to who shares prefixes');
$node->safe_psql('postgres', "SET postgres_llm.prefix_sharing = role; SELECT llm.unpin_prefix('clerk', 'tiny')");
my ($code, $out, $err) = $node->psql('postgres', "SELECT llm.pin_prefix('long', repeat('too long ', 300), 'tiny')");
like($err, qr/exceed|cannot be pinned|leave no room/, 'what is too long is refused');
($code, $out, $err) = $node->psql('postgres', "SET postgres_llm.prefix_sharing = off; SELECT llm.pin_prefix('x', '$system', 'tiny')");
like($err, qr/nobody shares prefixes/, 'and so is what nobody could share');
is($node->safe_psql('postgres', "SELECT llm.unpin_prefix('clerk', 'tiny')"), $pinned, 'it is unpinned');
($code, $out, $err) = $node->psql('postgres', "SELECT llm.unpin_prefix('clerk', 'tiny')");
like($err, qr/no prefix "clerk" of model "tiny" is pinned/, 'once');
$node->safe_psql('postgres', $flood);
cmp_ok($node->safe_psql('postgres', $first), '<', $block, 'and then it goes like any other');

# ---- what may be pinned is known before it is computed ----

# A text of a bit less than so many KV blocks.
my $repeated = 'and so on, ';
my $n_repeated = count_tokens("repeat('$repeated', 10)") / 10;
sub text
{
	my ($beginning, $n_blocks) = @_;

	return "'$beginning: ' || repeat('$repeated', " . int(($n_blocks - 2) * $block / $n_repeated) . ')';
}

my $raw = q(options => '{"raw": true}');
sub pin
{
	my ($name, $text) = @_;

	return $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT llm.pin_prefix('$name', $text, 'tiny', $raw)");
}

# Tokens of the text that are in the cache.
sub count_cached
{
	my ($text) = @_;

	return $node->safe_psql('postgres', "SELECT cached_tokens FROM llm.generate_detail($text, 'tiny', max_tokens => 1, $raw)");
}

my ($half, $context) = split(/\|/, $node->safe_psql('postgres', <<'END'));
SELECT c.blocks / 2, s.context_length / 16 FROM llm.cache_status c JOIN llm.model_status s USING (model) WHERE model = 'tiny'
END
my ($n_pins, $size, $n_pinned) = (0, 0, 0);
while ($n_pinned + $size <= $half && $n_pins < 60)
{
	my ($code, $out, $err) = pin("pin $n_pins", text(chr(ord('a') + $n_pins++), $context));

	is($code, 0, "$n_pinned of $half blocks are pinned: there is room") or diag($err);
	$size = $out / $block;
	$n_pinned += $size;
}
cmp_ok($n_pins, '>=', 2, 'some prefixes are pinned');
my $list = $node->safe_psql('postgres', 'SELECT name, tokens FROM llm.pinned_prefixes ORDER BY name');

($code, $out, $err) = pin('more', text('Z', $context));
like($err, qr/ERROR:  53400: a prefix of $size KV blocks cannot be pinned: half of the KV cache.* $n_pinned of \d+ are pinned/,
	'one more is refused, with the numbers');
cmp_ok(count_cached(text('Z', $context)), '<', $block, '... before any of it is computed');
is($node->safe_psql('postgres', 'SELECT name, tokens FROM llm.pinned_prefixes ORDER BY name'), $list, '... and nothing has changed');

($code, $out, $err) = pin('pin 0', text('Y', $context));
is($out, $size * $block, 'in the place of another there is room for it') or diag($err);
is($node->safe_psql('postgres', 'SELECT name, tokens FROM llm.pinned_prefixes ORDER BY name'), $list, '... which has gone');
cmp_ok(count_cached(text('Y', $context)), '>=', ($size - 1) * $block, '... and the new one is in the cache');
$node->safe_psql('postgres', q{SELECT llm.unpin_prefix(name, model) FROM llm.pinned_prefixes});

# ---- the cache ----

$node->poll_query_until('postgres', 'SELECT blocks_used = 0 FROM llm.cache_status')
  or die 'the engine does not report';
is($node->safe_psql('postgres', <<'END'), 't|t|t|t', 'the cache in llm.cache_status');
SELECT bytes > 0, blocks_cached > 0, hit_rate > 0 AND hit_rate < 1, blocks = blocks_free + blocks_cached + blocks_used
FROM llm.cache_status WHERE model = 'tiny'
END
is($node->safe_psql('postgres', "SELECT prefix_hit_rate > 0 AND prefix_hit_rate < 1 FROM llm.stat_engine WHERE model = 'tiny'"),
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
