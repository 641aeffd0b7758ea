# llm.stream: chunks reach the client as they are made, and nobody works for a client that stops asking.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IO::Socket::UNIX;
use LlmNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# A step takes 20 ms.
my $node = new_llm_node('streaming', "postgres_llm.fake_step_us = 20000\n");

# psql gathers a whole result before it shows it, so this speaks the protocol itself: run a query and
# return the arrival of each row, in seconds since it was sent, and the rows.
sub arrivals
{
	my ($sql) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port)
	  or die "could not connect: $!";
	my $start = pack('N', 196608) . join("\0", 'user', scalar(getpwuid($<)), 'database', 'postgres', '', '');
	my (@times, @rows, $sent);

	syswrite($socket, pack('N', 4 + length $start) . $start);
	for (;;)
	{
		my ($type, $length) = unpack('aN', receive($socket, 5));
		my $body = receive($socket, $length - 4);

		if ($type eq 'Z')
		{
			last if defined $sent;
			$sent = time();
			syswrite($socket, 'Q' . pack('N', 5 + length $sql) . "$sql\0");
		}
		elsif ($type eq 'D')
		{
			push @times, time() - $sent;
			push @rows, substr($body, 6);
		}
		elsif ($type eq 'E')
		{
			$body =~ s/\0/ /g;
			push @rows, "error: $body";
			last unless defined $sent;
		}
	}
	syswrite($socket, 'X' . pack('N', 4));
	return (\@times, \@rows);
}

sub receive
{
	my ($socket, $n_bytes) = @_;
	my $data = '';

	while (length $data < $n_bytes)
	{
		sysread($socket, $data, $n_bytes - length $data, length $data) or die 'the server went away';
	}
	return $data;
}

# 40 steps, 0.8 seconds: the first text comes after one step, the last after all.
my $text = join(' ', 1 .. 60);
my $streamed = "SELECT (llm.stream('[[steps=40]][[text=$text]]')).chunk";
my ($times, $rows) = arrivals($streamed);
is(join('', @$rows), $text, 'all text comes');
cmp_ok(scalar(@$rows), '>=', 10, 'in many rows');

# The rows are spread over the time: the first comes soon, and no silence is half as long as all.
sub is_even
{
	my ($times) = @_;
	my ($first, $last) = @$times[ 0, -1 ];

	return $first < $last / 2 && !grep { $times->[$_] - $times->[ $_ - 1 ] > ($last - $first) / 2 } 1 .. $#$times;
}

# A machine that stands still for a moment holds up rows, too: not each time.
my $n_tries = 1;
($times) = arrivals($streamed) until is_even($times) || $n_tries++ == 5;
ok(is_even($times), 'they come one after the other while the text is made') or diag("@$times");

# In FROM the executor stores the rows first: that is PostgreSQL's, and documented.
($times, $rows) = arrivals("SELECT chunk FROM llm.stream('[[steps=40]][[text=$text]]')");
is(join('', @$rows), $text, 'in FROM all text comes, too');

($times, $rows) = arrivals("SELECT (llm.stream('[[steps=20]]$text', max_tokens => 30)).chunk");
cmp_ok(scalar(@$rows), '>', 3, 'text that max_tokens cuts streams as well');

# Nobody waits for the rest, which would take half an hour: the engine is told at once.
my $endless = "llm.stream('[[steps=100000]][[bytes=100000]]')";
is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT $endless LIMIT 3) AS s"), '3', 'LIMIT');
is_clean($node, 'LIMIT');
$node->safe_psql('postgres', "BEGIN; DECLARE c CURSOR FOR SELECT $endless; FETCH 2 FROM c; CLOSE c; COMMIT");
is_clean($node, 'a closed cursor');
$node->safe_psql('postgres', "BEGIN; DECLARE c CURSOR FOR SELECT $endless; FETCH 2 FROM c; COMMIT");
is_clean($node, 'a cursor that is open at commit');
$node->safe_psql('postgres', "BEGIN; DECLARE c CURSOR FOR SELECT $endless; FETCH 2 FROM c; ROLLBACK");
is_clean($node, 'a cursor that is open at rollback');
$node->safe_psql('postgres', <<"END");
DO \$\$
DECLARE
	piece record;
BEGIN
	FOR piece IN SELECT ($endless).* LOOP
		EXIT WHEN piece.chunk_no = 2;
	END LOOP;
END \$\$
END
is_clean($node, 'a loop that is left');
sqlstate_is(start_query($node, "SELECT ($endless).chunk_no, 1 / (random() * 0)::int"), '22012',
	'an error beside');
is_clean($node, 'an error beside');
sqlstate_is(start_query($node, "SET statement_timeout = '300ms'; SELECT $endless"), '57014', 'a timeout');
is_clean($node, 'a timeout');

$node->stop;
done_testing();
