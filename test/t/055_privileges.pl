# Who may do what: every kind of role against every function, by SQLSTATE.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('privileges');
my $directory = $node->basedir . '/models';

mkdir $directory;
append_to_file("$directory/there.gguf", 'x');
$node->append_conf('postgresql.conf', "postgres_llm.model_directory = '$directory'");
$node->reload;
$node->safe_psql('postgres', <<'END');
CREATE ROLE stranger LOGIN;
CREATE ROLE member LOGIN;
CREATE ROLE maker LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE operator LOGIN IN ROLE pg_monitor;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_llm TO maker;
GRANT EXECUTE ON FUNCTION llm.create_model, llm.alter_model, llm.drop_model TO maker;
GRANT EXECUTE ON FUNCTION llm.load_model, llm.unload_model, llm.restart_engine TO operator;
SET ROLE maker;
SELECT llm.create_model('there', 'there.gguf');
SELECT llm.create_model('gone', 'gone.gguf', '{"check": false}');
SELECT llm.create_model('helped', 'there.gguf', '{"draft_model": "there"}');
SELECT llm.create_model('grabbing', 'there.gguf', '{"draft_model": "fake", "check": false}');
GRANT USAGE ON FOREIGN SERVER helped, grabbing TO member, auditor;
GRANT USAGE ON FOREIGN SERVER there, gone TO member;
END

# The last one is the superuser, whom initdb named after us.
my @roles = (qw(stranger member maker auditor operator), scalar(getpwuid($<)));

# Statement and what each role gets, in the order of @roles: "ok" or an SQLSTATE.
my @matrix = (
	[ "SELECT llm.generate('x', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.generate('x', 'gone')", qw(42501 58P01 58P01 42501 42501 58P01) ],
	[ "SELECT llm.generate('x', 'nowhere')", qw(42704 42704 42704 42704 42704 42704) ],

	# "there" is granted to maker and not to auditor, "fake" to nobody: of a draft model the owner's rights count.
	[ "SELECT llm.generate('x', 'helped')", qw(42501 ok ok ok 42501 ok) ],
	[ "SELECT llm.generate('x', 'grabbing')", qw(42501 42501 42501 42501 42501 42501) ],
	[ "SELECT llm.create_model('new', 'there.gguf', '{\"draft_model\": \"there\"}')",
		qw(42501 42501 ok 42501 42501 ok) ],
	[ "SELECT llm.create_model('new', 'there.gguf', '{\"draft_model\": \"fake\"}')",
		qw(42501 42501 42501 42501 42501 ok) ],
	[ "SELECT llm.generate(NULL, 'gone')", qw(ok ok ok ok ok ok) ],
	[ "SELECT llm.generate_detail('x', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ q{SELECT llm.chat('[{"role": "user", "content": "x"}]', 'there')}, qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.stream('x', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.stream('x', 'gone')", qw(42501 58P01 58P01 42501 42501 58P01) ],
	[ "SELECT llm.score('x', 'y', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.score('x', 'y', 'gone')", qw(42501 58P01 58P01 42501 42501 58P01) ],
	[ "SELECT llm.tokenize('x', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.count_tokens('x', 'gone')", qw(42501 58P01 58P01 42501 42501 58P01) ],
	[ "SELECT llm.detokenize('{65}', 'there')", qw(42501 ok ok 42501 42501 ok) ],
	[ "SELECT llm.load_model('there')", qw(42501 42501 42501 42501 42501 ok) ],
	[ "SELECT llm.unload_model('there')", qw(42501 42501 42501 42501 42501 ok) ],
	[ "SELECT llm.create_model('new', 'there.gguf')", qw(42501 42501 ok 42501 42501 ok) ],
	[ "SELECT llm.create_model('new', '$directory/there.gguf')", qw(42501 42501 42501 42501 42501 ok) ],
	[ "CREATE SERVER new FOREIGN DATA WRAPPER postgres_llm OPTIONS (source 'x')",
		qw(42501 42501 ok 42501 42501 ok) ],
	[ "SELECT llm.alter_model('there', options => '{\"context_length\": 64}')",
		qw(42501 42501 ok 42501 42501 ok) ],
	[ "ALTER SERVER there OPTIONS (ADD weights 'f32')", qw(42501 42501 ok 42501 42501 ok) ],
	[ "SELECT llm.drop_model('there')", qw(42501 42501 ok 42501 42501 ok) ],
	[ "SELECT llm.drop_model('fake')", qw(42501 42501 42501 42501 42501 ok) ],
	[ "SELECT llm.drop_model('smollm2')", qw(42501 42501 55000 42501 42501 55000) ],
	[ "SELECT llm.restart_engine()", qw(42501 42501 42501 42501 ok ok) ],
	[ "SELECT * FROM llm.models", qw(ok ok ok ok ok ok) ],
	[ "SELECT * FROM llm.model_status", qw(ok ok ok ok ok ok) ],
	[ "SELECT * FROM llm.engine_status", qw(42501 42501 42501 ok ok ok) ],
	[ "SELECT llm.engine_status()", qw(42501 42501 42501 ok ok ok) ],
	[ "SELECT llm.validator('{}', 0)", qw(42501 42501 42501 42501 42501 42809) ],
	[ "SET postgres_llm.max_tokens_limit = 5", qw(42501 42501 42501 42501 42501 ok) ],
	[ "SET postgres_llm.max_tokens = 5", qw(ok ok ok ok ok ok) ],
);

