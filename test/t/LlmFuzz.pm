# LlmFuzz: the differential fuzzer of the batching scan.
#
# Every mode of execution has a database of its own, with the same history: random cases
# (LlmFuzzStatement.pm) run in all of them, and what psql writes must be the same: rows in their order, errors
# with SQLSTATE and message, notices, tables, the log of a volatile function, sequences.  A case is known by
# the seed of the run and its number, and it is the same alone as among others.
#
# What is not promised, and so not compared:
# - of two errors that both lie ahead, which comes first (a row that is read ahead evaluates its arguments early);
# - sequences after an error that a handler caught;
# - the order of evaluation of different expressions within one row.
package LlmFuzz;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use IPC::Run ();
use LlmFuzzStatement;
use Test::More;

our @EXPORT_OK = qw(create_database make_cases run_modes compare_modes difference);

use constant CASE_SEED_STRIDE => 1_000_003;

# The tables.  doc has the most rows: more than twice as many as a window of the fuzzer's node.
my $setup = <<'END_SQL';
CREATE DOMAIN fuzz_text AS text CHECK (VALUE <> 'never');
CREATE TABLE doc (id int PRIMARY KEY, a text, b text, grp int, num int, summary text);
CREATE INDEX ON doc (grp);
INSERT INTO doc
SELECT i, 'doc ' || i, CASE WHEN i % 5 <> 2 THEN 'body ' || i % 7 END, NULLIF(i % 4, 3), i % 13,
	CASE WHEN i % 6 = 0 THEN 'old' END
