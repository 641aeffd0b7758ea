# The shapes of queries one by one: which are batched, and that each gives what row-by-row execution gives.
#
# Tables, execution and comparison are those of the fuzzer (LlmFuzz.pm); what it finds by chance is here on purpose.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmFuzz qw(create_database run_modes difference);
use LlmNode;
use Test::More;

my $node = new_llm_node('batch_results', <<'END');
postgres_llm.fake_slots = 4
postgres_llm.fake_steps = 1
postgres_llm.fake_step_us = 50
autovacuum = off
END
my @modes = (
	{ name => 'off', database => 'batch_off', settings => ['postgres_llm.batch_scan = off'] },
	{ name => 'on', database => 'batch_on', settings => ['postgres_llm.batch_scan = on'] });
my $features;
$features = create_database($node, $_->{database}) for @modes;

# Each: a name, whether a node is in the plan, the statements (the first is explained), what shows their effects.
my @shapes;

sub shape
{
	my ($name, $batched, $run, @effects) = @_;

	push @shapes,
	  {
		number => scalar(@shapes) + 1, name => $name, batched => $batched, begin => [], end => [], faults => 0, parallel => 0,
		run => ref $run ? $run : [$run], plan => [ ref $run ? $run->[0] : $run ], effects => \@effects
	  };
	return $shapes[-1];
}

# A statement that cannot be explained, and the query in it that can.
sub shape_around
{
	my ($name, $query, $run, @effects) = @_;
	my $shape = shape($name, 1, $run, @effects);

	$shape->{plan} = [$query];
	return;
}

my @doc = ('SELECT * FROM doc ORDER BY id');
my @log = ('SELECT site, note FROM call_log ORDER BY n');

# ---- SELECT ----

shape('select list', 1, 'SELECT id, llm.generate(a), upper(llm.generate(b)) FROM doc');
shape('several calls in a row', 1,
	'SELECT ROW(llm.generate(a), llm.generate(b)), ARRAY[llm.generate(a)], llm.generate(a) || llm.generate(b) FROM doc');
shape('generate_detail', 1, 'SELECT (llm.generate_detail(a)).text, (llm.generate_detail(b)).finish_reason FROM doc');
shape('chat', 1, q(SELECT llm.chat(jsonb_build_array(jsonb_build_object('role', 'user', 'content', a))) FROM doc));
shape('nested', 1, 'SELECT id, llm.generate(llm.generate(llm.generate(a))) FROM doc');
shape('options from the row', 1, 'SELECT llm.generate(a, max_tokens => 1 + id % 3, temperature => 1, seed => id) FROM doc');
shape('NULL prompts', 1, 'SELECT id, llm.generate(b) IS NULL, llm.generate(NULL) FROM doc');
shape('where', 1, "SELECT id FROM doc WHERE llm.generate(a) LIKE '%1%'");
shape('where twice', 1, "SELECT id FROM doc WHERE llm.generate(a) LIKE '%1%' AND llm.generate(b) LIKE '%body%'");
shape('where or', 1, "SELECT id FROM doc WHERE id % 3 = 0 OR llm.generate(a) LIKE '%1%'");
shape('case', 1, "SELECT CASE WHEN id % 3 = 0 THEN llm.generate(a) WHEN llm.generate(b) LIKE '%2%' THEN 'two' ELSE b END FROM doc");
shape('coalesce', 1, 'SELECT COALESCE(summary, b, llm.generate(a)) FROM doc');
shape('order by the call', 1, 'SELECT id FROM doc ORDER BY llm.generate(a) DESC LIMIT 5');
shape('order by a column', 1, 'SELECT id, llm.generate(a) FROM doc ORDER BY id DESC LIMIT 5 OFFSET 2');
shape('limit under a filter', 1, "SELECT id FROM doc WHERE llm.generate(a) LIKE '%1%' LIMIT 3");
shape('distinct', 1, 'SELECT DISTINCT length(llm.generate(a)) FROM doc');
shape('group by the call', 1, 'SELECT length(llm.generate(a)), count(*) FROM doc GROUP BY 1 ORDER BY 1');
shape('aggregate arguments', 1,
	"SELECT grp, string_agg(llm.generate(a), ',' ORDER BY id), count(*) FILTER (WHERE llm.generate(a) LIKE '%1%') FROM doc"
	  . ' GROUP BY grp ORDER BY grp');