sub outcome
{
	my ($role, $statement) = @_;
	my (undef, $err) =
	  run_query($node, "BEGIN; SET LOCAL SESSION AUTHORIZATION $role; $statement; ROLLBACK;");

	return $err =~ /(?:ERROR|FATAL):  (\w{5}): / ? $1 : $err eq '' ? 'ok' : $err;
}

foreach my $row (@matrix)
{
	my ($statement, @expected) = @$row;
	my @got = map { outcome($_, $statement) } @roles;

	is("@got", "@expected", $statement);
}

# The words of a refusal do not tell whether the file exists.
my %words;
foreach my $model (qw(there gone))
{
	my (undef, $err) =
	  run_query($node, "SET SESSION AUTHORIZATION stranger; SELECT llm.generate('x', '$model')");
	$err =~ s/^psql:\S+ //;
	$err =~ s/\b$model\b/MODEL/g;
	$words{$err} = 1;
}
is(scalar(keys %words), 1, 'a refusal is the same for a file that is there and one that is not')
  or diag(join("\n", keys %words));

# What each role sees.
sub seen
{
	my ($role, $query) = @_;
	my ($out) = run_query($node, "SET SESSION AUTHORIZATION $role; $query");

	$out =~ s/\n/ /g;
	return $out;
}

my $names = 'SELECT name FROM llm.models ORDER BY name';
is(seen('stranger', $names), '', 'a stranger sees no model');
is(seen('member', $names), 'gone grabbing helped there', 'a user sees the models of the grants');
is(seen('maker', $names), 'gone grabbing helped there', 'an owner sees the own ones');
is(seen('auditor', $names), 'fake gone grabbing helped smollm2 there', 'a monitor sees all');
is(seen('member', "SELECT count(*) FROM llm.model_status WHERE path IS NOT NULL"), '0',
	'paths are not for everyone');
$node->safe_psql('postgres', "SELECT llm.load_model('there')");
is(seen('auditor', "SELECT path FROM llm.model_status WHERE model = 'there'"), "$directory/there.gguf",
	'but for monitors');

# Only who may read the server's files is told where a missing one was looked for.
my (undef, $err) = run_query($node, "SET SESSION AUTHORIZATION maker; SELECT llm.generate('x', 'gone')");
like($err, qr/file "gone\.gguf" of model "gone" does not exist/, 'the owner learns what the catalog says');
unlike($err, qr/\Q$directory\E/, '... and not where it was looked for');
(undef, $err) = run_query($node, "SELECT llm.generate('x', 'gone')");
like($err, qr/\Q$directory\E\/gone\.gguf/, 'the superuser learns the path');

is_clean($node, 'privileges');
$node->stop;
done_testing();
