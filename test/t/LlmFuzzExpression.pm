# LlmFuzzExpression: random expressions around calls of generating functions.
#
# An object is one case of the fuzzer, so it also counts what the case contains: sites of volatile
# functions, faults, settings.  A scope is a list of aliases; whatever an alias stands for has the
# columns id, a, b, grp and num (b and grp have NULLs), so that every expression fits every source.
#
# Each site of a volatile function is told apart: it logs under its own number or draws from its own
# sequence.  SQL leaves open in which order the expressions of one row are evaluated, so only what
# happens at one site, over the rows, has an order that can be compared.
package LlmFuzzExpression;

use strict;
use warnings;

use constant { N_SEQUENCES => 4, MAX_DEPTH => 3 };

sub new
{
	my ($class, $seed) = @_;
	my $self = bless {
		sites => 0,		   # of log_call
		sequences => 0,	   # in use: fuzz_seq_1 and on
		faults => 0,	   # places that raise an error at some row
		fault_budget => 0,
		volatile => 0,	   # whether volatile functions may be used
		parallel => 0,	   # the case is for parallel plans, so its rows have no order
		caught => 0,	   # an error may end in a handler, and the case goes on
		n_aliases => 0
	}, $class;

	srand($seed);
	$self->{fault_budget} = $self->weighted(0 => 75, 1 => 17, 2 => 8);
	$self->{volatile} = $self->chance(0.35);
	return $self;
}

# ---- choices ----

sub chance
{
	my ($self, $probability) = @_;

	return rand() < $probability;
}

sub number
{
	my ($self, $from, $to) = @_;

	return $from + int(rand($to - $from + 1));
}

sub pick
{
	my ($self, @from) = @_;

	return $from[ int(rand(@from)) ];
}

# One of the keys, each as often as its weight says; the order is that of the list.
sub weighted
{
	my ($self, @pairs) = @_;
	my $total = 0;

	$total += $pairs[ 2 * $_ + 1 ] for 0 .. $#pairs / 2;
	my $left = rand($total);
	while (@pairs > 2)
	{
		return $pairs[0] if $left < $pairs[1];
		$left -= $pairs[1];
		splice(@pairs, 0, 2);
	}
	return $pairs[0];
}

sub alias
{
	my ($self) = @_;

	return 't' . ++$self->{n_aliases};
}

# ---- calls ----

# A text that is a call, or around a call; the most frequent leaf of an expression.
sub call
{
	my ($self, $scope, $depth) = @_;
	my $kind = $self->weighted(generate => 60, detail => 14, chat => 12, ask => 8, ask_slowly => 3, plain => 3);
	my $prompt = $self->prompt($scope, $depth + 1);

	return "fuzz_ask($prompt)" if $kind eq 'ask';
	return "fuzz_ask_slowly($prompt)" if $kind eq 'ask_slowly';
	return "llm.generate($prompt)" if $kind eq 'plain';
	my $options = $self->options($scope);
	return "llm.generate($prompt$options)" if $kind eq 'generate';
	if ($kind eq 'chat')
	{
		# A message without content is an error.
		return "llm.chat(jsonb_build_array(jsonb_build_object('role', 'user', 'content',"
		  . " COALESCE($prompt, 'nothing')))$options)";
	}
	my $field = $self->weighted(text => 50, finish_reason => 20, error => 15, completion_tokens => 15);
	my $cast = $field eq 'completion_tokens' ? '::text' : '';

	return "((llm.generate_detail($prompt$options)).$field)$cast";
}

# The first argument of a call, often with a directive for the fake engine.
sub prompt
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my $prompt =
	  $self->chance(0.6)
	  ? $self->pick("$t.a", "$t.b", "$t.a || $t.b", "'about ' || $t.a", "llm.prompt('about {0}', $t.a)",
		"llm.prompt_fields('grp', $t.grp, 'a', $t.a)")
	  : $self->text($scope, $depth);

	if ($self->fault)
	{
		my $row = $self->number(1, 12);

		return "CASE WHEN $t.num = $row THEN '[[fail=limit]]' ELSE '' END || $t.a";
	}
	return "$prompt || '[[steps=' || ($t.id % 5 + 1) || ']]'" if $self->chance(0.25);
	return "'[[show]] ' || $prompt" if $self->{show} && $self->chance(0.5);
	return $prompt;
}

