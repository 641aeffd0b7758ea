# Fair admission: a session with one call is not made to wait for a session with many.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use Test::More;

# Eight places in the engine and one on top, which is for sessions that have nothing there.
my $node = new_llm_node('fairness', "postgres_llm.fake_slots = 8\n");

sub greedy
{
	my ($n_streams, $tail) = @_;
	my $cursors = join('', map {
			"DECLARE c$_ CURSOR FOR SELECT (llm.stream('a b c d [[steps=3000]]')).chunk;\n"
			  . "FETCH 1 FROM c$_;\n"
		} 1 .. $n_streams);

	return start_query($node, "BEGIN;\n$cursors$tail");
}

my $greedy = greedy(10, 'COMMIT;');
ok(wait_for_status($node, 'slots_used = 9'), 'one session has eight requests in the engine and one waits');
is($node->safe_psql('postgres', generate('[[steps=20]] single')), 'fake: single', 'a single call');
ok(wait_for_status($node, 'slots_used = 9'), '... is answered while the other session still waits');
my ($out) = finish_query($greedy);
is(scalar(split(/\n/, $out)), 10, 'the greedy session gets its answers');
is_clean($node, 'greedy session');

# Three greedy sessions fill the engine; a single call even goes beyond.
my @greedy = map { greedy(5, 'COMMIT;') } 1 .. 3;
ok(wait_for_status($node, 'slots_used >= 10'), 'the engine is full');
is($node->safe_psql('postgres', generate('[[steps=20]] single')), 'fake: single', 'a single call');
cmp_ok(status($node, 'slots_used'), '>', 0, '... waits for one place, not for all who came before');
finish_query($_) for @greedy;
is_clean($node, 'greedy sessions');

$node->stop;
done_testing();