shape('calls over aggregates', 1, 'SELECT grp, llm.generate(max(a)) FROM doc GROUP BY grp ORDER BY grp');
shape('having', 1, "SELECT grp, count(*) FROM doc GROUP BY grp HAVING llm.generate(max(a)) LIKE '%9%' ORDER BY grp");
shape('rollup', 1, 'SELECT grp, num, max(llm.generate(a)), llm.generate(min(a)) FROM doc GROUP BY ROLLUP (grp, num) ORDER BY 1, 2');
shape('window input', 1, 'SELECT id, rank() OVER (ORDER BY llm.generate(b), id) FROM doc');
shape('window arguments', 1, 'SELECT id, lag(llm.generate(a)) OVER (ORDER BY id) FROM doc');
shape('over window functions', 1, 'SELECT id, llm.generate(a || row_number() OVER (ORDER BY id)) FROM doc');
shape('join', 1, 'SELECT d.id, llm.generate(d.a || p.a) FROM doc d JOIN part p USING (id) ORDER BY 1');
shape('join condition', 1, "SELECT d.id, p.id FROM doc d JOIN part p ON d.id = p.id + 1 AND llm.generate(d.a || p.a) LIKE '%1%' ORDER BY 1");
shape('above a left join', 1, 'SELECT d.id, f.id, llm.generate(d.a || COALESCE(f.a, $$-$$)) FROM doc d LEFT JOIN few f USING (id) ORDER BY 1');
shape('union all', 1, 'SELECT llm.generate(a) FROM doc UNION ALL SELECT llm.generate(b) FROM doc');
shape('union', 1, 'SELECT llm.generate(a) AS s FROM doc UNION SELECT llm.generate(b) FROM doc ORDER BY s');
shape('partitions', 1, 'SELECT id, llm.generate(a) FROM part');
shape('partitions in order', 1, 'SELECT id, llm.generate(a) FROM part ORDER BY id LIMIT 12');
shape('where on partitions', 1, "SELECT id FROM part WHERE llm.generate(a) LIKE '%1%'");
shape('sub-query', 1, "SELECT * FROM (SELECT id, llm.generate(a) AS s FROM doc) q WHERE s LIKE '%1%' ORDER BY id");
shape('view', 1, 'SELECT * FROM doc_view');
shape('CTE', 1, 'WITH c AS MATERIALIZED (SELECT id, llm.generate(a) AS s FROM doc) SELECT c.id, d.s FROM c JOIN c d ON c.id = d.id + 1 ORDER BY 1');
shape('SQL function', 1, 'SELECT fuzz_ask(a) FROM doc');
shape('lateral sub-select', 1, 'SELECT d.id, l.s, upper(l.s) FROM doc d, LATERAL (SELECT llm.generate(d.a) AS s) l ORDER BY 1');
shape('lateral function', 1, 'SELECT d.id, l.s FROM doc d, llm.generate(d.a) l(s) ORDER BY 1');
shape('lateral record', 1, 'SELECT d.id, l.text, l.finish_reason FROM doc d, llm.generate_detail(d.a) l ORDER BY 1');
shape('correlated sub-select', 1, 'SELECT d.id, (SELECT llm.generate(d.a)) FROM doc d ORDER BY 1');
shape('exists', 1, "SELECT id FROM doc d WHERE EXISTS (SELECT FROM part p WHERE p.id = d.id AND llm.generate(p.a) LIKE '%5%') ORDER BY 1");
shape('in', 1, 'SELECT id FROM doc WHERE llm.generate(a) IN (SELECT llm.generate(a) FROM doc WHERE id < 4) ORDER BY 1');
shape('values', 1, "SELECT llm.generate(v.p) FROM (VALUES ('a'), (NULL), ('b')) v(p)");
shape('set-returning function', 1, 'SELECT id, llm.generate(g::text) FROM doc, generate_series(1, 2) g');
shape('inside a set-returning function', 1, "SELECT id, unnest(string_to_array(llm.generate(a), ' ')) FROM doc");
shape('recursive', 1, "WITH RECURSIVE r(n, s) AS (SELECT num, a FROM few UNION ALL SELECT n + 1, llm.generate(s) FROM r WHERE n < 4) SELECT * FROM r");
shape('sample', 1, 'SELECT llm.generate(a) FROM doc TABLESAMPLE SYSTEM (100)');
shape('for update', 1, 'SELECT id, llm.generate(a) FROM doc FOR UPDATE');
shape('init plan beside', 1, 'SELECT llm.generate(a) FROM doc WHERE id <> (SELECT max(id) FROM doc)');
shape('system columns and whole rows', 1, 'SELECT tableoid::regclass, d, llm.generate(d::text) FROM doc d');
shape('no table', 0, "SELECT llm.generate('one')");
shape('PL/pgSQL function around the call', 0, 'SELECT fuzz_ask_slowly(a) FROM doc');