# Options of a call, from the comma on.
sub options
{
	my ($self, $scope) = @_;
	my $t = $self->pick(@$scope);
	my @options;

	push @options, $self->pick('temperature => 0', "temperature => 0, seed => $t.num", 'seed => 7',
		"temperature => 1, seed => COALESCE($t.id, 7)", "temperature => 0, max_tokens => 2 + abs($t.num) % 4")
	  if $self->chance(0.6);
	push @options, $self->pick("system_prompt => $t.b", "stop => ARRAY['1']", "stop => ARRAY['7', $t.id::text]",
		"model => 'fake'", 'model => NULL', 'top_k => 3')
	  if $self->chance(0.25);
	push @options, q(options => '{"on_error": "null"}') if $self->chance(0.2);
	if ($self->fault(0.02))
	{
		@options = ("max_tokens => $t.num - " . $self->number(1, 12));
	}
	return join('', map { ", $_" } @options);
}

# ---- faults and volatile functions ----

# Whether to put an error here.
sub fault
{
	my ($self, $probability) = @_;

	return 0 if $self->{faults} >= $self->{fault_budget} || !$self->chance($probability // 0.15);
	$self->{faults}++;
	return 1;
}

# A text whose evaluation raises an error at some row.
sub failing_text
{
	my ($self, $scope) = @_;
	my $t = $self->pick(@$scope);
	my $row = $self->number(1, 12);

	return $self->pick("(10 / ($t.num - $row))::text",
		"(CASE WHEN $t.num = $row THEN $t.a ELSE '1' END)::int::text",
		"llm.prompt(CASE WHEN $t.num = $row THEN '{1}' ELSE '{0}' END, $t.a)",
		"repeat('x', 10 / ($t.num - $row))");
}

# A text whose evaluation leaves a trace.
sub volatile_text
{
	my ($self, $scope, $depth) = @_;

	if ($self->chance(0.45) && $self->{sequences} < N_SEQUENCES)
	{
		my $sequence = ++$self->{sequences};

		return "nextval('fuzz_seq_$sequence')::text";
	}
	my $site = ++$self->{sites};
	return "log_call($site, " . $self->text($scope, $depth + 1) . ')';
}

# ---- text ----

my %text_kinds = (
	column => 22,
	call => 40,
	literal => 3,
	concat => 8,
	prompt => 6,
	fields => 3,
	function => 8,
	case_when => 8,
	case_value => 5,
	coalesce => 7,
	nullif => 4,
	greatest => 3,
	subscript => 3,
	row => 3,
	cast => 3,
	sub_select => 4,
	array_select => 2);
my @text_kinds = map { $_ => $text_kinds{$_} } sort keys %text_kinds;

sub text
{
	my ($self, $scope, $depth) = @_;

	$depth //= 0;
	return $self->text_column($scope) if $depth >= MAX_DEPTH;
	return $self->failing_text($scope) if $self->fault(0.06);
	return $self->volatile_text($scope, $depth) if $self->{volatile} && $self->chance(0.12);
	my $method = 'text_' . $self->weighted(@text_kinds);
	return $self->$method($scope, $depth);
}

sub text_column
{
	my ($self, $scope) = @_;
	my $t = $self->pick(@$scope);

	return $self->pick("$t.a", "$t.a", "$t.b", "$t.id::text", "$t.grp::text");
}

sub text_call
{
	my ($self, $scope, $depth) = @_;

	return $self->call($scope, $depth);
}

sub text_literal
{
	my ($self) = @_;

	return $self->pick("'x'", "'one two three'", 'NULL::text', "''");
}

sub text_concat
{
	my ($self, $scope, $depth) = @_;
	my @parts = map { $self->text($scope, $depth + 1) } 1 .. $self->number(2, 3);

	return '(' . join(' || ', @parts) . ')';
}

sub text_prompt
{
	my ($self, $scope, $depth) = @_;
	my @arguments = map { $self->text($scope, $depth + 1) } 1 .. $self->number(1, 2);
	my $template = $self->pick('{0}', 'of {0}: {{}}', '{0}/{0}', 'none', @arguments > 1 ? '{1} and {0}' : '<{0}>');

	return "llm.prompt('$template', " . join(', ', @arguments, $self->pick(@$scope) . '.num') . ')';
}

sub text_fields
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my @fields = map { "'$_', " . $self->text($scope, $depth + 1) } 1 .. $self->number(1, 2);

	return "llm.prompt_fields('id', $t.id, " . join(', ', @fields, "'grp', $t.grp") . ')';
}

