#!/usr/bin/env python3
"""compare_fairness.py - a single call's latency alone and beside four bulk statements, in SQL.

Usage (make bench-latency MODEL=...):
    with_server.sh PG_CONFIG "postgres_llm.engine_threads = 2" -- compare_fairness.py MODEL
        [--calls 100] [--pause 0] [--sessions 4] [--rows 4000] [--tokens 24]

One session makes one call after the other, each with a prompt of its own: first alone, then while each of
the other sessions runs one UPDATE that fills its table. The UPDATEs are cancelled when the calls are done.
MODEL "fake" measures a server whose engine_device is fake. Exits with 1 when the median is 2 x the one
alone or more.
"""
import argparse
import statistics
import sys
import threading
import time

from psql_session import Session


class Bench:
    def __init__(self, args):
        self.args = args
        self.caller = Session()
        self.caller.run("CREATE EXTENSION postgres_llm")
        self.caller.run("SELECT llm.load_model('smollm2')" if args.model != "fake" else "SELECT 1")
        for i in range(args.sessions):
            self.caller.run(f"CREATE TABLE bulk_{i} AS SELECT id, 'I am still waiting for card number ' || id || "
                            f"' of account {i}, when will it arrive?' AS body, NULL::text AS answer "
                            f"FROM generate_series(1, {args.rows}) id")
        self.n_calls = 0

    def calls(self, name):
        seconds = []
        for _ in range(self.args.calls):
            self.n_calls += 1
            seconds.append(self.caller.seconds(
                f"SELECT llm.generate('Name a city of country number {self.n_calls}, in one sentence.', "
                f"max_tokens => {self.args.tokens})"))
            time.sleep(self.args.pause / 1000)
        seconds.sort()
        median = statistics.median(seconds)
        print(f"{name:12} p50 {median * 1000:7.1f} ms, p90 {seconds[len(seconds) * 9 // 10] * 1000:7.1f} ms, "
              f"p99 {seconds[len(seconds) * 99 // 100] * 1000:7.1f} ms of {len(seconds)} calls", flush=True)
        return median

    def update(self, i):
        session = Session()
        try:
            session.run(f"UPDATE bulk_{i} SET answer = llm.generate(body || ' What does this customer want?', "
                        f"max_tokens => {self.args.tokens})")
        except RuntimeError as error:
            if "canceling statement" not in str(error):
                raise
        finally:
            session.close()

    def beside_bulk(self):
        threads = [threading.Thread(target=self.update, args=(i,)) for i in range(self.args.sessions)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        median = self.calls("beside bulk")
        running = self.caller.run("SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                                  "WHERE query LIKE 'UPDATE bulk%' AND state = 'active' OFFSET 0) c")
        for thread in threads:
            thread.join()
        if running != [str(self.args.sessions)]:
            sys.exit(f"only {running[0]} of {self.args.sessions} UPDATEs were still running: give them more --rows")
        return median


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0, help="milliseconds between calls")
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--tokens", type=int, default=24)
    bench = Bench(parser.parse_args())
    bench.calls("warm up")
    alone = bench.calls("alone")
    beside = bench.beside_bulk()
    print(f"beside bulk / alone: {beside / alone:.2f}")
    return 0 if beside < 2 * alone else 1


if __name__ == "__main__":
    sys.exit(main())
