# LlmFuzzQuery: random SELECT statements over the tables of the fuzzer (LlmFuzz.pm).
#
# Row order is part of the comparison, since both executions have the same plan below the batching
# nodes.  Only a parallel plan has none: its cases ask for no LIMIT and no aggregate of unordered rows.
package LlmFuzzQuery;

use strict;
use warnings;

use parent 'LlmFuzzExpression';

# ---- where rows come from ----

my @tables = (doc => 34, part => 16, few => 8, secret => 10, doc_view => 7, barrier => 7, remote => 6);
my @bases = (doc => 50, part => 20, few => 15, secret => 15);

# A FROM item with the columns id, a, b, grp and num, under this alias.
sub source
{
	my ($self, $t, $depth) = @_;

	$depth //= 0;
	my $kind = $depth > 1 ? 'table' : $self->weighted(table => 68, select => 12, union => 8, values => 6, series => 6);
	return $self->table(@tables) . " $t" if $kind eq 'table';
	return "(VALUES (1, 'v 1', 'w', 1, 1), (2, NULL, 'w 2', 0, 2), (3, 'v 3', NULL, NULL, 3)) $t(id, a, b, grp, num)"
	  if $kind eq 'values';
	return "(SELECT g AS id, 'g ' || g AS a, NULLIF('h ' || g, 'h 2') AS b, g % 3 AS grp, g AS num"
	  . ' FROM generate_series(1, ' . $self->number(1, 20) . ") g) $t"
	  if $kind eq 'series';
	return '(' . $self->rows($depth + 1) . ") $t" if $kind eq 'select';
	return '(' . $self->rows($depth + 1) . ' UNION ALL ' . $self->rows($depth + 1) . ") $t";
}

# A SELECT of the columns of a source, one of them an expression.
sub rows
{
	my ($self, $depth) = @_;
	my $q = $self->alias;
	my $text = $self->text([$q], 1);
	my $end = $self->{parallel} ? '' : $self->weighted('' => 70, ' OFFSET 0' => 15, " ORDER BY $q.id LIMIT 7" => 15);
	my $where = $self->chance(0.6) ? " WHERE " . $self->condition([$q], 1) : '';
	my $select =
	  "SELECT $q.id, $text AS a, $q.b, $q.grp, $q.num FROM " . $self->source($q, $depth) . $where . $end;

	return $end ? "($select)" : $select;
}

sub table
{
	my ($self, @from) = @_;
	my $table = $self->weighted(@from);

	$table = 'doc' if $table eq 'remote' && !$self->{remote};
	return $table;
}

sub where
{
	my ($self, $scope) = @_;
	my $n_conditions = $self->weighted(0 => 25, 1 => 45, 2 => 30);

	return '' if $n_conditions == 0;
	return ' WHERE ' . join(' AND ', map { $self->condition($scope) } 1 .. $n_conditions);
}

# ORDER BY and LIMIT of a query whose first column is unique, or nearly.
sub tail
{
	my ($self, $scope) = @_;
	my $t = $self->pick(@$scope);
	my $order = $self->weighted('' => 35, ' ORDER BY 1' => 35, ' ORDER BY 2, 1' => 15, " ORDER BY $t.b DESC, $t.id" => 15);
	my $limit = $self->weighted(
		'' => 60,
		' LIMIT ' . $self->number(0, 9) => 25,
		' OFFSET ' . $self->number(1, 4) => 3,
		' LIMIT ' . $self->number(1, 6) . ' OFFSET ' . $self->number(1, 5) => 9,
		' FETCH FIRST 3 ROWS WITH TIES' => 3);

	$limit = '' if $self->{parallel} || ($limit =~ /TIES/ && !$order);
	return $order . $limit;
}

# ---- queries ----

my %query_kinds = (
	plain => 26,
	join => 14,
	aggregate => 13,
	lateral => 9,
	window => 7,
	cte => 7,
	above => 6,
	set_operation => 5,
	distinct => 4,
	set_returning => 4,
	locking => 4,
	semi_join => 4,
	recursive => 2,
	no_table => 2,
	sample => 1);
my @query_kinds = map { $_ => $query_kinds{$_} } sort keys %query_kinds;