sub text_function
{
	my ($self, $scope, $depth) = @_;
	my ($first, $second) = map { $self->text($scope, $depth + 1) } 1 .. 2;

	return $self->pick("upper($first)", "left($first, 9)", "length($first)::text", "concat_ws('-', $first, $second)",
		"format('%s/%s', $first, $second)", "split_part($first, ' ', 2)", "md5($first)");
}

sub text_case_when
{
	my ($self, $scope, $depth) = @_;
	my $arms = join(' ',
		map { 'WHEN ' . $self->condition($scope, $depth + 1) . ' THEN ' . $self->text($scope, $depth + 1) }
		  1 .. $self->number(1, 2));
	my $else = $self->chance(0.7) ? ' ELSE ' . $self->text($scope, $depth + 1) : '';

	return "CASE $arms$else END";
}

sub text_case_value
{
	my ($self, $scope, $depth) = @_;
	my ($value, @when) =
	  $self->chance(0.6)
	  ? ($self->pick(@$scope) . '.grp', 0, 1)
	  : ($self->text($scope, $depth + 1), "'fake: doc 3'", $self->text($scope, $depth + 1));
	my $arms = join(' ', map { "WHEN $_ THEN " . $self->text($scope, $depth + 1) } @when);

	return "CASE $value $arms ELSE " . $self->text($scope, $depth + 1) . ' END';
}

sub text_coalesce
{
	my ($self, $scope, $depth) = @_;
	my @arguments = map { $self->text($scope, $depth + 1) } 1 .. $self->number(1, 2);

	return 'COALESCE(' . join(', ', $self->pick(@$scope) . '.b', @arguments) . ')';
}

sub text_nullif
{
	my ($self, $scope, $depth) = @_;

	return 'NULLIF(' . $self->text($scope, $depth + 1) . ', ' . $self->text($scope, $depth + 1) . ')';
}

sub text_greatest
{
	my ($self, $scope, $depth) = @_;

	return $self->pick('GREATEST', 'LEAST') . '('
	  . join(', ', map { $self->text($scope, $depth + 1) } 1 .. 2) . ')';
}

sub text_subscript
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);

	return '(ARRAY[' . join(', ', map { $self->text($scope, $depth + 1) } 1 .. 2) . "])[$t.num % 3]";
}

sub text_row
{
	my ($self, $scope, $depth) = @_;

	return 'ROW(' . join(', ', map { $self->text($scope, $depth + 1) } 1 .. 2) . ')::text';
}

sub text_cast
{
	my ($self, $scope, $depth) = @_;

	return '(' . $self->text($scope, $depth + 1) . ')::' . $self->pick('varchar(9)::text', 'fuzz_text::text', 'name::text');
}

# A scalar sub-select: of one row without a table, of one row with one, or an aggregate of few.
sub text_sub_select
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my $kind = $self->weighted(bare => 50, row => 25, aggregate => 25);

	return '(SELECT ' . $self->text($scope, $depth + 1) . ')' if $kind eq 'bare';
	my $z = $self->alias;

	return '(SELECT ' . $self->text([ @$scope, $z ], $depth + 1) . " FROM doc $z WHERE $z.id = $t.id)" if $kind eq 'row';

	# An aggregate of outer columns only would belong to the outer query.
	my $text = $self->text([$z], $depth + 1);
	return "(SELECT max($text) FROM doc $z WHERE $z.id BETWEEN $t.id AND $t.id + 1)";
}

sub text_array_select
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my $z = $self->alias;
	my $text = $self->text([$z], $depth + 1);

	return "array_to_string(ARRAY(SELECT $text FROM few $z WHERE $z.grp = $t.grp ORDER BY $z.id), ',', '~')";
}