# ---- statements that write ----

shape('update', 1, "UPDATE doc SET summary = llm.generate(a || COALESCE(b, '')), b = upper(b) WHERE id < 20", @doc);
shape('update from', 1, 'UPDATE doc d SET summary = llm.generate(d.a || p.a) FROM part p WHERE p.id = d.id + 1', @doc);
shape('update of several columns', 1, 'UPDATE doc SET (summary, b) = (llm.generate(a), llm.generate(b))', @doc);
shape('update from a sub-select of several columns', 0, "UPDATE doc SET (summary, b) = (SELECT llm.generate(a), 'z')", @doc);
shape('update that moves rows', 1, 'UPDATE part SET a = llm.generate(a), id = id + 5', 'SELECT tableoid::regclass, * FROM part ORDER BY id');
shape('update of a view', 1, "UPDATE barrier SET b = llm.generate(a)", @doc);
shape('insert', 1, 'INSERT INTO target (id, summary) SELECT id, llm.generate(a) FROM doc', 'SELECT * FROM target ORDER BY id');
shape('on conflict', 1,
	'INSERT INTO doc (id, a, summary) SELECT id, a, llm.generate(a) FROM part ON CONFLICT (id) DO UPDATE SET summary = excluded.summary', @doc);
shape('insert values', 1, "INSERT INTO target (id, summary) VALUES (1, llm.generate('a')), (2, llm.generate('b')), (3, llm.generate('c'))",
	'SELECT * FROM target ORDER BY id');
shape('delete', 1, "DELETE FROM doc WHERE llm.generate(a) LIKE '%1%'", @doc);
shape('merge', 1,
	'MERGE INTO doc d USING (SELECT id, llm.generate(a) AS s FROM part) q ON d.id = q.id WHEN MATCHED THEN UPDATE SET summary = q.s', @doc);
shape('writing CTE', 1,
	'WITH u AS (UPDATE doc SET summary = llm.generate(a) RETURNING id, summary) INSERT INTO target (id, summary) SELECT * FROM u',
	@doc, 'SELECT * FROM target ORDER BY id');
shape('writing CTE that is not read to its end', 1,
	'WITH u AS (UPDATE doc SET summary = llm.generate(a) RETURNING id) SELECT id FROM u LIMIT 1', @doc);
shape('create table as', 1, [ 'CREATE TEMP TABLE made AS SELECT id, llm.generate(a) FROM doc', 'TABLE made' ]);
shape_around('copy', 'SELECT llm.generate(a) FROM doc', 'COPY (SELECT llm.generate(a) FROM doc) TO STDOUT');
shape('a hashed sub-select on each partition', 1,
	"SELECT id FROM part WHERE llm.generate(a) NOT IN (SELECT nextval('fuzz_seq_1')::text FROM few) ORDER BY 1", 'SELECT last_value FROM fuzz_seq_1')
  ->{begin} = ["SELECT setval('fuzz_seq_1', 1, false)"];
shape('a sequence in the filter of partitions in order', 1,
	"SELECT id FROM part WHERE llm.generate(a) <> nextval('fuzz_seq_1')::text ORDER BY id LIMIT 4",
	'SELECT last_value FROM fuzz_seq_1')->{begin} = ["SELECT setval('fuzz_seq_1', 1, false)"];
shape('a function that sees what the statement does', 1,
	"UPDATE doc SET summary = llm.generate(peek('doc') || a)", 'SELECT id, summary FROM doc ORDER BY id');

# ---- effects beside the calls ----

my @sequence = ('SELECT last_value FROM fuzz_seq_1');
my $from_one = "SELECT setval('fuzz_seq_1', 1, false)";

for my $limit (1, 5, 20)
{
	shape("a sequence beside the call, LIMIT $limit", 1, "SELECT nextval('fuzz_seq_1'), llm.generate(a) FROM doc LIMIT $limit",
		@sequence)->{begin} = [$from_one];
}
shape('a sequence in the prompt under LIMIT', 1, "SELECT llm.generate(nextval('fuzz_seq_1')::text) FROM doc LIMIT 5", @sequence)->{begin} =
  [$from_one];
shape('a sequence below a filter under LIMIT', 1,
	"SELECT id, nextval('fuzz_seq_1') FROM doc WHERE llm.generate(a) LIKE '%1%' LIMIT 3", @sequence)->{begin} = [$from_one];
