#!/usr/bin/env python3
"""compare_scan.py - what the batching scan costs and gains, on the fake engine.

Usage (make bench-scan):
    with_server.sh PG_CONFIG "postgres_llm.engine_device = 'fake'" ... -- compare_scan.py [--rounds 5]

256 rows of 10 steps of 5 ms on 64 slots: four waves, so 200 ms is the floor.  With an engine that
answers at once, what is left is the cost of a row.  pgbench -S shows what queries without our functions
pay for the planner's hook; the two ways take turns, round by round.
"""
import argparse
import statistics
import subprocess

from psql_session import Session

FLOOR = 4 * 10 * 0.005
MANY = 200000


def restart(session, **settings):
    for name, value in settings.items():
        session.run(f"ALTER SYSTEM SET {name} = {value}")
    session.run("SELECT pg_reload_conf()")
    session.run("SELECT pg_sleep(0.2)")
    session.run("SELECT llm.restart_engine()")
    session.run("SELECT llm.generate('ready')")


def show(name, values, unit, note=""):
    print(f"| {name} | {statistics.median(values):.1f} ({min(values):.1f}..{max(values):.1f}) {unit} | {note} |",
          flush=True)


def waves(session, off, rounds):
    session.run("CREATE TABLE docs AS SELECT i AS id, 'text ' || i AS body, NULL::text AS answer "
                "FROM generate_series(1, 256) i")
    session.run("ANALYZE docs")
    select = "SELECT count(answer) FROM (SELECT llm.generate(body) AS answer FROM docs OFFSET 0) q"
    update = "UPDATE docs SET answer = llm.generate(body)"
    times = {}
    for _ in range(rounds):
        times.setdefault("256 rows, one SELECT", []).append(session.seconds(select) * 1000)
        times.setdefault("256 rows, one UPDATE", []).append(session.seconds(update) * 1000)
    for name, values in times.items():
        show(name, values, "ms", f"{statistics.median(values) / 1000 / FLOOR:.2f} x the floor")
    one = off.seconds(select) * 1000
    show("256 rows, one SELECT, row by row", [one], "ms", f"{one / 1000 / FLOOR:.1f} x the floor")


def overhead(session, off, rounds):
    restart(session, **{"postgres_llm.fake_step_us": 0, "postgres_llm.fake_steps": 1})
    rows = f"FROM generate_series(1, {MANY}) i"
    distinct, plain, single = [], [], []
    for _ in range(rounds):
        same = session.seconds(f"SELECT count(llm.generate('x')) {rows}")
        each = session.seconds(f"SELECT count(llm.generate('x' || i)) {rows}")
        base = session.seconds(f"SELECT count('x' || i) {rows}")
        alone = off.seconds("SELECT count(llm.generate('x' || i)) FROM generate_series(1, 5000) i")
        plain.append((same - base) / MANY * 1e6)
        distinct.append((each - base) / MANY * 1e6)
        single.append(alone / 5000 * 1e6)
    show("a row whose request is shared, instant engine", plain, "us", "the node alone")
    show("a row with its own request, instant engine", distinct, "us", "node, transport and fake engine")
    show("a row on its own, instant engine", single, "us", "batch_scan = off")


def pgbench(*options):
    out = subprocess.run(["pgbench", "-n", *options], check=True, capture_output=True, text=True).stdout
    return float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])


def planning(rounds, seconds):
    subprocess.run(["pgbench", "-i", "-q", "-s", "1"], check=True, capture_output=True)
    tps = {"on": [], "off": []}
    for i in range(rounds):
        for way, values in sorted(tps.items(), reverse=i % 2 == 0):
            subprocess.run(["psql", "-X", "-q", "-c", f"ALTER DATABASE postgres SET postgres_llm.batch_scan = {way}"],
                           check=True)
            values.append(pgbench("-S", "-c", "1", "-T", str(seconds)))
    ratio = statistics.median(a / b for a, b in zip(tps["on"], tps["off"]))
    for way, values in tps.items():
        show(f"pgbench -S, batch_scan = {way}", values, "tps", f"ratio {ratio:.3f}" if way == "on" else "")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=5, help="of one run of pgbench")
    args = options.parse_args()
    Session().run("CREATE EXTENSION postgres_llm")
    session, off = Session(), Session(**{"postgres_llm.batch_scan": "off"})
    print(f"| {args.rounds} rounds | median (range) | |\n|---|---|---|")
    waves(session, off, args.rounds)
    overhead(session, off, args.rounds)
    planning(args.rounds, args.seconds)


if __name__ == "__main__":
    main()
