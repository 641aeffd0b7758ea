# LlmStorm: clients that load a server and check what they are answered, whatever else goes on there.
#
# Each client is a process that runs one script after the other through a psql of its own until its time is
# over: reads, read-ahead UPDATEs, fills, streams, cursors, scores, tokens, prompts that are too long, and large ones.
# What the right answers are was computed before, in a quiet server, so a script says itself whether it got
# them.  Errors are counted by SQLSTATE; which of them may happen is the test's to say.
package LlmStorm;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use POSIX ();
use Time::HiRes qw(time usleep);

our @EXPORT_OK = qw(prepare_load run_clients);

use constant {
	N_CLIENTS => 12,
	HANG_S => 60,    # a script that takes longer hangs
	LARGE => 40_000, # repetitions of a word that make a large text of 200 kB
};

my $call = 'llm.%s(prompt, model, max_tokens => max_tokens, temperature => temperature, seed => seed)';
my $generate = sprintf($call, 'generate');
my $detail = sprintf($call, 'generate_detail');
my $stream = sprintf($call, 'stream');
my $score = "(SELECT sum(logprob)::text FROM llm.score(prompt, 'the word', model))";
my $fill_options = '{"max_tokens": 6, "temperature": 0}';
my $large = 'llm.count_tokens(repeat(prompt, ' . LARGE . "), model)::text";

# Tables and a role of its own with a limit, for models a and b; answers are made row by row.
sub prepare_load
{
	my ($node) = @_;

	$node->safe_psql('postgres', <<"END");
SET postgres_llm.batch_scan = off;
CREATE TABLE question AS
SELECT i AS id, CASE WHEN i % 3 = 0 THEN 'b' ELSE 'a' END AS model,
	CASE WHEN i % 2 = 0 THEN repeat('one beginning of all, ', 3) ELSE '' END || repeat('row ' || i || ' ', 1 + i % 7) AS prompt,
	1 + i % 24 AS max_tokens, i % 4 / 4.0::float8 AS temperature, i AS seed, NULL::text AS expected
FROM generate_series(1, 48) i;
UPDATE question SET expected = $generate;
ALTER TABLE question ADD score text, ADD tokens text, ADD filled text;
UPDATE question SET score = $score, tokens = llm.tokenize(prompt, model)::text,
	filled = llm.generate(prompt, 'a', options => '$fill_options');
CREATE TABLE large AS SELECT 0 AS id, m AS model, 'word ' AS prompt, NULL::text AS expected FROM unnest('{a,b}'::text[]) m;
UPDATE large SET expected = $large;
CREATE TABLE work AS SELECT client, q.*, NULL::text AS answer, NULL::text AS filling
FROM question q, generate_series(0, @{[N_CLIENTS - 1]}) client WHERE id % 4 = client % 4;
ALTER TABLE work ADD PRIMARY KEY (client, id);
CREATE ROLE small LOGIN;
ALTER ROLE small SET postgres_llm.max_role_requests = 2;
GRANT USAGE ON FOREIGN SERVER a, b TO small;
GRANT ALL ON question, large, work TO small;
END
	return;
}

# ---- scripts ----

# The verdict over a query with columns id, expected and answer; the wrong ones are shown.
sub verdict
{
	my ($kind, $query) = @_;

	return <<"END";
SELECT 'verdict: ' || CASE WHEN bool_and(answer IS NOT DISTINCT FROM expected) THEN 'right $kind'
	ELSE 'wrong $kind ' || to_json(array_agg(answers) FILTER (WHERE answer IS DISTINCT FROM expected)) END
FROM (SELECT id, expected, answer FROM ($query) rows OFFSET 0) answers;
END
}

sub questions
{
	my ($of) = @_;

	return "FROM question WHERE id % $of = " . int(rand($of));
}

my %statement = (
	select => sub { return verdict('select', "SELECT id, expected, $generate AS answer " . questions(6)) },
	detail => sub { return verdict('detail', "SELECT id, expected, ($detail).text AS answer " . questions(24)) },
	stream => sub {
		return verdict('stream', "SELECT id, expected, (SELECT COALESCE(string_agg(chunk, '' ORDER BY chunk_no), '')"
			  . " FROM $stream) AS answer " . questions(24));
	},
	score => sub { return verdict('score', "SELECT id, score AS expected, $score AS answer " . questions(24)) },
	tokens => sub {
		return verdict('tokens', 'SELECT id, tokens AS expected, llm.tokenize(prompt, model)::text AS answer ' . questions(6));
	},
	large => sub { return verdict('large', "SELECT id, expected, $large AS answer FROM large") },
	beyond => sub { return "SELECT llm.generate(repeat('too long ', @{[int(rand(20000)) + 300]}), 'a');\n" },

	# All rows or none: the second when the UPDATE failed.
	update => sub {
		my ($client) = @_;
		my $of_client = "WHERE client = $client";

		return "UPDATE work SET answer = NULL $of_client;\nUPDATE work SET answer = $generate $of_client;\n"
		  . verdict('update', "SELECT id, CASE WHEN n > 0 THEN expected END AS expected, answer"
			  . " FROM (SELECT *, count(answer) OVER () AS n FROM work $of_client) w");
	},

	# What a fill that failed has committed stays; another verdict says that all of it is there.
	fill => sub {
		my ($client) = @_;

		return "UPDATE work SET filling = NULL WHERE client = $client;\n\\o /dev/null\n"
		  . "CALL llm.fill('work', 'filling', 'prompt', model => 'a', options => '$fill_options', filter => 'client = $client',"
		  . " chunk_rows => @{[1 + int(rand(12))]});\n\\o\n"
		  . verdict('fill', "SELECT id, filled AS expected, COALESCE(filling, filled) AS answer FROM work WHERE client = $client")
		  . "SELECT 'verdict: right fill to its end' FROM work WHERE client = $client HAVING count(filling) = count(*);\n";
	},

	# Some of a stream, and then an end of one kind or another.
	cursor => sub {
		my $end = ('COMMIT;', 'ROLLBACK;', 'CLOSE c; COMMIT;', '\q', 'SELECT 1 / 0; ROLLBACK;')[ rand 5 ];

		return "BEGIN;\nDECLARE c CURSOR FOR SELECT ($stream).chunk " . questions(12)
		  . ";\n\\o /dev/null\nFETCH " . (1 + int(rand(4))) . " FROM c;\n\\o\n$end\n";
	},
	savepoint => sub {
		return "BEGIN;\nSAVEPOINT s;\nSET LOCAL statement_timeout = @{[1 + int(rand(60))]};\n"
		  . "SELECT count($generate) AS n " . questions(3) . " \\gset\nROLLBACK TO s;\n"
		  . verdict('savepoint', "SELECT id, expected, $generate AS answer " . questions(24)) . "COMMIT;\n";
	},
);

