# Shares of roles and priorities: sessions do not multiply a role's share, low priority has less of it, and the lane
# of a request follows its priority.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

# Eight places in the engine and one on top.
my $node = new_llm_node('priority', "postgres_llm.fake_slots = 8\n");

$node->safe_psql('postgres', <<'END');
CREATE ROLE many LOGIN; CREATE ROLE one LOGIN; CREATE ROLE etl LOGIN; CREATE ROLE app LOGIN;
GRANT USAGE ON FOREIGN SERVER fake TO many, one, etl, app;
ALTER ROLE etl SET postgres_llm.priority = low;
END

# A session that has n requests under way until it is told to end, each short, the next behind it.
sub work
{
	my ($role, $n) = @_;

	return start_query($node,
		"SELECT count(llm.generate('w ' || i || '[[steps=20]]')) FROM generate_series(1, $n) i", $role);
}

# Requests of a role that are in the engine, and that wait for it.
sub counted
{
	my ($role, $where) = @_;

	return "(SELECT count(*) FROM llm.stat_requests WHERE role = '$role' AND $where)";
}

sub in_engine { return counted($_[0], 'sent IS NOT NULL'); }
sub queued { return counted($_[0], 'sent IS NULL'); }

# The mean of a role's requests in the engine over n looks, while both roles have more to do.
sub mean_share
{
	my ($role, $other) = @_;

	return split /\|/, $node->safe_psql('postgres', <<"END");
CREATE TEMP TABLE look (of_role int, of_other int);
DO \$\$
BEGIN
	FOR i IN 1 .. 60 LOOP
		INSERT INTO look SELECT ${\in_engine($role)}, ${\in_engine($other)}
		WHERE ${\queued($role)} > 0 AND ${\queued($other)} > 0;
		PERFORM pg_sleep(0.02);
	END LOOP;
END \$\$;
SELECT count(*), avg(of_role), avg(of_other) FROM look;
END
}

sub end_all
{
	my (@queries) = @_;

	$node->safe_psql('postgres',
		"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename IN ('many', 'one', 'etl', 'app')");
	finish_query($_) for @queries;
	is_clean($node, 'roles at work');
	return;
}

# ---- a role with ten sessions beside a role with one ----

my @queries = map { work('many', 5000) } 1 .. 10;
ok($node->poll_query_until('postgres', "SELECT ${\in_engine('many')} >= 8 AND ${\queued('many')} > 20"),
	'ten sessions of a role fill the engine');
push @queries, work('one', 5000);
ok($node->poll_query_until('postgres', "SELECT ${\in_engine('one')} >= 4"), 'one session of another gets half of it');
my ($n, $one, $many) = mean_share('one', 'many');
note("one session has $one places, ten have $many, in $n looks");
cmp_ok($n, '>=', 20, '... while both have more to do');
cmp_ok($one, '>', 3, 'the one session keeps its half');
cmp_ok($many, '>', 3, '... and the ten theirs');
end_all(@queries);

# ---- low priority ----

@queries = (work('etl', 5000), work('app', 5000));
ok($node->poll_query_until('postgres', "SELECT ${\in_engine('app')} >= 5 AND ${\in_engine('etl')} >= 1"),
	'a role of low priority has little beside another');
($n, my $etl, my $app) = mean_share('etl', 'app');
note("low has $etl places, normal has $app, in $n looks");
cmp_ok($n, '>=', 20, '... while both have more to do');
cmp_ok($etl, '>', 0.5, 'it is not starved');
cmp_ok($app, '>', 2.5 * $etl, '... and has a quarter of the other');
end_all(@queries);

@queries = (work('etl', 5000));
ok($node->poll_query_until('postgres', "SELECT ${\in_engine('etl')} = 8"), 'alone it has all places but that on top');
is($node->safe_psql('postgres', generate('[[steps=20]] single')), 'fake: single', 'which a single call gets');
end_all(@queries);

# ---- lanes ----

sub lanes
{
	my ($settings, $role) = @_;
	my ($out, $err) = run_query($node, <<"END", $role);
$settings
SELECT llm.generate('[[lane]]');
SELECT min(lane) FROM (SELECT llm.generate('[[lane]]' || i) AS lane FROM generate_series(1, 20) i OFFSET 0) lanes;
END

	return $err ne '' ? $err : $out =~ s/\n/ /r;
}

is(lanes('', 'app'), 'interactive bulk', 'normal: bulk work is what a session has many of');
is(lanes('', 'etl'), 'bulk bulk', 'low: always bulk work');
is(lanes('SET postgres_llm.background = on;', 'app'), 'bulk bulk', 'any session may choose that');
$node->safe_psql('postgres', 'ALTER ROLE app SET postgres_llm.priority = high');
is(lanes('', 'app'), 'interactive interactive', 'high: never bulk work');
is(lanes('SET postgres_llm.background = on;', 'app'), 'bulk bulk', '... but when it chooses less');

# ---- who may give priorities ----

sqlstate_is(start_query($node, 'SET postgres_llm.priority = high', 'etl'), '42501', 'a role cannot raise itself');
sqlstate_is(start_query($node, 'ALTER ROLE etl SET postgres_llm.priority = high', 'etl'), '42501',
	'... nor for its next session');
sqlstate_is(start_query($node, 'SET postgres_llm.priority = normal', 'etl'), '42501', '... nor back to normal');
sqlstate_is(start_query($node, 'SET postgres_llm.priority = urgent'), '22023', 'there is no other priority');
$node->safe_psql('postgres', 'GRANT SET ON PARAMETER postgres_llm.priority TO app');
is(lanes('SET postgres_llm.priority = normal;', 'app'), 'interactive bulk', 'who was granted the setting can set it');

$node->stop;
done_testing();
