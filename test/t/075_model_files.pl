# Files of models: where they are looked for, what is refused, and what is said.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('files');
my $directory = $node->basedir . '/models';
my ($out, $err);

mkdir $directory;
append_to_file("$directory/model.gguf", 'x');

sub set_directory
{
	my ($value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET postgres_llm.model_directory = '$value'");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	return $node->poll_query_until('postgres', "SELECT current_setting('postgres_llm.model_directory') = '$value'");
}

# The built-in model, whose file is not there: the default directory is below the server's share.
$err = sqlstate_is(start_query($node, "SELECT llm.generate('x', 'smollm2')"), '58P01', 'no file');
my $share = $node->config_data('--sharedir');
my $default = 'SmolLM2-135M-Instruct.Q4_1.gguf';
like($err, qr/\/postgres_llm\/models\/\Q$default\E" of model "smollm2"/, 'the error names the file');
like($err, qr/make install-model/, 'and the command that brings it');
unlike($err, qr/\$sharedir/, 'with the directory spelt out');

# A directory of our choice, absolute or below the data directory.
ok(set_directory($directory), 'another directory');
$node->safe_psql('postgres', "SELECT llm.create_model('ours', 'model.gguf')");
is($node->safe_psql('postgres', "SELECT llm.generate('hello', 'ours')"), 'fake: hello', 'the file is found');
$err = sqlstate_is(start_query($node, "SELECT llm.generate('x', 'smollm2')"), '58P01', 'the other is not');
like($err, qr/"\Q$directory\/$default\E"/, 'and was looked for there');
mkdir $node->data_dir . '/llm';
append_to_file($node->data_dir . '/llm/model.gguf', 'x');
ok(set_directory('llm'), 'a relative directory');
is( $node->safe_psql('postgres', "SELECT llm.generate('hello', 'ours')"), 'fake: hello',
	'is below the data directory');
is( $node->safe_psql('postgres', "SELECT path FROM llm.model_status WHERE model = 'ours'"),
	$node->data_dir . '/llm/model.gguf', 'with an absolute path for the engine');
ok(set_directory(''), 'no directory');
$err = sqlstate_is(start_query($node, "SELECT llm.generate('x', 'ours')"), '55000', 'is an error');
like($err, qr/postgres_llm\.model_directory/, 'that names the setting');
is($node->safe_psql('postgres', "SELECT count(*) FROM llm.model_status WHERE model = 'ours'"), '1',
	'and the views go on');
is($node->safe_psql('postgres', generate('hello')), 'fake: hello', 'an absolute path needs none');
ok(set_directory($directory), 'back again');

# What is no regular file is refused before anybody opens it.
POSIX::mkfifo("$directory/fifo.gguf", 0600) or die $!;
mkdir "$directory/folder.gguf";
symlink('model.gguf', "$directory/link.gguf");
symlink('nowhere', "$directory/dangling.gguf");
sqlstate_is(start_query($node, "SELECT llm.create_model('x', 'fifo.gguf')"), '42809', 'a pipe');
sqlstate_is(start_query($node, "SELECT llm.create_model('x', 'folder.gguf')"), '42809', 'a directory');
sqlstate_is(start_query($node, "SELECT llm.create_model('x', 'dangling.gguf')"), '58P01', 'a link to nothing');
sqlstate_is(start_query($node, "SELECT llm.create_model('x', 'model.gguf/x')"), '58P01', 'a file as folder');
sqlstate_is(start_query($node, "SELECT llm.create_model('x', '/dev/zero')"), '42809', 'a device');
$node->safe_psql('postgres', "SELECT llm.create_model('linked', 'link.gguf')");
is($node->safe_psql('postgres', "SELECT llm.generate('hello', 'linked')"), 'fake: hello', 'a link is followed');

# One file with two spellings is one model in the engine.
$node->safe_psql('postgres', "SELECT llm.create_model('spelt', './/folder.gguf/.//x.gguf', '{\"check\": false}')");
append_to_file("$directory/folder.gguf/x.gguf", 'x');
$node->safe_psql('postgres', "SELECT llm.load_model('spelt')");
is( $node->safe_psql('postgres', "SELECT path FROM llm.model_status WHERE model = 'spelt'"),
	"$directory/folder.gguf/x.gguf", 'a path is brought into one form');

# A file that the engine refuses is no model, and nothing of it stays.
append_to_file("$directory/bad[[fail=corrupt]].gguf", 'x');
sqlstate_is(start_query($node, "SELECT llm.create_model('bad', 'bad[[fail=corrupt]].gguf')"), 'XX001',
	'a corrupt file');
is($node->safe_psql('postgres', "SELECT count(*) FROM llm.models WHERE name = 'bad'"), '0', 'is no model');
$node->safe_psql('postgres', "SELECT llm.create_model('bad', 'bad[[fail=corrupt]].gguf', '{\"check\": false}')");
sqlstate_is(start_query($node, "SELECT llm.load_model('bad')"), 'XX001', 'unless nobody looks: then its use fails');
sqlstate_is(start_query($node, "SELECT llm.generate('x', 'bad')"), 'XX001', 'each time');
is( $node->safe_psql('postgres', "SELECT llm.generate('x', 'bad', options => '{\"on_error\": \"null\"}') IS NULL"),
	't', 'which on_error covers');

# A file that goes while its model is loaded.
unlink "$directory/model.gguf";
sqlstate_is(start_query($node, "SELECT llm.generate('x', 'ours')"), '58P01', 'a file that went away');
is($node->safe_psql('postgres', "SELECT llm.unload_model('ours')"), 't', 'its model can be unloaded');
$node->safe_psql('postgres', "SELECT llm.drop_model('ours')");

is_clean($node, 'files');
$node->stop;
done_testing();
