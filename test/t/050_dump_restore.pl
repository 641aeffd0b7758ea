# Models survive pg_dump and restore: definitions, owners, comments and grants, also on a server that
# has neither the files nor the preload.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_llm_node('dumped');

# Everything that the catalogs say about models.
my $definition = <<'END';
SELECT s.srvname, s.srvowner::regrole,
	   (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(s.srvoptions) AS o),
	   obj_description(s.oid, 'pg_foreign_server'),
	   (SELECT string_agg(a.grantee::regrole || ' ' || a.privilege_type || ' ' || a.is_grantable, ', '
						  ORDER BY a.grantee::regrole::text)
		FROM aclexplode(s.srvacl) AS a WHERE a.grantee <> 0),
	   (SELECT count(*) FROM aclexplode(s.srvacl) AS a WHERE a.grantee = 0)
FROM pg_foreign_server s ORDER BY s.srvname COLLATE "C";
SELECT proname FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'llm'::regnamespace AND a.grantee = 'maker'::regrole ORDER BY 1;
END

my $roles = 'CREATE ROLE maker; CREATE ROLE reader; CREATE ROLE teller;';

$node->safe_psql('postgres', $roles);
append_to_file($node->basedir . '/local.gguf', 'x');
$node->append_conf('postgresql.conf', "postgres_llm.model_directory = '" . $node->basedir . "'");
$node->reload;
$node->safe_psql('postgres', <<'END');
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_llm TO maker;
GRANT EXECUTE ON FUNCTION llm.create_model TO maker;
SET ROLE maker;
SELECT llm.create_model('local', 'local.gguf', '{"context_length": 256, "kv_cache_type": "f32"}');
SELECT llm.create_model('It''s a "model"', './local.gguf', '{"check": false}');
SELECT llm.create_model('a helped one', 'local.gguf', '{"draft_model": "It''s a \"model\""}');
COMMENT ON SERVER local IS 'with a comment';
GRANT USAGE ON FOREIGN SERVER local TO reader WITH GRANT OPTION;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER smollm2 TO reader;
GRANT USAGE ON FOREIGN SERVER fake TO PUBLIC;
REVOKE USAGE ON SCHEMA llm FROM PUBLIC;
GRANT USAGE ON SCHEMA llm TO reader;
CREATE VIEW answers AS SELECT llm.generate('x', 'local') AS answer;
END

my $expected = $node->safe_psql('postgres', $definition);
like($expected, qr/^local\|maker\|.*context_length=256/m, 'there is something to compare');
like($expected, qr/^a helped one\|maker\|.*draft_model=It's a "model"/m, '... a draft model as well');

my $file = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $file ], 'pg_dump');
unlike(slurp_file($file), qr/CREATE SCHEMA llm/, 'the schema is the extension\'s');

# Into another database of this server.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $file ],
	'restore into another database');
is($node->safe_psql('copy', $definition), $expected, 'the models are the same');
is($node->safe_psql('copy', "SELECT llm.generate('hello', 'local')"), 'fake: hello', 'and work');
is($node->safe_psql('copy', "SELECT llm.generate('hello', 'a helped one')"), 'fake: hello',
	'the draft model is found again');
$node->safe_psql('copy', "SELECT llm.unload_model('a helped one')");
is( $node->safe_psql('copy',
		"SELECT has_schema_privilege('maker', 'llm', 'USAGE'), has_schema_privilege('reader', 'llm', 'USAGE')"),
	'f|t', 'the schema is as open as it was');
$node->safe_psql('postgres', "SELECT llm.generate('hello', 'local')");
is($node->safe_psql('copy', "SELECT models FROM llm.engine_status"), '1', 'both databases share what is loaded');

# Into a server without the preload and without any file.
my $bare = PostgreSQL::Test::Cluster->new('bare');
$bare->init;
$bare->start;
$bare->safe_psql('postgres', $roles);
$bare->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $bare->connstr('postgres'), '-f', $file ],
	'restore into a server without the preload');
is($bare->safe_psql('postgres', $definition), $expected, 'the models are the same');
is($bare->safe_psql('postgres', "SELECT count(*) FROM llm.models"), '5', 'the view lists them');
sqlstate_is(start_query($bare, "SELECT llm.generate('hello', 'local')"),
	'55000', 'a call says what is missing');

# A second dump is the same as the first.
my $again = $bare->basedir . '/again.sql';
$bare->command_ok([ 'pg_dump', '-d', $bare->connstr('postgres'), '-f', $again ], 'pg_dump of the copy');
my ($first, $second) = map { join("\n", grep { !/^(--|\\|$)/ } split(/\n/, slurp_file($_))) } $file, $again;
is($second, $first, 'it says the same');

# The custom format.
my $archive = $node->basedir . '/dump.custom';
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $archive ], 'pg_dump -Fc');
$node->safe_psql('postgres', 'CREATE DATABASE copy2 TEMPLATE template0');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy2'), $archive ], 'pg_restore');
is($node->safe_psql('copy2', $definition), $expected, 'the models are the same');

$bare->stop;
is_clean($node, 'dump');
$node->stop;
done_testing();
