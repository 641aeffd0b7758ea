# A hot standby has a broker and an engine of its own.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LlmNode;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = new_llm_node('primary');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

ok(wait_for_status($standby, "state = 'ready'"), 'the engine runs on the standby');
isnt(status($standby, 'engine_pid'), status($primary, 'engine_pid'), 'each has its own');
is($standby->safe_psql('postgres', generate('read only')), 'fake: read only', 'calls are answered');
is($standby->safe_psql('postgres', "SELECT string_agg(chunk, '') FROM llm.stream('a b')"),
	'fake: a b', 'streams, too');
is_clean($standby, 'standby');

# Promotion does not disturb a request.
my $query = start_query($standby, generate('[[steps=1500]] long'));
ok(wait_for_status($standby, 'slots_used = 1'), 'a request runs');
$standby->promote;
is((finish_query($query))[0], 'fake: long', 'it ends after the promotion');
is_clean($standby, 'promotion');

$standby->stop;
$primary->stop;
done_testing();