sub query
{
	my ($self) = @_;
	my $method = 'query_' . $self->weighted(@query_kinds);

	return $self->$method;
}

sub query_plain
{
	my ($self) = @_;
	my $t = $self->alias;
	my @texts = map { $self->text([$t]) } 1 .. $self->number(1, 3);
	my $from = $self->source($t);

	return "SELECT $t.id, " . join(', ', @texts) . " FROM $from" . $self->where([$t]) . $self->tail([$t]);
}

sub query_join
{
	my ($self) = @_;
	my @t = map { $self->alias } 1 .. $self->weighted(2 => 80, 3 => 20);
	my $from = $self->source($t[0]);

	for my $i (1 .. $#t)
	{
		my $join = $self->pick('JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
		my $on = $self->pick("$t[0].id = $t[$i].id", "$t[$i].id = $t[0].id + 1", "$t[$i].num = $t[0].num");

		$on .= ' AND ' . $self->condition([ $t[0], $t[$i] ], 1) if $self->chance(0.5);
		$from .= " $join " . $self->source($t[$i]) . " ON $on";
	}
	my @texts = map { $self->text(\@t) } 1 .. 2;
	return "SELECT $t[0].id, $t[1].id, " . join(', ', @texts) . " FROM $from" . $self->where(\@t) . $self->tail(\@t);
}

sub query_semi_join
{
	my ($self) = @_;
	my ($t, $z) = ($self->alias, $self->alias);
	my $condition = $self->condition([ $t, $z ], 1);
	my $text = $self->text([$t]);

	return "SELECT $t.id, $text FROM " . $self->source($t) . ' WHERE ' . $self->pick('', 'NOT ')
	  . 'EXISTS (SELECT FROM ' . $self->source($z) . " WHERE $z.id = $t.id AND $condition)" . $self->tail([$t])
	  if $self->chance(0.6);
	return "SELECT $t.id, $text FROM " . $self->source($t) . " WHERE $t.id IN (SELECT length("
	  . $self->text([$z], 1) . ') FROM ' . $self->source($z) . ')' . $self->tail([$t]);
}

sub query_aggregate
{
	my ($self) = @_;
	my $t = $self->alias;
	my $scope = [$t];
	my $key = $self->weighted("$t.grp" => 75, 'length(' . $self->call($scope, 1) . ')' => 25);
	my @columns = ("max(" . $self->text($scope, 1) . ')');

	push @columns, 'count(*) FILTER (WHERE ' . $self->condition($scope, 1) . ')' if $self->chance(0.5);
	push @columns, 'string_agg(' . $self->text($scope, 1) . ", ',' ORDER BY $t.id, $t.a)" if $self->chance(0.5);
	push @columns, 'count(DISTINCT ' . $self->text($scope, 1) . ')' if $self->chance(0.3);
	push @columns, "llm.generate(max($t.a))" if $self->chance(0.4);
	push @columns, "COALESCE(min($t.b), llm.generate('no ' || count(*)))" if $self->chance(0.2);
	my $group = $self->weighted('k' => 55, 'all' => 15, 'rollup' => 12, 'cube' => 6, 'sets' => 12);
	my $columns = join(', ', @columns);
	my $from = 'FROM ' . $self->source($t) . $self->where($scope);
	my $having = $self->chance(0.35)
	  ? ' HAVING ' . $self->pick("llm.generate(max($t.a)) LIKE '%" . $self->number(0, 9) . "%'",
		"count(*) > 1 OR llm.generate(min($t.b)) IS NULL", "max(" . $self->text($scope, 1) . ") IS NOT NULL")
	  : '';

	return "SELECT $columns $from$having" if $group eq 'all';
	return "SELECT $key AS k, $columns $from GROUP BY 1$having ORDER BY 1" if $group eq 'k';
	$group = { rollup => "ROLLUP ($t.grp, $t.num)", cube => "CUBE ($t.grp, $t.num)",
		sets => "GROUPING SETS (($t.grp), ($t.num), ())" }->{$group};
	return "SELECT $t.grp, $t.num, GROUPING($t.grp, $t.num), $columns $from GROUP BY $group$having ORDER BY 1, 2, 3";
}

sub query_lateral
{
	my ($self) = @_;
	my ($t, $l) = ($self->alias, $self->alias);
	my $from = $self->source($t);
	my $kind = $self->weighted(select => 35, table => 15, generate => 20, detail => 15, srf => 15);
	my ($item, $columns) = ('', "$l.s");

	if ($kind eq 'select')
	{
		$item = '(SELECT ' . $self->text([$t], 1) . " AS s) $l";
	}
	elsif ($kind eq 'table')
	{
		my $z = $self->alias;

		$item = '(SELECT ' . $self->text([ $t, $z ], 1) . " AS s FROM doc $z WHERE $z.grp = $t.grp AND "
		  . $self->condition([ $t, $z ], 2) . ($self->{parallel} ? '' : $self->pick('', ' ORDER BY 1 LIMIT 2')) . ") $l";
	}
	elsif ($kind eq 'generate')
	{
		$item = 'llm.generate(' . $self->prompt([$t], 2) . ") $l(s)";
	}
	elsif ($kind eq 'detail')
	{
		$item = 'llm.generate_detail(' . $self->prompt([$t], 2) . $self->options([$t]) . ") $l";
		$columns = $self->pick("$l.text", "$l.text, $l.finish_reason", "$l.error, $l.prompt_tokens");
	}
	else
	{
		$item = 'unnest(string_to_array(' . $self->text([$t], 1) . ", ' ')) $l(s)";
	}
	my $join = $self->pick(', ', ' CROSS JOIN LATERAL ', ' LEFT JOIN LATERAL ');
	my $on = '';
	$on = ' ON ' . $self->pick('true', $self->condition([$t], 2)) if $join =~ /LEFT/;
	$join = ', LATERAL ' if $join eq ', ' && $kind =~ /select|table/;
	return "SELECT $t.id, $columns FROM $from$join$item$on" . $self->where([$t]) . $self->tail([$t]);
}

sub query_window
{
	my ($self) = @_;
	my $t = $self->alias;
	my $text = $self->text([$t], 1);
	my $over = "OVER (PARTITION BY $t.grp ORDER BY $t.id, $t.a)";
	my $all = "OVER (ORDER BY $t.id, $t.a)";

	# Row by row, these do not look at all rows, and an error in one of the others is not promised to stay away.
	my @some = ("lag($text) $all", "first_value($text) $over", "nth_value($text, 2) $all");
	@some = ("last_value($text) $over") x @some if $self->{faults};
	my $column = $self->pick(@some, "string_agg($text, ',') $over", "llm.generate($t.a || row_number() $all)",
		"count(*) FILTER (WHERE $text LIKE '%1%') $over", "COALESCE(lag($t.b) $all, $text)", "rank() OVER (ORDER BY $text)");

	my $query = "SELECT $t.id, $column, $t.num FROM " . $self->source($t) . $self->where([$t]);
	my $tail = $self->tail([$t]);

	# They read the row behind a frame, which a LIMIT may not let through.
	$tail =~ s/ (?:LIMIT|FETCH) .*// if $self->{faults};
	return $query . $tail;
}

sub query_cte
{
	my ($self) = @_;
	my ($c, $t) = ($self->alias, $self->alias);
	my $how = $self->pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
	my $with = "WITH $c AS $how(" . $self->rows(1) . ')';

	return "$with SELECT $t.id, " . $self->text([$t]) . " FROM $c $t" . $self->where([$t]) . $self->tail([$t])
	  if $self->chance(0.6);
	my $u = $self->alias;
	return "$with SELECT $t.id, $t.a, " . $self->text([$u], 1) . " FROM $c $t JOIN $c $u ON $t.id = $u.id"
	  . $self->where([ $t, $u ]) . $self->tail([$t]);
}

# A condition above a sub-query's expression.
sub query_above
{
	my ($self) = @_;
	my ($q, $t) = ($self->alias, $self->alias);
	my $inner = "SELECT $t.id, " . $self->text([$t]) . " AS s, $t.b FROM " . $self->source($t, 1) . $self->where([$t]);

	return "SELECT * FROM ($inner) $q WHERE $q.s "
	  . $self->pick("LIKE '%1%'", "> 'f'", 'IS NOT NULL', "<> 'x'")
	  . $self->tail([$q])
	  if $self->chance(0.7);
	return "SELECT count(*), min(s), max($q.b) FROM ($inner) $q";
}

sub query_set_operation
{
	my ($self) = @_;
	my $operator = $self->pick('UNION', 'UNION ALL', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL');
	my @selects;

	for (1 .. 2)
	{
		my $t = $self->alias;

		push @selects, 'SELECT ' . $self->text([$t]) . ' AS s FROM ' . $self->source($t) . $self->where([$t]);
	}
	return join(" $operator ", @selects) . ($self->chance(0.7) ? ' ORDER BY 1' : '');
}

sub query_distinct
{
	my ($self) = @_;
	my $t = $self->alias;

	return "SELECT DISTINCT " . $self->text([$t]) . ' AS s FROM ' . $self->source($t) . $self->where([$t])
	  . ' ORDER BY 1' . ($self->{parallel} ? '' : $self->pick('', ' LIMIT 3'))
	  if $self->chance(0.5);
	return "SELECT DISTINCT ON ($t.grp) $t.grp, $t.id, " . $self->text([$t]) . ' FROM ' . $self->source($t)
	  . $self->where([$t]) . " ORDER BY $t.grp, $t.id, $t.a";
}

sub query_set_returning
{
	my ($self) = @_;
	my $t = $self->alias;
	my $text = $self->text([$t], 1);
	my $columns = $self->pick("unnest(string_to_array($text, ' '))", "generate_series(1, 2), $text",
		"unnest(ARRAY[$text, $t.b]), upper($text)", "regexp_split_to_table($text, 'o')");

	return "SELECT $t.id, $columns FROM " . $self->source($t) . $self->where([$t])
	  . ($self->{parallel} ? '' : $self->pick('', '', ' LIMIT 5'));
}

sub query_locking
{
	my ($self) = @_;
	my $t = $self->alias;
	my $lock = $self->pick('UPDATE', 'NO KEY UPDATE', 'SHARE');
	my $query = "SELECT $t.id, " . $self->text([$t]);

	return "$query FROM " . $self->table(@bases) . " $t" . $self->where([$t])
	  . $self->pick('', " ORDER BY $t.id", " ORDER BY $t.id LIMIT 4") . " FOR $lock"
	  . $self->pick('', ' SKIP LOCKED')
	  if $self->chance(0.6);
	my $u = $self->alias;
	return "$query FROM " . $self->table(@bases) . " $t JOIN part $u ON $t.id = $u.id" . $self->where([ $t, $u ])
	  . " FOR $lock OF $t";
}

sub query_recursive
{
	my ($self) = @_;
	my ($r, $t) = ($self->alias, $self->alias);
	my $text = $self->text([$r], 1);
	my $last = $self->number(3, 5);

	return "WITH RECURSIVE $r AS (SELECT $t.id, $t.a, $t.b, $t.grp, $t.num FROM few $t UNION ALL"
	  . " SELECT $r.id, left($text, 40), $r.b, $r.grp, $r.num + 1 FROM $r WHERE $r.num < $last)"
	  . " SELECT $r.id, $r.num, $r.a FROM $r"
	  . $self->pick('', ' ORDER BY 1, 2');
}

sub query_no_table
{
	my ($self) = @_;
	my $v = $self->alias;
	my $from = "(SELECT 1 AS id, 'v'::text AS a, NULL::text AS b, 1 AS grp, 1 AS num) $v";

	return 'VALUES ' . join(', ', map { "(llm.generate('value $_'), $_)" } 1 .. $self->number(1, 4)) if $self->chance(0.5);
	return 'SELECT ' . $self->text([$v]) . " FROM $from";
}

sub query_sample
{
	my ($self) = @_;
	my $t = $self->alias;

	return "SELECT $t.id, " . $self->text([$t]) . ', ' . $self->call([$t], 1)
	  . " FROM doc $t TABLESAMPLE SYSTEM (100)" . $self->where([$t]);
}

1;
