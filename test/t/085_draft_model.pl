# Draft models on the real engine: small random models, of which one drafts for itself, one has another of the same
# vocabulary draft for it, and one names a model of another vocabulary.  Answers are those without.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'LLM_TEST_MODELS does not name a directory with models' unless -d ($ENV{LLM_TEST_MODELS} // '');

my $node = new_cpu_node('draft_model');
my $models = $node->basedir;

sub make_model
{
	my ($name, @shape) = @_;

	command_ok([ 'python3', "$FindBin::RealBin/../tools/make_gguf.py", "$models/$name.gguf", @shape ], "$name is made");
	return;
}

make_model('big', '--seed', 1, '--layers', 3);
make_model('small', '--seed', 2, '--layers', 1);
make_model('foreign', '--seed', 3, '--vocabulary', 'bpe');

# With drafts whether they pay or not: these models are too small for any to pay.
$node->append_conf('postgresql.conf', <<"END");
postgres_llm.model_directory = '$models'
postgres_llm.speculation = always
END
$node->restart;
$node->safe_psql('postgres', <<'END');
SELECT llm.create_model('small', 'small.gguf');
SELECT llm.create_model('foreign', 'foreign.gguf');
SELECT llm.create_model('big', 'big.gguf');
SELECT llm.create_model('helped', 'big.gguf', '{"draft_model": "small"}');
SELECT llm.create_model('itself', 'big.gguf', '{"draft_model": "itself"}');
CREATE TABLE question (id int PRIMARY KEY, prompt text);
INSERT INTO question VALUES (1, 'a'), (2, 'Once upon a time'), (3, repeat('there was a cat. ', 20)), (4, 'ß ☃ 東京');
END

# The answers, and how many tokens were drafted and accepted.
sub answers
{
	my ($model, $how) = @_;

	return split /\x1f/, $node->safe_psql('postgres', <<"END");
SELECT string_agg(d.text, '|' ORDER BY id) || E'\\x1f' || sum(d.drafted_tokens) || E'\\x1f' || sum(d.accepted_tokens)
FROM question, llm.generate_detail(prompt, '$model', max_tokens => 48, $how, options => '{"ignore_eos": true}') AS d
END
}

foreach my $how ('temperature => 0', 'temperature => 0.9, seed => 5')
{
	my ($plain, undef, $plain_accepted) = answers('big', $how);
	my ($helped) = answers('helped', $how);
	my ($itself, $drafted, $accepted) = answers('itself', $how);

	ok(length($plain) > 100, "$how: there are answers");
	is($helped, $plain, "$how: a draft model changes no answer");
	is($itself, $plain, "$how: nor does the model itself as one");
	cmp_ok($drafted, '>', 0, "$how: which drafts");
	next unless $how eq 'temperature => 0';
	cmp_ok($accepted, '>', 0.8 * $drafted, "$how: nearly always right");
	cmp_ok($accepted, '>', $plain_accepted, "$how: and more often than the text itself");
}

# Many at once: rows of a scan, some of which end early or are given up.
my $many = q{SELECT string_agg(llm.generate(g || repeat(' cat', g %% 30), '%s', max_tokens => 1 + g %% 40), '|' ORDER BY g)
			 FROM generate_series(1, 120) AS g};
my $batched = $node->safe_psql('postgres', sprintf($many, 'big'));
is($node->safe_psql('postgres', sprintf($many, $_)), $batched, "$_: 120 rows") for qw(helped itself);
foreach my $timeout (20, 60, 150)
{
	my (undef, $gave_up) =
	  run_query($node, "SET statement_timeout = $timeout; " . sprintf($many =~ s/120/3000/r, 'itself'));
	like($gave_up, qr/57014/, "3000 rows are given up after $timeout ms");
}
is($node->safe_psql('postgres', sprintf($many, 'itself')), $batched, 'and the next answers are right');
is(status($node, 'failures'), 0, 'the engine is alive');
blocks_are_clean($node);

# Both are in the engine, and the draft model is part of the model that it drafts for.
is($node->safe_psql('postgres', <<'END'), 't', 'the memory of a model has that of its draft model');
SELECT (SELECT loaded_bytes FROM llm.model_status WHERE model = 'helped')
	 > (SELECT loaded_bytes FROM llm.model_status WHERE model = 'big')
END
is( $node->safe_psql('postgres', "SELECT state FROM llm.model_status WHERE model = 'small'"),
	'unloaded', 'a model that only drafts is not loaded by its own name');

# Another vocabulary is refused when the model is made, and when it is used.
my $create = q{SELECT llm.create_model('%s', 'big.gguf', '{"draft_model": "foreign"%s}')};
my $err = sqlstate_is(start_query($node, sprintf($create, 'mixed', '')),
	'0A000', 'a draft model of another vocabulary is refused');
like($err, qr/vocabular/, 'and it says why');
like($err, qr/HINT/, '... and what to do');
$node->safe_psql('postgres', sprintf($create, 'mixed', ', "check": false'));
sqlstate_is(start_query($node, "SELECT llm.generate('a', 'mixed')"), '0A000', 'the same at its use');
$node->safe_psql('postgres', q{SELECT llm.alter_model('mixed', options => '{"draft_model": null}')});
my ($plain) = answers('big', 'temperature => 0');
my ($mixed) = answers('mixed', 'temperature => 0');
is($mixed, $plain, 'it works without a draft model');

# Without speculation no model drafts.
$node->append_conf('postgresql.conf', 'postgres_llm.speculation = off');
$node->reload;
$node->safe_psql('postgres', 'SELECT llm.restart_engine()');
my ($off, $off_drafted) = answers('helped', 'temperature => 0');
is($off, $plain, 'the answers without speculation are the same');
is($off_drafted, 0, 'and nothing is drafted');

# A draft model that is gone.
$node->safe_psql('postgres', "SELECT llm.drop_model('small')");
$err = sqlstate_is(start_query($node, "SELECT llm.generate('a', 'helped')"), '42704', 'a draft model was dropped');
like($err, qr/HINT:.*draft_model/, 'the hint names the option');

is_clean($node, 'drafts');
$node->stop;
done_testing();
