# The batching scan gives what row-by-row execution gives: random queries, three ways (LlmFuzz.pm).
#
#	LLM_FUZZ_SEED=N      another seed than the fixed one
#	LLM_FUZZ_QUERIES=N   as many cases
#	LLM_FUZZ_CASE=N      only this one of them, printed
#	LLM_FUZZ_VERBOSE=1   print cases that are not valid SQL, too
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmFuzz qw(create_database make_cases run_modes compare_modes difference);
use LlmNode;
use Test::More;

my $seed = $ENV{LLM_FUZZ_SEED} // 20261124;
my $n_queries = $ENV{LLM_FUZZ_QUERIES} // 1000;
my $only = $ENV{LLM_FUZZ_CASE};
my $chunk = 50;

# A window of 8 rows, so that a table of 26 is more than three of them.
my $node = new_llm_node('batch_fuzz', <<'END');
postgres_llm.fake_slots = 4
postgres_llm.fake_steps = 1
postgres_llm.fake_step_us = 20
postgres_llm.reorder_fields = on
autovacuum = off
END

my @modes = (
	{ name => 'off', database => 'fuzz_off', settings => ['postgres_llm.batch_scan = off'] },
	{ name => 'on', database => 'fuzz_on', settings => ['postgres_llm.batch_scan = on'] },
	{
		name => 'window 3',
		database => 'fuzz_three',
		settings => [ 'postgres_llm.batch_scan = on', 'postgres_llm.max_readahead = 3' ]
	});
my $features;
$features = create_database($node, $_->{database}) for @modes;

# ---- the fuzzer itself ----

note("seed $seed, $n_queries cases");
my %total;
my @numbers = defined $only ? ($only) : (1 .. $n_queries);
while (my @part = splice(@numbers, 0, $chunk))
{
	my @cases = make_cases($seed, $features, @part);
	my @outputs = run_modes($node, \@modes, @cases);
	my $count = compare_modes($seed, \@modes, \@outputs, @cases);

	diag(LlmFuzz::text_of($cases[0]), map { "$_\n$outputs[1]{$only}{$_}" } qw(plan run effects errors))
	  if defined $only;
	$total{$_} += $count->{$_} for keys %$count;
}
note(join(', ', map { "$_ $total{$_}" } sort keys %total));

is($total{different}, 0, "seed $seed: every case is the same three ways")
  or diag("replay one: make fuzz-scan SEED=$seed CASE=number");
is($total{off_node}, 0, 'no plan has a node when batching is off');
if (!defined $only)
{
	cmp_ok($total{with_node}, '>=', 0.6 * $total{cases}, 'most plans have a node');
	cmp_ok($total{invalid}, '<=', 0.02 * $total{cases}, 'nearly all cases are valid');
	cmp_ok($total{errors}, '<=', 0.3 * $total{cases}, 'most cases raise no error');
	cmp_ok($total{errors}, '>=', 0.03 * $total{cases}, '... but some do');
	cmp_ok($total{unordered_errors}, '<=', 0.06 * $total{cases}, 'few cases raise another error first');
}
is_clean($node, 'fuzzer');

# ---- negative control: the comparison finds what it should ----

SKIP:
{
	skip 'only one case', 8 if defined $only;
	my $case = { faults => 1, parallel => 0 };
	my %output = (run => "1\n2\n", effects => "7|t\n", errors => "ERROR:  22012: division by zero\n");
	is(difference($case, \%output, {%output}), '', 'equal outputs are equal');
	ok(difference($case, \%output, { %output, run => "2\n1\n" }), 'another order is a difference');
	ok(difference($case, \%output, { %output, effects => "8|t\n" }), 'so is another sequence');
	ok(difference($case, \%output, { %output, errors => '' }), 'and an error that is not raised');
	ok(difference($case, \%output, { %output, errors => "ERROR:  22023: no\n" }), 'or is another');
	is(difference({ faults => 2 }, \%output, { %output, errors => "ERROR:  22023: no\n" }),
		undef, '... unless two were ahead');
	ok(difference($case, \%output, {}), 'a session that ended is a difference');

	# A prompt that is not the same in one database.
	$node->safe_psql('fuzz_three', "UPDATE doc SET a = 'another' WHERE id IN (1, 7)");
	my @cases = make_cases($seed, $features, 1 .. 100);
	my @two = @modes[ 0, 2 ];
	my @outputs = run_modes($node, \@two, @cases);
	my $n_different =
	  grep { difference($_, $outputs[0]{ $_->{number} }, $outputs[1]{ $_->{number} }) } @cases;
	cmp_ok($n_different, '>=', 5, 'another prompt in one row is seen');
}

$node->stop;
done_testing();
