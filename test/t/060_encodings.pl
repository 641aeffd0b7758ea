# Databases that are not UTF-8: the engine always speaks UTF-8, the backend converts both ways.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('encodings');
my $directory = $node->basedir . '/models';

# Bytes of the file's name are UTF-8 on disk, whatever a database's encoding.
mkdir $directory;
append_to_file("$directory/mod\xc3\xa8le.gguf", 'x');
$node->append_conf('postgresql.conf', "postgres_llm.model_directory = '$directory'");
$node->reload;

my %databases = (latin1 => 'LATIN1', euc_jp => 'EUC_JP', ascii => 'SQL_ASCII');
foreach my $name (sort keys %databases)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $name ENCODING '$databases{$name}' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($name, 'CREATE EXTENSION postgres_llm');
	$node->safe_psql($name, "SELECT llm.create_model('fake', '" . $node->basedir . "/fake.gguf')");
}

# Output and errors of a query whose bytes, both ways, are in the client's encoding.
sub query
{
	my ($database, $sql, $client) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGCLIENTENCODING} = $client // 'UTF8';

	IPC::Run::run([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database), '-f', '-' ],
		'<', \$sql, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return ($out, $err);
}

sub answers
{
	my ($database, $sql, $expected, $name, $client) = @_;
	my ($out, $err) = query($database, $sql, $client);

	is($out, $expected, "$database: $name") or diag($err);
	return;
}

sub fails
{
	my ($database, $sql, $sqlstate, $name, $client) = @_;
	my ($out, $err) = query($database, $sql, $client);

	like($err, qr/ERROR:  $sqlstate: /, "$database: $name") or diag($out);
	return;
}

my $e_acute = "\xc3\xa9";
my $euro = "\xe2\x82\xac";
my $nihon = "\xe6\x97\xa5\xe6\x9c\xac";

# LATIN1: one byte here, two in the engine.
answers('latin1', "SELECT llm.generate('caf$e_acute')", "fake: caf$e_acute", 'generate');
answers('latin1', "SELECT octet_length(llm.generate('caf$e_acute'))", '10', 'the result is LATIN1');
answers('latin1', "SELECT llm.tokenize('$e_acute')", '{195,169}', 'tokenize sees UTF-8');
answers('latin1', "SELECT llm.detokenize('{195,169}')", $e_acute, 'detokenize');
answers('latin1', "SELECT llm.count_tokens('$e_acute')", '2', 'count_tokens');
answers('latin1', "SELECT llm.generate('one $e_acute two', stop => ARRAY[' $e_acute'])", 'fake: one',
	'stop strings');
answers('latin1', "SELECT llm.generate('one $e_acute two', options => '{\"stop\": \" $e_acute\"}')",
	'fake: one', 'stop strings in JSON');
answers('latin1', "SELECT llm.chat('[{\"role\": \"user\", \"content\": \"$e_acute\"}]')", "fake: $e_acute",
	'chat');
answers('latin1',
	"SELECT substring(llm.generate('[[show]]', system_prompt => '$e_acute') from 'system=\".\"')",
	"system=\"$e_acute\"", 'system prompt');
answers('latin1', "SELECT string_agg(chunk, '') FROM llm.stream('$e_acute$e_acute$e_acute')",
	"fake: $e_acute$e_acute$e_acute", 'stream');
answers('latin1', "SELECT token FROM llm.score('x', '$e_acute')", $e_acute, 'score');

# What LATIN1 does not have.
fails('latin1', "SELECT llm.generate('[[split]]')", '22P05', 'an answer that does not fit');
fails('latin1', "SELECT llm.detokenize('{226,130,172}')", '22P05', 'tokens that do not fit');
fails('latin1', "SELECT llm.stream('[[split]]')", '22P05', 'a chunk that does not fit');
answers('latin1', "SELECT llm.generate('[[split]]', options => '{\"on_error\": \"null\"}') IS NULL", 't',
	'... or NULL');
answers('latin1', "SELECT text, error FROM llm.generate_detail('[[split]]', options => '{\"on_error\": \"null\"}')",
	'|the text has a character that encoding "LATIN1" does not have', '... with the reason');
answers('latin1', "SELECT llm.generate('$e_acute', options => '{\"on_error\": \"null\"}')", "fake: $e_acute",
	'what fits is untouched by that');

# EUC_JP: several bytes here, several others there.
answers('euc_jp', "SELECT llm.generate('$nihon'), octet_length(llm.generate('$nihon')), length(llm.generate('$nihon'))",
	"fake: $nihon|10|8", 'generate');
answers('euc_jp', "SELECT llm.detokenize(llm.tokenize('$nihon')) = '$nihon'", 't', 'tokens');
answers('euc_jp', "SELECT llm.generate(llm.prompt('{1}{{$nihon}}{0}', '$nihon', '{0}')), llm.prompt_fields('$nihon', '$nihon')",
	"fake: {0}{$nihon}$nihon|$nihon: $nihon", 'templates and fields');
like((query('euc_jp', "SELECT llm.prompt('$nihon\{', 1)"))[1], qr/22023: .* at character 3$/m, 'euc_jp: the place of an error');
fails('euc_jp', "SELECT llm.detokenize('{240,159,152,128}')", '22P05', 'tokens that do not fit');

# SQL_ASCII: bytes of unknown meaning, which must be UTF-8 to be understood.
answers('ascii', "SELECT llm.generate('$e_acute'), octet_length(llm.generate('$e_acute'))", "fake: $e_acute|8",
	'bytes go through', 'SQL_ASCII');
fails('ascii', "SELECT llm.generate(E'\\xe9')", '22021', 'what is no UTF-8 is refused', 'SQL_ASCII');
fails('ascii', "SELECT llm.tokenize(E'\\xc3')", '22021', 'also for tokens', 'SQL_ASCII');
fails('ascii', "SELECT llm.generate('x', stop => ARRAY[E'\\xe9'])", '22021', 'also as option', 'SQL_ASCII');
answers('ascii', "SELECT llm.detokenize('{226,130,172}')", $euro, 'the answer is UTF-8', 'SQL_ASCII');

# UTF-8, for comparison, and tokens that are parts of characters.
answers('postgres', "SELECT llm.generate('[[split]]')", "a\xc3\xb1$euro\xf0\x9f\x98\x80" x 3, 'everything fits');

# One file, named from databases of two encodings, is one model in the engine.
my $create = "SELECT llm.create_model('mod\xc3\xa8le', 'mod\xc3\xa8le.gguf')";
my ($before) = query('postgres', 'SELECT models FROM llm.engine_status');
foreach my $name ('latin1', 'postgres')
{
	answers($name, $create, '', 'a model and a file with an accent');
	answers($name, "SELECT substring(llm.generate('[[show]]', 'mod\xc3\xa8le') from 'model=\\S+')",
		"model=mod\xc3\xa8le", 'work');
}
answers('postgres', "SELECT models - $before FROM llm.engine_status", '1', 'two databases share it');
fails('ascii', "SELECT llm.create_model('x', E'mod\\xe8le.gguf')", '22021', 'a path is UTF-8', 'SQL_ASCII');
fails('latin1', "SELECT llm.create_model('x', '$e_acute.gguf')", '58P01', 'a missing file is named');
my (undef, $err) = query('latin1', "SELECT llm.create_model('x', '$e_acute.gguf')");
like($err, qr/\Q$directory\E\/$e_acute\.gguf/, 'latin1: ... in the client\'s encoding');

is_clean($node, 'encodings');
$node->stop;
done_testing();