shape('a logging function beside the call', 1, 'SELECT log_call(1, a), llm.generate(a) FROM doc LIMIT 4', @log);
shape('a logging function before the call', 1, "SELECT id FROM doc WHERE log_call(1, a) LIKE '%1%' AND llm.generate(a) LIKE '%2%'", @log);
shape('a logging function after the call', 1, "SELECT id FROM doc WHERE llm.generate(a) LIKE '%2%' AND log_call(1, a) LIKE '%1%' LIMIT 2", @log);
shape('an error in a row beyond LIMIT', 1, 'SELECT id, 10 / (id - 6), llm.generate(a) FROM doc ORDER BY id LIMIT 5');
shape('an error in an argument beyond LIMIT', 1, 'SELECT id, llm.generate((10 / (id - 6))::text) FROM doc ORDER BY id LIMIT 5');
shape('a failing call', 1, q(SELECT id, llm.generate(CASE WHEN id = 9 THEN '[[fail=limit]]' ELSE a END) FROM doc));
shape('a failing call beyond LIMIT', 1, q(SELECT id, llm.generate(CASE WHEN id = 9 THEN '[[fail=limit]]' ELSE a END) FROM doc LIMIT 8));
shape('a failing call under on_error null', 1,
	q(SELECT id, (llm.generate_detail(CASE WHEN id % 4 = 1 THEN '[[fail=limit]]' ELSE a END, options => '{"on_error": "null"}')).error FROM doc));

# ---- who sees what ----

shape('row-level security', 1, "SELECT id, llm.generate(a) FROM secret WHERE log_call(1, a) LIKE '%secret%'", @log);
shape('security barrier', 1, "SELECT id FROM barrier WHERE log_call(1, a) IS NOT NULL AND llm.generate(b) LIKE '%body%'", @log);

# ---- portals ----

my $query = 'SELECT id, llm.generate(a) FROM doc ORDER BY id';

shape('cursor', 1, [ "DECLARE c CURSOR FOR $query", 'FETCH 2 FROM c', 'FETCH 1 FROM c', 'MOVE 10 IN c', 'FETCH ALL FROM c' ]);
shape('scroll cursor', 1,
	[ "DECLARE c SCROLL CURSOR FOR $query", 'FETCH 3 FROM c', 'FETCH BACKWARD 2 FROM c', 'FETCH ABSOLUTE 20 FROM c',
		'FETCH FIRST FROM c', 'FETCH LAST FROM c', 'FETCH RELATIVE -3 FROM c' ]);
shape('cursor with hold', 1,
	[ "DECLARE held CURSOR WITH HOLD FOR $query", 'FETCH 2 FROM held', 'COMMIT', 'FETCH 2 FROM held', 'CLOSE held', 'BEGIN' ]);
shape('where current of', 1,
	[ 'DECLARE c CURSOR FOR SELECT id, llm.generate(a) FROM doc FOR UPDATE', 'FETCH 2 FROM c',
		"UPDATE doc SET b = 'current' WHERE CURRENT OF c RETURNING id", 'FETCH 1 FROM c', 'DELETE FROM doc WHERE CURRENT OF c' ], @doc);
shape('cursor over a savepoint', 1,
	[ "DECLARE c CURSOR FOR $query", 'FETCH 1 FROM c', 'SAVEPOINT s', 'FETCH 2 FROM c', 'ROLLBACK TO s', 'FETCH 2 FROM c' ]);
shape_around('loop in PL/pgSQL', $query,
	"DO \$\$ DECLARE r record; BEGIN FOR r IN $query LOOP RAISE NOTICE '%', r; END LOOP; END \$\$");
shape_around('loop that is left', $query,
	"DO \$\$ DECLARE r record; n int := 0; BEGIN FOR r IN $query LOOP n := n + 1; EXIT WHEN n = 3; END LOOP; RAISE NOTICE '% %', n, r; END \$\$");
shape_around('loop with an error and a handler', $query,
	"DO \$\$ DECLARE r record; BEGIN FOR r IN $query LOOP PERFORM 1 / (r.id - 5); RAISE NOTICE '%', r; END LOOP;"
	  . ' EXCEPTION WHEN division_by_zero THEN RAISE NOTICE $m$caught %$m$, r.id; END $$');
shape_around('select into', $query, "DO \$\$ DECLARE v text; BEGIN SELECT llm.generate(a) INTO v FROM doc ORDER BY id; RAISE NOTICE '%', v; END \$\$");
shape_around('insert returning into', 'INSERT INTO target (id, summary) SELECT id, llm.generate(a) FROM few',
	"DO \$\$ DECLARE v text; BEGIN INSERT INTO target (id, summary) SELECT id, llm.generate(a) FROM few WHERE id = 1 RETURNING summary INTO v; RAISE NOTICE '%', v; END \$\$",
	'SELECT * FROM target ORDER BY id');
