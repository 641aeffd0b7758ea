# LlmNode: a server with postgres_llm on the fake engine, for the process tests.
#
# Everything above the engine is real: sessions, broker, an engine process.  Only the model is not,
# so that a prompt can say what shall happen (src/engine/fake.h).
package LlmNode;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(new_llm_node new_cpu_node add_model settings start_query finish_query run_query sqlstate_is
  status wait_for_status wait_until is_clean generate process_alive slow_count
  blocks_are_clean);

# Settings of every node: the fake engine with quick steps, and short waits.
sub settings
{
	return <<'END';
shared_preload_libraries = 'postgres_llm'
postgres_llm.engine_device = fake
postgres_llm.fake_step_us = 1000
postgres_llm.engine_start_timeout = 20s
postgres_llm.default_model = 'fake'
log_error_verbosity = verbose
max_connections = 60
END
}

# A running server with extension and model; further lines go into its configuration.
sub new_llm_node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', settings() . ($conf // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION postgres_llm');
	add_model($node);
	return $node;
}

# A running server with the extension and the real engine, whose models are those of LLM_TEST_MODELS.
sub new_cpu_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'postgres_llm'
postgres_llm.engine_device = cpu
postgres_llm.engine_start_timeout = 60s
postgres_llm.model_directory = '$ENV{LLM_TEST_MODELS}'
max_connections = 60
END
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION postgres_llm');
	return $node;
}

# The fake engine takes any file for a model.
sub add_model
{
	my ($node) = @_;
	my $path = $node->basedir . '/fake.gguf';

	append_to_file($path, 'not really a model');
	$node->safe_psql('postgres', "SELECT llm.create_model('fake', '$path')");
	return;
}

# Start psql on a query without waiting for it, perhaps as another role; errors show their SQLSTATE.
sub start_query
{
	my ($node, $sql, $role) = @_;
	my $connstr = $node->connstr('postgres') . (defined $role ? " user=$role" : '');
	my $query = { file => File::Temp->new, out => '', err => '' };

	# A file, not a pipe: nobody pumps a pipe before the test waits for the query.
	$query->{file}->print($sql);
	$query->{file}->close;
	$query->{handle} = IPC::Run::start(
		[
			'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $connstr,
			'-f', $query->{file}->filename
		],
		'<', '/dev/null', '>', \$query->{out}, '2>', \$query->{err});
	return $query;
}

# Wait for it; returns what it wrote to stdout and stderr.
sub finish_query
{
	my ($query) = @_;

	IPC::Run::finish($query->{handle});
	chomp($query->{out}, $query->{err});
	return ($query->{out}, $query->{err});
}

sub run_query
{
	my ($node, $sql, $role) = @_;

	return finish_query(start_query($node, $sql, $role));
}

# The query ends with this SQLSTATE.
sub sqlstate_is
{
	my ($query, $sqlstate, $name) = @_;
	my ($out, $err) = finish_query($query);

	like($err, qr/(ERROR|FATAL):  $sqlstate: /, $name) or diag("stdout: $out");
	return $err;
}

sub generate
{
	my ($prompt) = @_;

	return "SELECT llm.generate('$prompt')";
}

# A column of llm.engine_status.
sub status
{
	my ($node, $column) = @_;

	return $node->safe_psql('postgres', "SELECT $column FROM llm.engine_status");
}

sub wait_for_status
{
	my ($node, $condition) = @_;

	return $node->poll_query_until('postgres', "SELECT $condition FROM llm.engine_status");
}

# Until the condition, a sub, is true: at most as long as the tests of the server wait.
sub wait_until
{
	my ($condition) = @_;
	my $give_up = time() + $PostgreSQL::Test::Utils::timeout_default;

	until ($condition->())
	{
		return 0 if time() > $give_up;
		usleep(20_000);
	}
	return 1;
}

# Nothing is left of what went before: the promise after any mix of success, error and kill.
sub is_clean
{
	my ($node, $name) = @_;

	ok(wait_for_status($node, 'slots_used = 0'), "$name: no slot is lost");
	is(status($node, 'payload_bytes'), '0', "$name: no payload memory is lost");
	is(status($node, 'requests - completed - failed - cancelled'),
		'0', "$name: every request is accounted for");
	return;
}

# The engine tells its state every tenth of a second: let what it said before the end of the last
# request pass, then a block that is lost stays lost.
sub blocks_are_clean
{
	my ($node) = @_;

	usleep(300_000);
	ok( $node->poll_query_until('postgres',
			'SELECT sum(blocks_used + COALESCE(window_blocks_used, 0)) = 0 FROM llm.cache_status'),
		'no KV block is lost');
	return;
}

sub process_alive
{
	my ($pid) = @_;

	return kill(0, $pid) ? 1 : 0;
}

# How many requests run or wait now.
sub slow_count
{
	my ($node) = @_;

	return status($node, 'slots_used');
}

1;