FROM generate_series(1, 26) i;
CREATE TABLE part (LIKE doc) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (8);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (8) TO (16);
CREATE TABLE part_3 (summary text, num int, id int NOT NULL, grp int, a text, b text);
ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES FROM (16) TO (24);
CREATE TABLE part_rest PARTITION OF part DEFAULT;
CREATE INDEX ON part (id);
INSERT INTO part SELECT id, 'part ' || id, b, grp, num, NULL FROM doc WHERE id <= 25;
CREATE TABLE few (LIKE doc);
INSERT INTO few VALUES (1, 'few 1', 'b', 0, 1), (2, NULL, 'b', 1, 2), (3, 'few 3', NULL, 1, 3);
CREATE TABLE secret (LIKE doc);
INSERT INTO secret SELECT id, 'secret ' || id, b, grp, num, NULL FROM doc WHERE id % 2 = 0;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY look ON secret USING (grp IS DISTINCT FROM 2 AND llm.generate(b) IS NOT NULL) WITH CHECK (true);
CREATE TABLE target (id int, a text, b text, grp int, num int, summary text DEFAULT 'none');
CREATE VIEW doc_view AS SELECT id, llm.generate(a, temperature => 0) AS a, b, grp, num FROM doc WHERE num > 2;
CREATE VIEW barrier WITH (security_barrier) AS
SELECT * FROM doc WHERE llm.generate(a) LIKE '%1%' OR grp = 1;
CREATE TABLE call_log (n bigserial, site int, note text);
CREATE FUNCTION log_call(site int, note text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN INSERT INTO call_log (site, note) VALUES (site, note); RETURN note; END $$;
CREATE FUNCTION peek(name regclass) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE n int; BEGIN EXECUTE 'SELECT count(*) FROM ' || name || ' WHERE summary LIKE ''fake%''' INTO n; RETURN n; END $$;
CREATE FUNCTION fuzz_ask(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT llm.generate('ask ' || $1) $$;
CREATE FUNCTION fuzz_ask_slowly(text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN RETURN llm.generate('slow ' || $1); END $$;
CREATE SEQUENCE fuzz_seq_1; CREATE SEQUENCE fuzz_seq_2; CREATE SEQUENCE fuzz_seq_3; CREATE SEQUENCE fuzz_seq_4;
ALTER TABLE doc OWNER TO fuzz_user;
ALTER TABLE part OWNER TO fuzz_user;
ALTER TABLE part_1 OWNER TO fuzz_user;
ALTER TABLE part_2 OWNER TO fuzz_user;
ALTER TABLE part_3 OWNER TO fuzz_user;
ALTER TABLE part_rest OWNER TO fuzz_user;
ALTER TABLE secret OWNER TO fuzz_user;
ALTER TABLE target OWNER TO fuzz_user;
GRANT ALL ON ALL TABLES IN SCHEMA public TO fuzz_user;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO fuzz_user;
GRANT USAGE ON FOREIGN SERVER fake TO fuzz_user;
END_SQL

# The server again, as a foreign one; its table is never touched but from there.
my $setup_remote = <<'END_SQL';
CREATE EXTENSION postgres_fdw;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname '%s');
CREATE USER MAPPING FOR PUBLIC SERVER loopback OPTIONS (user 'fuzz_user', password_required 'false');
CREATE TABLE remote_base AS SELECT id, 'remote ' || id AS a, b, grp, num, NULL::text AS summary FROM doc WHERE id <= 15;
CREATE FOREIGN TABLE remote (id int, a text, b text, grp int, num int, summary text)
	SERVER loopback OPTIONS (table_name 'remote_base');
ALTER TABLE remote_base OWNER TO fuzz_user;
GRANT ALL ON remote TO fuzz_user;
END_SQL

# A database with the tables; returns what the server can do, for LlmFuzzStatement.
sub create_database
{
	my ($node, $name) = @_;
	my $has_fdw = $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'");

	$node->safe_psql('postgres',
		"DO \$\$ BEGIN CREATE ROLE fuzz_user LOGIN; EXCEPTION WHEN duplicate_object THEN END \$\$");
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	my $path = $node->basedir . '/fake.gguf';
	$node->safe_psql($name, "CREATE EXTENSION postgres_llm; SELECT llm.create_model('fake', '$path'); $setup");
	$node->safe_psql($name, sprintf($setup_remote, $node->host, $node->port, $name)) if $has_fdw;
	$node->safe_psql($name, 'ANALYZE');
	return { postgres_fdw => $has_fdw, version => int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000) };
}

sub make_cases
{
	my ($seed, $features, @numbers) = @_;

	return map {
		my $case = LlmFuzzStatement->generate_case($seed * CASE_SEED_STRIDE + $_, $features);
		$case->{number} = $_;
		$case
	} @numbers;
}

# ---- running ----

# A case as psql's input.  Marks divide the output: "@@ NUMBER PART" on stdout, "@@ NUMBER" on stderr.
sub script_of
{
	my ($case) = @_;
	my $n = $case->{number};
	my $lines = sub { join('', map { "$_;\n" } @_) };

	return "\\echo \@\@ $n begin\n\\warn \@\@ $n\nBEGIN;\n"
	  . $lines->(@{ $case->{begin} })
	  . "\\echo \@\@ $n plan\n"
	  . $lines->(map { "EXPLAIN (COSTS OFF) $_" } @{ $case->{plan} })
	  . "\\echo \@\@ $n run\n"
	  . $lines->(@{ $case->{run} })
	  . "\\echo \@\@ $n effects\n"
	  . $lines->(@{ $case->{effects} })
	  . "ROLLBACK;\n"
	  . $lines->(@{ $case->{end} });
}

# Run the cases in each mode, all modes at once: { database, settings }.  Returns, per mode, number => output.
sub run_modes
{
	my ($node, $modes, @cases) = @_;
	my $script = join('', map { script_of($_) } @cases);
	my @runs;

	for my $mode (@$modes)
	{
		my $run = { file => File::Temp->new, out => '', err => '' };
		my $set = join('', map { "SET $_;\n" } 'statement_timeout = \'30s\'', @{ $mode->{settings} });

		$run->{file}->print("\\pset null ~\n\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\n$set$script");
		$run->{file}->print("\\echo \@\@ end\n\\warn \@\@ end\n");
		$run->{file}->close;
		$run->{handle} = IPC::Run::start(
			[ 'psql', '-XqAt', '-d', $node->connstr($mode->{database}) . ' user=fuzz_user', '-f', $run->{file}->filename ],
			'<', '/dev/null', '>', \$run->{out}, '2>', \$run->{err});
		push @runs, $run;
	}
	return map { IPC::Run::finish($_->{handle}); output_of($_->{out}, $_->{err}) } @runs;
}

# Outputs by case number, of what psql wrote: { plan, run, effects, errors }.
sub output_of
{
	my ($out, $err) = @_;
	my (%outputs, $n, $part);

	for my $line (split(/\n/, $out))
	{
		if ($line =~ /^\@\@ (?:(\d+) (\w+)|end)$/)
		{
			($n, $part) = ($1, $2);
			$outputs{$n}{$part} = '' if defined $n;
			next;
		}
		$outputs{$n}{$part} .= "$line\n" if defined $n;
	}
	undef $n;
	for my $line (split(/\n/, $err))
	{
		($n) = ($1) and next if $line =~ /^\@\@ (\d+|end)$/;
		next if !defined $n || $n eq 'end' || $line =~ /^LOCATION:/ || $line =~ /current transaction is aborted/;
		$line =~ s/^psql:[^ ]*:\d+: //;
		$outputs{$n}{errors} .= "$line\n";
	}
	$outputs{$_}{errors} //= '' for keys %outputs;
	return \%outputs;
}

# ---- comparing ----

sub errors_of
{
	my ($text) = @_;

	return grep { /ERROR:|FATAL:|PANIC:|caught \w{5} |connection|server closed/ } split(/\n/, $text);
}

sub sorted
{
	my ($text) = @_;

	return join('', map { "$_\n" } sort(split(/\n/, $text)));
}

# What differs between two outputs of a case, as lines; '' when they are the same, undef when they
# differ in a way that is not promised.
sub difference
{
	my ($case, $first, $second) = @_;
	my @differences;

	return "no output: the session has ended\n" unless defined $first->{effects} && defined $second->{effects};
	my @errors = (errors_of($first->{errors}), errors_of($second->{errors}));
	return undef
	  if $case->{faults} > 1 && errors_of($first->{errors}) && errors_of($second->{errors}) && $errors[0] ne $errors[-1];
	for my $part (qw(run effects errors))
	{
		my ($one, $two) = map { $case->{parallel} && $part ne 'errors' ? sorted($_->{$part}) : $_->{$part} } $first, $second;

		push @differences, "in $part:\n" . lines_that_differ($one, $two) if $one ne $two;
	}
	return join('', @differences);
}

# Lines of two texts up to where they meet again, with a line before; enough to see it.
sub lines_that_differ
{
	my ($one, $two) = @_;
	my @one = split(/\n/, $one, -1);
	my @two = split(/\n/, $two, -1);
	my $same = '';

	while (@one && @two && $one[0] eq $two[0])
	{
		$same = '  ' . shift(@one) . "\n";
		shift @two;
	}
	while (@one && @two && $one[-1] eq $two[-1])
	{
		pop @one;
		pop @two;
	}
	splice(@one, 12) if @one > 12;
	splice(@two, 12) if @two > 12;
	return $same . join('', map { "- $_\n" } @one) . join('', map { "+ $_\n" } @two);
}

# A case for a reader, who can paste it into psql on a database of the fuzzer.
sub text_of
{
	my ($case) = @_;

	return join('', map { "$_;\n" } 'BEGIN', @{ $case->{begin} }, @{ $case->{run} }, @{ $case->{effects} }, 'ROLLBACK');
}

# Compare every mode with the first.  Returns counts; each difference is printed.
sub compare_modes
{
	my ($seed, $modes, $outputs, @cases) = @_;
	my %count = (cases => 0, different => 0, unordered_errors => 0, errors => 0, invalid => 0, with_node => 0, off_node => 0);

	for my $case (@cases)
	{
		my @each = map { $_->{ $case->{number} } // {} } @$outputs;

		$count{cases}++;
		$count{errors}++ if errors_of($each[0]{errors} // '');
		if (($each[0]{errors} // '') =~ /^(.*(?:ERROR:|caught)  ?(?:42|0A)\w{3}.*)$/m)
		{
			$count{invalid}++;
			diag("case $case->{number} of seed $seed is not valid: $1\n" . text_of($case)) if $ENV{LLM_FUZZ_VERBOSE};
		}
		$count{with_node}++ if ($each[1]{plan} // '') =~ /LLM Batch/;
		$count{off_node}++ if ($each[0]{plan} // '') =~ /LLM Batch/;
		for my $i (1 .. $#each)
		{
			my $difference = difference($case, $each[0], $each[$i]);

			$count{unordered_errors}++ if !defined $difference;
			next unless $difference;
			$count{different}++;
			diag("LLM_FUZZ_SEED=$seed LLM_FUZZ_CASE=$case->{number}: $modes->[0]{name} (-) and $modes->[$i]{name} (+) differ "
				  . $difference . text_of($case) . ($each[$i]{plan} // '')) if $count{different} <= 20;
		}
	}
	return \%count;
}

1;