# Reads and UPDATEs more often than the rest.
my @kinds = ((sort keys %statement), ('select') x 4, ('update') x 3, ('stream') x 2);

# A script of a few statements; with probability timeout they have little time.
sub script
{
	my ($client, $how) = @_;
	my $text = '';

	$text .= 'SET statement_timeout = ' . (1 + int(rand(400))) . ";\n" if rand() < ($how->{timeout} // 0);
	$text .= 'SET postgres_llm.queue_timeout = ' . (1 + int(rand(400))) . ";\n" if rand() < ($how->{timeout} // 0) / 4;
	$text .= "SET postgres_llm.batch_scan = off;\n" if rand() < 0.2;
	$text .= 'SET postgres_llm.max_readahead = ' . int(rand(10)) . ";\n" if rand() < 0.2;
	$text .= $statement{ $kinds[ rand @kinds ] }->($client) for 1 .. 1 + int(rand(4));
	return $text;
}

# ---- clients ----

# Run psql on a script; after kill_s, if given, it vanishes.  False when it hangs.
sub run_psql
{
	my ($connstr, $file, $out, $kill_s) = @_;
	my $begin = time();

	# Here and not in the child, which may be killed before it gets that far.
	open(my $out_handle, '>', $out) or die "$out: $!";
	my $pid = fork() // die "fork: $!";

	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>&', $out_handle);
		open(STDERR, '>&', $out_handle);
		exec('psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $connstr, '-f', $file) or POSIX::_exit(127);
	}
	until (waitpid($pid, POSIX::WNOHANG()) == $pid)
	{
		my $s = time() - $begin;

		if ($s > HANG_S || (defined $kill_s && $s >= $kill_s))
		{
			kill('KILL', $pid);
			waitpid($pid, 0);
			return defined $kill_s;
		}
		usleep(5_000);
	}
	return 1;
}

# What a script wrote, counted: verdicts, errors by SQLSTATE, and lost connections.
sub tally_output
{
	my ($tally, $file) = @_;

	open(my $in, '<', $file) or die "$file: $!";
	while (my $line = <$in>)
	{
		chomp $line;
		$tally->{$1}++ if $line =~ /^verdict: (.*)/;
		$tally->{"error $1"}++ if $line =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): /;
		$tally->{"warning: $1"}++ if $line =~ /(WARNING:  .*)/;
		$tally->{'no connection'}++ if $line =~ /connection to server .* failed/;
	}
	close($in);
	return;
}

# One client until the time is over; its counts go into a file.
sub client
{
	my ($node, $number, $seed, $how, $until, $dir) = @_;
	my ($file, $out) = ("$dir/script$number.sql", "$dir/out$number");
	my %tally;

	srand($seed);
	while (time() < $until)
	{
		my $kill_s = rand() < ($how->{vanish} // 0) ? rand(0.4) : undef;
		my $role = rand() < 0.25 ? ' user=small' : '';

		open(my $handle, '>', $file) or die "$file: $!";
		print $handle script($number, $how);
		close($handle);
		$tally{scripts}++;
		$tally{"hang: $file"}++
		  unless run_psql($node->connstr('postgres') . $role . ' application_name=storm', $file, $out, $kill_s);
		tally_output(\%tally, $out);
		last if grep { /^hang/ } keys %tally;
	}
	open(my $handle, '>', "$dir/tally$number") or die "tally: $!";
	print $handle "$tally{$_} $_\n" for keys %tally;
	return close($handle);
}

# Clients for so many seconds, and meanwhile disturb, a sub, again and again.  how has the probabilities
# that a script has little time (timeout) and that its client vanishes (vanish).  Returns the counts of all.
sub run_clients
{
	my ($node, $seed, $seconds, $how, $disturb) = @_;
	my $dir = File::Temp->newdir;
	my $until = time() + $seconds;
	my (@pids, %tally);

	for my $number (0 .. N_CLIENTS - 1)
	{
		my $pid = fork() // die "fork: $!";

		if ($pid == 0)
		{
			# Not exit: the server is the parent's to stop.
			eval { client($node, $number, $seed + $number, $how, $until, $dir) } or print STDERR $@;
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	while (defined $disturb && time() < $until)
	{
		$disturb->();
		usleep(20_000 + int(rand(300_000)));
	}
	waitpid($_, 0) for @pids;
	for my $number (0 .. N_CLIENTS - 1)
	{
		open(my $in, '<', "$dir/tally$number") or die "client $number died: $!";
		while (my $line = <$in>)
		{
			$tally{$2} += $1 if $line =~ /^(\d+) (.*)/;
		}
	}
	return \%tally;
}

1;
