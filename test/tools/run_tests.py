#!/usr/bin/env python3
"""run_tests.py - every rung of the test ladder, with counts per suite (test/README.md).

Usage: run_tests.py [--pg-config PG_CONFIG] [SUITE...]       all suites without arguments
       run_tests.py --versions                               the server suites on every version
       run_tests.py --self-test

The output of each suite goes to .build/test-logs/SUITE.log; of a suite that fails, the end is
printed, and the lines that name what failed are printed once more before the counts, so that a log
of which only the end was kept says it.  The last line is "N passed, N failed, N skipped"; the exit
status is 0 when nothing failed.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".build" / "test-logs"
TIMEOUT_S = 1500

COUNTED = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$")
REGRESS_15 = re.compile(r"^(?:test |     )?(\S+)\s+\.\.\. (ok|FAILED)\b")
REGRESS_16 = re.compile(r"^(ok|not ok) \d+\s+[-+] \S+\s+\d+ ms")
PROVE_TOTAL = re.compile(r"^Files=\d+, Tests=(\d+),")
PROVE_FAILED = re.compile(r"^\s+Failed tests?:\s+(.*)$")
PROVE_BROKEN = re.compile(r"^\s+Parse errors:|^\s+Non-zero (?:exit|wait) status: |Dubious, test returned")
PROVE_SKIPPED = re.compile(r"^\S+ \.+ skipped: (.*)$")
# A failed check of a unit program, of pg_regress or of prove, with what prove says of it; a crash.
FAILURE = re.compile(r"^FAILED |\.\.\. FAILED|^not ok |^[-+](?![-+])|^#\s+(?:Failed test|at |got:|expected:|'|doesn't match)"
                     r"|^# Looks like|ERROR: \w+Sanitizer|runtime error:|Assertion|ran out of time|\*\*\* \[")
MOST_FAILURES = 30


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures = []  # lines of the output

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_numbers(ranges):
    """How many numbers are in "1, 3-5"."""
    total = 0
    for part in re.findall(r"(\d+)(?:-(\d+))?", ranges):
        total += int(part[1] or part[0]) - int(part[0]) + 1
    return total


def parse(output):
    """Counts of one suite's output, whichever of the runners wrote it."""
    counts = Counts()
    prove_failed = prove_broken = 0
    for line in output.splitlines():
        if match := COUNTED.search(line):
            counts.add(Counts(*(int(n or 0) for n in match.groups())))
        elif match := REGRESS_15.match(line):
            counts.add(Counts(1, 0) if match.group(2) == "ok" else Counts(0, 1))
        elif match := REGRESS_16.match(line):
            counts.add(Counts(1, 0) if match.group(1) == "ok" else Counts(0, 1))
        elif match := PROVE_TOTAL.match(line):
            counts.passed += int(match.group(1))
        elif match := PROVE_FAILED.match(line):
            prove_failed += count_numbers(match.group(1))
        elif PROVE_BROKEN.search(line):
            prove_broken += 1
        elif PROVE_SKIPPED.match(line):
            counts.skipped += 1
    counts.passed -= min(prove_failed, counts.passed)
    counts.failed += prove_failed or min(prove_broken, 1)
    return counts


def failures(output):
    """The first lines that name what failed."""
    return [line for line in output.splitlines() if FAILURE.search(line)][:MOST_FAILURES]


