# LlmFuzzStatement: one case of the fuzzer: settings, statements, and what shows their effects.
#
# A case is a transaction that is rolled back.  Its parts are lists of SQL:
#	begin	settings and what has to be there first
#	plan	queries whose plans are looked at, for the share of cases that batch at all
#	run		what is compared, rows and errors
#	effects	what is compared after it: tables, the log of log_call, sequences
#	end		after the ROLLBACK
package LlmFuzzStatement;

use strict;
use warnings;

use parent 'LlmFuzzQuery';

sub generate_case
{
	my ($class, $seed, $features) = @_;
	my $self = $class->new($seed);

	$self->{remote} = $features->{postgres_fdw};
	$self->{version} = $features->{version};
	$self->{show} = $self->chance(0.1);
	$self->{begin} = $self->settings;
	$self->{$_} = [] for qw(plan run effects end);
	my $kind = $self->weighted(select => 60, dml => 22, cursor => 7, prepared => 5, plpgsql => 6);
	$kind = 'select' if $self->{parallel};
	my $method = "case_$kind";
	$self->$method;
	$self->{kind} = $kind;
	push @{ $self->{effects} }, $self->effects;
	return $self;
}

# ---- settings ----

my @plan_settings = (
	'enable_hashjoin = off', 'enable_mergejoin = off', 'enable_nestloop = off', 'enable_hashagg = off',
	'enable_sort = off', 'enable_indexscan = off', 'enable_seqscan = off', 'enable_material = off',
	'enable_memoize = off', 'enable_incremental_sort = off', 'enable_partitionwise_join = on',
	'enable_partitionwise_aggregate = on', 'from_collapse_limit = 1', 'join_collapse_limit = 1',
	'plan_cache_mode = force_generic_plan', 'plan_cache_mode = force_custom_plan', "work_mem = '64kB'",
	'postgres_llm.readahead_memory = 64', 'cursor_tuple_fraction = 1', 'enable_bitmapscan = off');