my $prepared = shape('prepared, with a generic plan', 1, [ map { "EXECUTE p($_)" } 3, 4, 5, 6, 7, 8, 2 ]);
$prepared->{begin} = ['PREPARE p(int) AS SELECT id, llm.generate(a) FROM doc WHERE id < $1 + 5 ORDER BY id LIMIT $1'];
$prepared->{end} = ['DEALLOCATE ALL'];

# ---- other sources ----

my $parallel = shape('parallel query', 1, "SELECT id, llm.generate(a) FROM doc WHERE num < 9");
$parallel->{begin} = [ map { "SET LOCAL $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0' ];
$parallel->{parallel} = 1;
if ($features->{postgres_fdw})
{
	shape('foreign table', 1, 'SELECT id, llm.generate(a) FROM remote ORDER BY id');
	shape('update of a foreign table', 1, 'UPDATE remote SET summary = llm.generate(a)', 'SELECT * FROM remote ORDER BY id');
}

# ---- all of them ----

my ($off, $on) = run_modes($node, \@modes, @shapes);
for my $shape (@shapes)
{
	my $n = $shape->{number};
	my $plan = $on->{$n}{plan} // '';
	my $has_node = $plan =~ /LLM Batch/ ? 1 : 0;
	my $difference = difference($shape, $off->{$n} // {}, $on->{$n} // {});

	is($has_node, $shape->{batched}, "$shape->{name}: " . ($shape->{batched} ? 'batched' : 'row by row')) or diag($plan);
	ok(!$difference, "$shape->{name}: as row by row") or diag($difference);
	ok(length(($on->{$n}{run} // '') . ($on->{$n}{effects} // '') . ($on->{$n}{errors} // '')), "$shape->{name}: says something");
	ok($shape->{name} =~ /fail|error/ || ($off->{$n}{errors} // '') !~ /ERROR/, "$shape->{name}: no error")
	  or diag($off->{$n}{errors});
}

# ---- what only one side can show ----

my $hidden = $node->safe_psql('batch_on', 'SELECT count(*) FROM secret WHERE grp = 2 OR b IS NULL');
cmp_ok($hidden, '>', 0, 'there are hidden rows');
my ($shape) = grep { $_->{name} eq 'row-level security' } @shapes;
my $seen = () = $on->{ $shape->{number} }{effects} =~ /secret/g;
is($seen, $node->safe_psql('batch_on', 'SELECT count(*) FROM secret WHERE grp IS DISTINCT FROM 2 AND b IS NOT NULL'),
	'a leaky function sees the visible rows of a table with row-level security, and no other');
($shape) = grep { $_->{name} eq 'parallel query' } @shapes;
like($on->{ $shape->{number} }{plan}, qr/LLM Batch.*Gather/s, 'the node is above Gather');

# How many requests a session needs to fetch one row.
sub requests_of_one_row
{
	my ($settings) = @_;
	my $before = status($node, 'requests');

	$node->safe_psql('batch_on', <<"END");
SET plan_cache_mode = force_generic_plan;
PREPARE p AS SELECT id, llm.generate(a) FROM doc;
EXECUTE p;
$settings
EXECUTE p;
END
	my $all = status($node, 'requests') - $before;
	$before = status($node, 'requests');
	$node->safe_psql('batch_on', <<"END");
CREATE OR REPLACE FUNCTION first_row() RETURNS int LANGUAGE plpgsql AS \$\$
DECLARE r record; c CURSOR FOR SELECT id, llm.generate(a) FROM doc;
BEGIN OPEN c; FETCH c INTO r; CLOSE c; RETURN r.id; END \$\$;
SELECT first_row();
$settings
SELECT first_row();
END
	return ($all, status($node, 'requests') - $before);
}

my ($all, $one) = requests_of_one_row('');
is($all, 52, 'a cached plan asks for every row, twice');
cmp_ok($one, '>', 2, 'with batching, more than the fetched row is asked for');
($all, $one) = requests_of_one_row('SET postgres_llm.batch_scan = off;');
is($all, 52, 'as much when batching is set off in between');
my (undef, $both) = requests_of_one_row('');
cmp_ok($one, '<', $both, 'a plan that is older than batch_scan = off does not read ahead any more');

is_clean($node, 'all shapes');
$node->stop;
done_testing();
