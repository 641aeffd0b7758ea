# Bulk work in four sessions, one interactive call beside it: its median latency is under twice that alone.
#
# On the fake engine, whose steps take the same time however many requests run, so what is measured is who
# waits for whom.  test/bench measures the real engine.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use Test::More;

my $n_bulk = 4;
my $n_rows = 1000;
my $n_calls = 21;
my $node = new_llm_node('batch_fairness', <<'END');
postgres_llm.fake_slots = 32
postgres_llm.fake_step_us = 5000
postgres_llm.fake_steps = 10
END

$node->safe_psql('postgres', <<"END");
CREATE TABLE doc (bulk int, id int, a text, summary text);
INSERT INTO doc SELECT b, i, 'doc ' || b || ' ' || i FROM generate_series(1, $n_bulk) b, generate_series(1, $n_rows) i;
END

# The median of the latencies of single calls in one session, in ms.
sub median_latency
{
	my ($tag) = @_;

	return $node->safe_psql('postgres', <<"END");
CREATE TEMP TABLE latency (ms float8);
DO \$\$
DECLARE start timestamptz;
BEGIN
	FOR i IN 1 .. $n_calls LOOP
		start := clock_timestamp();
		PERFORM llm.generate('$tag ' || i);
		INSERT INTO latency VALUES (extract(epoch FROM clock_timestamp() - start) * 1000);
	END LOOP;
END \$\$;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM latency;
END
}

my $alone = median_latency('alone');
cmp_ok($alone, '>=', 50, 'a call alone takes its ten steps');

my $plan = $node->safe_psql('postgres', 'EXPLAIN (COSTS OFF) UPDATE doc SET summary = llm.generate(a) WHERE bulk = 1');
like($plan, qr/LLM Batch/, 'the UPDATE is batched');
my @bulk = map { start_query($node, "UPDATE doc SET summary = llm.generate(a) WHERE bulk = $_") } 1 .. $n_bulk;
ok(wait_for_status($node, 'slots_used >= ' . (2 * $n_bulk)), 'four sessions do bulk work');

# Behind the bulk work a call would wait for dozens of rows each time; a machine that has other things to do makes
# it slow now and then.
my ($beside, $n_waiting);
for (1 .. 3)
{
	$beside = median_latency('beside');
	$n_waiting = status($node, 'slots_used');
	last if $beside < 2 * $alone;
}
cmp_ok($n_waiting, '>=', 32, '... and still do when the single calls are answered');
note("median latency: $alone ms alone, $beside ms beside $n_bulk sessions");
cmp_ok($beside, '<', 2 * $alone, 'a single call takes less than twice its time alone');

finish_query($_) for @bulk;
is($node->safe_psql('postgres', "SELECT count(*) FROM doc WHERE summary = 'fake: ' || a"),
	$n_bulk * $n_rows, 'every row of the bulk work has its answer');
is_clean($node, 'bulk work');
$node->stop;
done_testing();
