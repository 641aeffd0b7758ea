# With and without shared_preload_libraries.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Cluster;
use Test::More;

# A server that does not preload the library: a restore must work, calls must say what is missing.
my $bare = PostgreSQL::Test::Cluster->new('bare');
$bare->init;
$bare->append_conf('postgresql.conf', "postgres_llm.slots_per_backend = 7\n");
$bare->start;

my ($out, $err) = run_query($bare, 'CREATE EXTENSION postgres_llm');
is($err, '', 'the extension can be created without the preload');
$err = sqlstate_is(start_query($bare, "SELECT llm.count_tokens('x', 'nobody')"),
	'55000', 'a call says that the preload is missing');
like($err, qr/shared_preload_libraries/, '... and names the setting');
like($err, qr/HINT:/, '... with a hint');
sqlstate_is(start_query($bare, 'SELECT * FROM llm.engine_status'),
	'55000', 'the status says so, too');
sqlstate_is(start_query($bare, 'SELECT llm.restart_engine()'),
	'55000', 'and so does the order to restart the engine');
is( $bare->safe_psql('postgres', "LOAD 'postgres_llm'; SHOW postgres_llm.max_tokens"),
	'256', 'settings of sessions exist');
($out, $err) = run_query($bare, "LOAD 'postgres_llm'; SELECT 1");
is($err, '', 'a setting of the server, in the file, is no trouble');
$bare->stop;

# A server that does.
my $node = new_llm_node('preloaded');

ok(wait_for_status($node, "state = 'ready'"), 'the engine gets ready');
like(status($node, 'description'), qr/^fake/, 'the engine says what it runs on');
is($node->safe_psql('postgres', generate('hello')), 'fake: hello', 'a call is answered');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_settings WHERE name LIKE 'postgres\\_llm.%'
		 AND (short_desc = '' OR extra_desc IS NULL)"),
	'0', 'every setting is described');
sqlstate_is(start_query($node, 'SET postgres_llm.max_tocens = 1'),
	'42602', 'misspelt settings are refused');
sqlstate_is(start_query($node, "SET postgres_llm.model_directory = '/tmp'"),
	'55P02', 'the model directory is not for a session to choose');

my $role = $node->safe_psql('postgres', 'CREATE ROLE someone LOGIN');
sqlstate_is(start_query($node, 'SET SESSION AUTHORIZATION someone; SHOW postgres_llm.model_directory'),
	'42501', 'ordinary users do not see the model directory');
sqlstate_is(
	start_query($node, 'SET SESSION AUTHORIZATION someone; SET postgres_llm.max_tokens_limit = 1'),
	'42501', 'nor do they set the ceiling of max_tokens');

# The library adds nothing to the processes of the server but the broker.
is( $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'postgres_llm%'"),
	'0', 'the broker has no database connection');
is_clean($node, 'preload');
$node->stop;

done_testing();