# ---- conditions ----

my %condition_kinds = (
	cheap => 25,
	like => 20,
	equal => 12,
	distinct => 6,
	null => 6,
	in => 6,
	length => 8,
	logic => 12,
	not => 6,
	exists => 3,
	in_select => 3,
	row => 3);
my @condition_kinds = map { $_ => $condition_kinds{$_} } sort keys %condition_kinds;

sub condition
{
	my ($self, $scope, $depth) = @_;

	$depth //= 0;
	return $self->condition_cheap($scope) if $depth >= MAX_DEPTH;
	my $method = 'condition_' . $self->weighted(@condition_kinds);
	return $self->$method($scope, $depth);
}

sub condition_cheap
{
	my ($self, $scope) = @_;
	my $t = $self->pick(@$scope);
	my $number = $self->number(1, 12);

	return $self->pick("$t.id % 3 <> 0", "$t.num < $number", "$t.num > $number", "$t.grp = 1", "$t.b IS NOT NULL",
		"$t.grp IS DISTINCT FROM 0", "$t.id = ANY (ARRAY[1, 2, 5, 9, 10])");
}

sub condition_like
{
	my ($self, $scope, $depth) = @_;
	my $text = $self->chance(0.7) ? $self->call($scope, $depth) : $self->text($scope, $depth + 1);

	return "$text LIKE '%" . $self->number(0, 4) . "%'" if $self->chance(0.7);
	return "$text NOT LIKE '%" . $self->number(0, 9) . "%'";
}

sub condition_equal
{
	my ($self, $scope, $depth) = @_;
	my ($first, $second) = map { $self->text($scope, $depth + 1) } 1 .. 2;

	return "$first " . $self->pick('<>', '<>', '=', '<', '>=') . " $second";
}

sub condition_distinct
{
	my ($self, $scope, $depth) = @_;
	my ($first, $second) = map { $self->text($scope, $depth + 1) } 1 .. 2;

	return "$first IS DISTINCT FROM $second";
}

sub condition_null
{
	my ($self, $scope, $depth) = @_;

	return '(' . $self->text($scope, $depth + 1) . ') IS ' . $self->pick('NOT NULL', 'NOT NULL', 'NULL');
}

sub condition_in
{
	my ($self, $scope, $depth) = @_;
	my @values = map { $self->text($scope, $depth + 1) } 1 .. 2;

	return $self->text($scope, $depth + 1) . $self->pick(' IN (', ' NOT IN (') . join(', ', @values) . ')';
}

sub condition_length
{
	my ($self, $scope, $depth) = @_;

	return 'length(' . $self->text($scope, $depth + 1) . ') ' . $self->pick('>', '<>') . ' ' . $self->number(3, 12);
}

sub condition_logic
{
	my ($self, $scope, $depth) = @_;
	my $operator = $self->pick(' AND ', ' OR ');

	return '(' . join($operator, map { $self->condition($scope, $depth + 1) } 1 .. $self->number(2, 3)) . ')';
}

sub condition_not
{
	my ($self, $scope, $depth) = @_;

	return 'NOT (' . $self->condition($scope, $depth + 1) . ')';
}

sub condition_exists
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my $z = $self->alias;

	return $self->pick('', 'NOT ') . "EXISTS (SELECT FROM doc $z WHERE $z.id = $t.id AND "
	  . $self->condition([ @$scope, $z ], $depth + 1) . ')';
}

sub condition_in_select
{
	my ($self, $scope, $depth) = @_;
	my $z = $self->alias;

	return $self->text($scope, $depth + 1) . $self->pick(' IN ', ' NOT IN ') . '(SELECT '
	  . $self->text([$z], $depth + 1) . " FROM few $z WHERE $z.a IS NOT NULL)";
}

sub condition_row
{
	my ($self, $scope, $depth) = @_;
	my $t = $self->pick(@$scope);
	my @texts = map { $self->text($scope, $depth + 1) } 1 .. 2;

	return "($t.grp, $texts[0]) " . $self->pick('<', '>=') . " (1, $texts[1])";
}

1;