def run_suite(name, command):
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    print(f"{name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    with open(log, "wb") as out:
        try:
            status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.STDOUT, timeout=TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            out.write(b"\nthe suite ran out of time\n")
            status = 124
    output = log.read_text(errors="replace")
    counts = parse(output)
    # A suite that breaks off, or that ran nothing, has not passed.
    if (status != 0 and counts.failed == 0) or counts.passed + counts.failed + counts.skipped == 0:
        counts.failed += 1
    for reason in sorted(set(re.findall(r"^(?:skip: |\S+ \.+ skipped: )(.*)$", output, re.M))):
        print(f"    skipped: {reason}")
    if counts.failed:
        print(f"    exit status {status}; the end of {log.relative_to(ROOT)}:")
        for line in output.splitlines()[-60:]:
            print("    | " + line)
        counts.failures = failures(output)
    print(f"{name}: {counts} ({time.monotonic() - start:.0f} s)", flush=True)
    return counts


def fetched(script):
    """Lines of a download script; nothing when the network or the registry is not there."""
    run = subprocess.run([ROOT / "test/tools" / script], stdout=subprocess.PIPE, text=True)
    return run.stdout.split() if run.returncode == 0 else []


def server(config, *suites):
    return ["test/tools/server_tests.sh", config, *suites]


def major(config):
    version = subprocess.run([config, "--version"], stdout=subprocess.PIPE, text=True).stdout
    return re.search(r"\d+", version).group(0)


def suites_of(config, with_versions):
    make = os.environ.get("MAKE", "make")
    home = major(config)
    suites = {
        "tidy": ["python3", "test/tools/tidy.py"],
        "unit": [make, "-s", "-j2", "unit"],
        "unit-asan": [make, "-s", "-j2", "VARIANT=asan", "unit"],
        "kernels": [make, "-s", "-j2", "check-kernels"],
        "fuzz": [make, "-s", "-j2", "fuzz-smoke"],
        f"regress-{home}": server(config, "regress"),
        f"isolation-{home}": server(config, "isolation"),
        f"pgtap-{home}": server(config, "pgtap"),
        f"tap-{home}": server(config, "tap"),
    }
    for other in fetched("fetch_servers.sh") if with_versions else []:
        suites[f"regress-{major(other)}"] = server(other, "regress")
    return suites


def suites_of_versions(config):
    suites = {}
    for each in [config, *fetched("fetch_servers.sh")]:
        for suite in ("regress", "isolation", "pgtap", "tap"):
            suites[f"{suite}-{major(each)}"] = server(each, suite)
    return suites


def self_test():
    cases = {
        "unit a: 3 passed, 0 failed, 1 skipped\nunit b: 2 passed, 1 failed, 0 skipped": (5, 1, 1),
        "test options    ... ok    12 ms\ntest models     ... FAILED   3 ms": (1, 1, 0),
        "ok 1         - options      12 ms\nnot ok 2     - models   3 ms": (1, 1, 0),
        "a.pl .. ok\nAll tests successful.\nFiles=2, Tests=10,  1 wallclock secs": (10, 0, 0),
        "a.pl (Wstat: 256 Tests: 5 Failed: 2)\n  Failed tests:  2, 4\n  Non-zero exit status: 2\n"
        "Files=1, Tests=5,  0 wallclock secs": (3, 2, 0),
        "a.pl .. Dubious, test returned 29 (wstat 7424)\nFiles=1, Tests=0,  0 wallclock": (0, 1, 0),
    }
    for text, want in cases.items():
        got = parse(text)
        assert (got.passed, got.failed, got.skipped) == want, f"{text!r}: {got}"
    assert failures("ok\n#   Failed test 'a'\n#   at a.pl line 5.\n# note\nFAILED a.c:3: x == 1") == [
        "#   Failed test 'a'", "#   at a.pl line 5.", "FAILED a.c:3: x == 1"]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--pg-config", default="pg_config")
    options.add_argument("--versions", action="store_true")
    options.add_argument("--self-test", action="store_true")
    options.add_argument("suites", nargs="*")
    args = options.parse_args()
    self_test()
    if args.self_test:
        return 0
    model = os.environ.get("LLM_TEST_MODEL") or next(iter(fetched("fetch_model.sh")), "")
    os.environ["LLM_TEST_MODEL"] = model
    if args.versions:
        suites = suites_of_versions(args.pg_config)
    else:
        suites = suites_of(args.pg_config, with_versions=not args.suites)
    total, lines, failed = Counts(), [], []
    for name, command in suites.items():
        if not args.suites or name in args.suites or name.split("-")[0] in args.suites:
            counts = run_suite(name, command)
            total.add(counts)
            lines.append(f"  {name:<12} {counts}")
            failed += [f"  {name}: {line}" for line in counts.failures]
    print("\n".join(["", *failed, *lines]))
    print(total)
    return 1 if total.failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