sub settings
{
	my ($self) = @_;
	my %settings = map { $self->pick(@plan_settings) => 1 } 1 .. $self->weighted(0 => 40, 1 => 30, 2 => 20, 4 => 10);

	if ($self->chance(0.06))
	{
		$self->{parallel} = 1;
		$self->{volatile} = 0;
		$settings{$_} = 1
		  for 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
		  'max_parallel_workers_per_gather = 2',
		  ($self->{version} >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . ' = on';
	}
	return [ map { "SET LOCAL $_" } sort keys %settings ];
}

# Sequences do not go back when a transaction does.  After an error that a handler caught they are
# not compared: rows that were read ahead may have drawn from them.
sub effects
{
	my ($self) = @_;
	my @effects;

	push @effects, 'SELECT site, note FROM call_log ORDER BY site, n' if $self->{sites};
	for my $i (1 .. $self->{sequences})
	{
		unshift @{ $self->{begin} }, "SELECT setval('fuzz_seq_$i', 1, false)";
		push @effects, "SELECT last_value, is_called FROM fuzz_seq_$i"
		  unless $self->{caught} && $self->{faults};
	}
	return @effects;
}

# ---- kinds of cases ----

sub case_select
{
	my ($self) = @_;
	my $query = $self->query;
	my $how = $self->{parallel} ? 'query' : $self->weighted(query => 90, copy => 4, create => 6);

	push @{ $self->{plan} }, $query;

	# How many rows have gone out before an error is not promised.
	$query = "COPY ($query) TO STDOUT" if $how eq 'copy' && !$self->{faults};
	if ($how eq 'create')
	{
		$query = 'SELECT count(*), max(q::text) FROM (' . $query . ') q' if $query =~ / FOR /;
		my @columns = map { "c$_" } 1 .. 3;

		push @{ $self->{run} }, "CREATE TEMP TABLE made AS SELECT q::text AS line FROM ($query) q", 'TABLE made';
		return;
	}
	push @{ $self->{run} }, $query;
	return;
}

sub case_dml
{
	my ($self) = @_;
	my $method = 'dml_' . $self->weighted(update => 30, update_from => 14, move => 8, insert => 14, values => 6, delete => 8,
		merge => 10, cte => 8, view => 2);
	my $statement = $self->$method;

	push @{ $self->{plan} }, $statement;
	push @{ $self->{run} }, $statement;
	push @{ $self->{effects} }, map { "SELECT tableoid::regclass, t.* FROM $_ t ORDER BY t::text" } sort keys %{ $self->{changes} };

	# The planner looks at the size of a table, so dead rows may not stay until some page is pruned.
	push @{ $self->{end} }, map { 'VACUUM ' . ($_ eq 'remote' ? 'remote_base' : $_) } sort keys %{ $self->{changes} };
	return;
}

# FETCHes forward; backward as well where a cursor is declared for it and nothing leaves a trace.
sub case_cursor
{
	my ($self) = @_;
	my $scroll = $self->chance(0.4);

	$self->{volatile} = 0 if $scroll;
	my $query = $self->query;
	$query =~ s/ FOR (NO KEY )?(UPDATE|SHARE).*//;
	my $declare = 'DECLARE c ' . ($scroll ? 'SCROLL CURSOR' : 'NO SCROLL CURSOR') . " FOR $query";
	my @fetches = ('FETCH 1 FROM c', 'FETCH 2 FROM c', 'FETCH 3 FROM c', 'FETCH 5 FROM c', 'MOVE 2 IN c', 'FETCH 0 FROM c');

	@fetches = ('FETCH 1 FROM c', 'FETCH 2 FROM c', 'FETCH 9 FROM c', 'MOVE 4 IN c') if !$scroll;
	push @fetches, 'FETCH BACKWARD 2 FROM c', 'FETCH FIRST FROM c', 'FETCH ABSOLUTE 4 FROM c', 'FETCH RELATIVE -1 FROM c',
	  'FETCH LAST FROM c', 'FETCH BACKWARD ALL FROM c'
	  if $scroll;
	push @{ $self->{plan} }, $declare;
	push @{ $self->{run} }, $declare, map { $self->pick(@fetches) } 1 .. $self->number(2, 5);
	push @{ $self->{run} }, $self->pick('FETCH ALL FROM c', 'CLOSE c');
	return;
}

# A prepared query, often enough for a generic plan.
sub case_prepared
{
	my ($self) = @_;
	my $query = $self->query;
	my $n_parameters = 0;

	$query =~ s/(WHERE|AND) (\w+)\.num ([<>]) \d+/$n_parameters++; "$1 $2.num $3 \$1"/e;
	$query =~ s/ LIMIT (\d+)/' LIMIT ' . ($n_parameters++ ? '$1' : $1)/e;
	my $types = $n_parameters ? '(int)' : '';
	push @{ $self->{begin} }, "PREPARE p$types AS $query";
	my @executes = map { 'EXECUTE p' . ($n_parameters ? '(' . $self->number(1, 9) . ')' : '') } 1 .. $self->pick(2, 7);
	push @{ $self->{plan} }, $executes[0];
	push @{ $self->{run} }, @executes;
	push @{ $self->{end} }, 'DEALLOCATE ALL';
	return;
}

# A loop in PL/pgSQL, left early or not, with a handler or not.
sub case_plpgsql
{
	my ($self) = @_;
	my $query = $self->query;

	$query = "SELECT q::text AS line FROM ($query) q" unless $query =~ / FOR /;
	push @{ $self->{plan} }, $query;
	my $exit = $self->chance(0.5) ? 'EXIT WHEN n >= ' . $self->number(1, 6) . ';' : '';
	my $loop = "FOR r IN $query LOOP n := n + 1; RAISE NOTICE '% %', n, r; $exit END LOOP;";
	if ($self->chance(0.5))
	{
		$self->{caught} = 1;
		$loop = "BEGIN $loop EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught % %', SQLSTATE, SQLERRM; END;";
	}
	elsif ($self->chance(0.3))
	{
		$loop = "SELECT q.* INTO r FROM ($query) q; RAISE NOTICE 'first %', r;" unless $query =~ / FOR /;
	}
	push @{ $self->{run} }, "DO \$do\$ DECLARE r record; n int := 0; BEGIN $loop RAISE NOTICE 'end %', n; END \$do\$";
	return;
}

# ---- statements that change tables ----

sub changed
{
	my ($self, $table) = @_;

	$self->{changes}{$table} = 1;
	return $table;
}

sub target
{
	my ($self) = @_;
	my $table = $self->weighted(doc => 60, part => 25, secret => 8, remote => 7);

	$table = 'doc' if $table eq 'remote' && !$self->{remote};
	return $self->changed($table);
}

sub returning
{
	my ($self, $t) = @_;

	return '' if $self->chance(0.5);
	return " RETURNING $t.id, " . ($self->chance(0.4) ? $self->call([$t], 1) : "$t.summary");
}

sub dml_update
{
	my ($self) = @_;
	my $t = $self->alias;
	my $table = $self->target;
	my $kind = $self->weighted(one => 50, two => 20, row => 15, select => 15);
	my ($first, $second) = map { $self->text([$t]) } 1 .. 2;
	my $set = {
		one => "summary = $first",
		two => "summary = $first, b = $second",
		row => "(summary, b) = ($first, $second)",
		select => "(summary, b) = (SELECT $first, $second)"
	}->{$kind};

	if ($self->{volatile} && $self->chance(0.2))
	{
		# What it sees is what the statement has done so far.
		$set = "summary = llm.generate(peek('$table') || $t.a)";
	}
	return "UPDATE $table $t SET $set" . $self->where([$t]) . $self->returning($t);
}

sub dml_update_from
{
	my ($self) = @_;
	my ($t, $u) = ($self->alias, $self->alias);
	my $table = $self->target;
	my $text = $self->text([ $t, $u ]);
	my $condition = $self->chance(0.5) ? ' AND ' . $self->condition([ $t, $u ]) : '';

	return "UPDATE $table $t SET summary = $text FROM " . $self->source($u) . " WHERE $t.id = $u.id$condition"
	  . $self->returning($t);
}

# Rows that move to another partition.
sub dml_move
{
	my ($self) = @_;
	my $t = $self->alias;

	$self->changed('part');
	return "UPDATE part $t SET id = $t.id + " . $self->pick(1, 8, 100) . ', summary = ' . $self->text([$t])
	  . $self->where([$t]) . $self->returning($t);
}

sub dml_insert
{
	my ($self) = @_;
	my $t = $self->alias;
	my $table = $self->changed($self->pick('doc', 'doc', 'target', 'part'));
	my $conflict = '';
	my $source = $self->source($t);

	if ($table eq 'doc')
	{
		$conflict = ' ON CONFLICT (id) ' . $self->pick('DO NOTHING', 'DO NOTHING',
			"DO UPDATE SET summary = excluded.a", "DO UPDATE SET summary = llm.generate(excluded.a)",
			"DO UPDATE SET summary = excluded.summary WHERE x.num > 4");
		$source = $self->table(few => 1, part => 1, secret => 1) . " $t" if $conflict =~ /UPDATE/;
	}
	return "INSERT INTO $table AS x (id, a, b, grp, num, summary) SELECT $t.id + " . $self->pick(0, 100)
	  . ", $t.a, $t.b, $t.grp, $t.num, " . $self->text([$t]) . " FROM $source" . $self->where([$t]) . $conflict
	  . ($self->chance(0.3) ? ' RETURNING x.id, x.summary' : '');
}

sub dml_values
{
	my ($self) = @_;
	my @rows;

	for my $i (1 .. $self->number(1, 12))
	{
		my $text = $self->weighted("llm.generate('prompt $i')" => 70, "'plain $i'" => 10,
			"upper(llm.generate('p $i', temperature => 0))" => 10, 'NULL' => 5, 'DEFAULT' => 5);

		push @rows, '(' . (200 + $i) . ", $text, $i)";
	}
	return 'INSERT INTO ' . $self->changed('target') . ' (id, summary, num) VALUES ' . join(', ', @rows)
	  . ($self->chance(0.3) ? ' RETURNING id, llm.generate(summary)' : '');
}

sub dml_delete
{
	my ($self) = @_;
	my ($t, $u) = ($self->alias, $self->alias);
	my $table = $self->target;

	return "DELETE FROM $table $t" . $self->where([$t]) . $self->returning($t) if $self->chance(0.6);
	return "DELETE FROM $table $t USING " . $self->source($u) . " WHERE $t.id = $u.id AND "
	  . $self->condition([ $t, $u ]) . $self->returning($t);
}

sub dml_merge
{
	my ($self) = @_;
	my ($t, $u) = ($self->alias, $self->alias);
	my $table = $self->changed($self->pick('doc', 'doc', 'part', 'target'));
	my $source = $self->chance(0.6) ? '(' . $self->rows(2) . ") $u" : $self->source($u, 1);
	my $on = "$t.id = $u.id" . ($self->chance(0.3) ? ' AND ' . $self->condition([$u], 1) : '');
	my $matched = $self->pick('DO NOTHING', 'DELETE', "UPDATE SET summary = $u.a",
		'UPDATE SET summary = ' . $self->text([ $t, $u ], 1));
	my $when = $self->chance(0.4) ? ' AND ' . $self->condition([ $t, $u ], 1) : '';
	my $insert = $self->pick('DO NOTHING',
		"INSERT (id, a, num, summary) VALUES ($u.id + 300, $u.a, $u.num, " . $self->text([$u], 1) . ')');

	return "MERGE INTO $table $t USING $source ON $on WHEN MATCHED$when THEN $matched WHEN NOT MATCHED THEN $insert";
}

sub dml_cte
{
	my ($self) = @_;
	my ($t, $u) = ($self->alias, $self->alias);
	my $table = $self->changed($self->pick('doc', 'part'));
	my $text = $self->text([$t]);
	my $where = $self->where([$t]);
	my $change = $self->weighted("UPDATE $table $t SET summary = $text$where" => 70, "DELETE FROM $table $t$where" => 30);
	my $with = "WITH $u AS ($change RETURNING $t.id, $t.a, $t.summary AS b, $t.grp, $t.num)";

	if ($self->chance(0.4))
	{
		$self->changed('target');
		return "$with INSERT INTO target (id, a, summary) SELECT $u.id, $u.a, " . $self->text([$u]) . " FROM $u"
		  . $self->where([$u]);
	}
	return "$with SELECT $u.id, " . $self->text([$u]) . " FROM $u" . $self->where([$u]) . $self->tail([$u]);
}

sub dml_view
{
	my ($self) = @_;
	my $t = $self->alias;

	$self->changed('doc');
	return "UPDATE barrier $t SET b = " . $self->text([$t]) . $self->where([$t]);
}

1;
