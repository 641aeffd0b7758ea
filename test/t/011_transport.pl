# Payloads, slots and their limits.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('transport', "postgres_llm.slots_per_backend = 3\n");

# Every size around the borders of frames, portions and allocation classes.
for my $n_bytes (0, 1, 7, 100, 8191, 8192, 65_535, 262_144, 262_145, 1_000_000, 5_000_000)
{
	is( $node->safe_psql('postgres',
			"SELECT length(llm.generate('[[steps=1]]' || repeat('x', $n_bytes), max_tokens => 8000)) - 6"),
		$n_bytes, "a prompt of $n_bytes bytes comes back");
}
is($node->safe_psql('postgres', "SELECT length(llm.generate('[[steps=1]][[bytes=8000000]]'))"),
	'8000000', 'a large answer to a small prompt');
is_clean($node, 'sizes');

# More memory in prompts than there is: they wait for each other.
my @queries = map {
	start_query($node,
		"SELECT sum(length(llm.generate('[[steps=2]]' || repeat('x', 1000000)))) FROM generate_series(1, 10)")
} 1 .. 10;
is_deeply([ map { (finish_query($_))[0] } @queries ], [ ('10000060') x 10 ], '100 prompts of 1 MB');
is_clean($node, '100 prompts of 1 MB');

my $err = sqlstate_is(start_query($node, "SELECT llm.generate(repeat('x', 30000000))"),
	'53400', 'a prompt that can never fit');
like($err, qr/max_payload_memory/, '... names the setting');
sqlstate_is(start_query($node, "SELECT llm.generate(repeat('x', 40000000))"),
	'54000', 'a prompt beyond every limit');

# Streams: three slots, six cursors, each of which has read one piece.
my $cursors = join('', map {
		"DECLARE c$_ CURSOR FOR SELECT $_, (llm.stream('stream $_ one two three four [[steps=6]]')).chunk;\n"
		  . "FETCH 1 FROM c$_;\n"
	} 1 .. 6);
my ($out) = run_query($node, "BEGIN;\n$cursors COMMIT;");
is(scalar(split(/\n/, $out)), 6, 'more streams than slots');
is_clean($node, 'streams that were not read to the end');

($out) = run_query($node, "BEGIN;\n$cursors FETCH ALL FROM c1; FETCH ALL FROM c6; COMMIT;");
my %text;
$text{$1} .= $2 while $out =~ /^(\d)\|(.*)$/mg;
is($text{$_}, "fake: stream $_ one two three four", "stream $_, which had to leave its slot, is complete")
  for 1, 6;
is_clean($node, 'streams');

($out) = run_query($node, "SELECT string_agg(chunk, '') FROM llm.stream('[[split]]')");
is($out, "a\xc3\xb1\xe2\x82\xac\xf0\x9f\x98\x80" x 3, 'characters are streamed whole');
is( $node->safe_psql('postgres',
		"SELECT sum(length(chunk)) FROM llm.stream('[[steps=400]][[bytes=3000000]]')"),
	'3000000', 'a long stream');
is_clean($node, 'long stream');

# Functions that a session calls from a parallel worker.
$node->safe_psql('postgres', <<'END');
CREATE FUNCTION parallel_generate(p text) RETURNS text LANGUAGE sql PARALLEL SAFE
BEGIN ATOMIC SELECT llm.generate(p); END;
CREATE TABLE prompts AS SELECT 'p' || i AS p FROM generate_series(1, 40) i;
END
my $parallel = $node->safe_psql('postgres', <<'END');
ALTER FUNCTION llm.generate(text, text, text, int, float8, float8, int, float8, bigint, text[], jsonb)
  PARALLEL SAFE;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
EXPLAIN (COSTS OFF) SELECT max(parallel_generate(p)) FROM prompts;
SELECT count(DISTINCT parallel_generate(p)) FROM prompts;
END
like($parallel, qr/Workers Planned/, 'the plan has workers');
like($parallel, qr/^40$/m, 'calls in parallel workers');
is_clean($node, 'parallel workers');

# Many sessions.
my @many = map {
	start_query($node,
		"SELECT count(*) FROM generate_series(1, 20) i WHERE llm.generate('s$_ ' || i || '[[steps=2]]') = 'fake: s$_ ' || i")
} 1 .. 40;
is_deeply([ map { (finish_query($_))[0] } @many ], [ ('20') x 40 ], '40 sessions, each its own answers');
is_clean($node, '40 sessions');
$node->stop;

# Little memory: results, too, have to find room.
my $small = new_llm_node('small', "postgres_llm.max_payload_memory = 1MB\n");

$err = sqlstate_is(start_query($small, "SELECT llm.generate('[[bytes=2000000]]')"),
	'53200', 'an answer that does not fit fails its request');
like($err, qr/max_payload_memory/, '... and names the setting');
is_clean($small, 'answer that does not fit');
$err = sqlstate_is(start_query($small, "SELECT count(*) FROM llm.stream('[[steps=2]][[bytes=5000000]]')"),
	'53200', 'nor does a stream that nobody reads fast enough');
is_clean($small, 'stream that does not fit');
@queries = map {
	start_query($small, "SELECT sum(length(llm.generate(repeat('x', 200000)))) FROM generate_series(1, 10)")
} 1 .. 8;
is_deeply([ map { (finish_query($_))[0] } @queries ], [ ('2000060') x 8 ],
	'prompts wait for memory');
is_clean($small, 'waiting for memory');
$small->stop;

done_testing();
