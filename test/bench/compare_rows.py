#!/usr/bin/env python3
"""compare_rows.py - rows per second of a real model: one UPDATE beside other ways, and llama-server.

Usage (make bench-rows MODEL=... [LLAMA_BIN=...]):
    with_server.sh PG_CONFIG "postgres_llm.engine_threads = 2" -- compare_rows.py MODEL banking77/train.csv
        [--rows 1000] [--alone 100] [--instruction 0] [--tokens 24] [--rounds 1]
        [--llama DIRECTORY] [--llama-rows 1000]

Every way answers the same rows, greedy and with the same limit of tokens:

    update      one UPDATE, as anybody would write it
    sessions    32 sessions of one row each at a time, by pgbench
    alone       row by row in one session (batch_scan = off), on the first --alone rows
    llama       llama-server with 32 slots and 32 clients, when its directory is given, on the first
                --llama-rows rows

--instruction N puts a text of N tokens before every row.  For each way of ours, the last column but one says
how much of the engine's busy time is spent outside the forward pass, and the last how much of all time
(llm.stat_engine); the aim is below 5 % of the former.  The ways take turns within a round; the
engine and llama-server never run at the same time.
"""
import argparse
import concurrent.futures
import csv
import json
import statistics
import subprocess
import tempfile
import time
import urllib.request

from psql_session import Session

QUESTION = "What does this customer want? Answer in a few words."
CLIENTS, PORT = 32, 18081
LONG = ("You read messages that customers send to a bank and say what each of them wants. Be short and exact. "
        "Look at the verb first, then at the thing it is about: a card, a transfer, a top-up, an account. "
        "Do not repeat the message, do not apologise, do not explain your answer, do not ask back. ")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Bench:
    def __init__(self, args):
        self.args = args
        with open(args.data, newline="", encoding="utf-8") as file:
            texts = [row["text"].strip() for row in csv.DictReader(file)]
        self.texts = texts[:args.rows]
        self.session = Session()
        self.session.run("CREATE EXTENSION postgres_llm")
        self.session.run("CREATE TABLE messages (id int PRIMARY KEY, body text, answer text)")
        for start in range(0, len(self.texts), 500):
            values = ", ".join(f"({start + i}, {quoted(text)})"
                               for i, text in enumerate(self.texts[start:start + 500]))
            self.session.run(f"INSERT INTO messages VALUES {values}")
        self.session.run("VACUUM ANALYZE messages")
        self.session.run("SELECT llm.load_model('smollm2')")
        self.instruction = self.make_instruction(args.instruction)
        self.call = (f"llm.generate({quoted(self.instruction)} || body || chr(10) || {quoted(QUESTION)}, "
                     f"temperature => 0, max_tokens => {args.tokens})")

    def make_instruction(self, n_tokens):
        if n_tokens == 0:
            return ""
        count = int(self.session.run(f"SELECT llm.count_tokens({quoted(LONG)})")[0])
        words = (LONG * (n_tokens // count + 2)).split(" ")
        low, high = 0, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            text = quoted(" ".join(words[:middle]) + "\n")
            if int(self.session.run(f"SELECT llm.count_tokens({text})")[0]) <= n_tokens:
                low = middle
            else:
                high = middle - 1
        return " ".join(words[:low]) + "\n"

    def forget(self):
        """Every way begins without answers and, where there is one, with an empty prefix cache."""
        self.session.run("UPDATE messages SET answer = NULL")
        self.session.run("VACUUM messages")
        self.session.run("SELECT llm.unload_model('smollm2')")
        self.session.run("SELECT llm.load_model('smollm2')")

    def outside_forward(self, seconds):
        """Shares of the engine's busy time and of all time; the engine tells its counts ten times a second."""
        time.sleep(0.5)
        busy, forward = self.session.run(
            "SELECT busy_ms || ' ' || forward_ms FROM llm.stat_engine WHERE model = 'smollm2'")[0].split()
        return 1 - float(forward) / float(busy), 1 - float(forward) / 1000 / seconds

    def update(self):
        self.forget()
        return len(self.texts), self.session.seconds(f"UPDATE messages SET answer = {self.call}")

    def alone(self):
        self.forget()
        n_rows = min(self.args.alone, len(self.texts))
        session = Session(**{"postgres_llm.batch_scan": "off"})
        seconds = session.seconds(f"UPDATE messages SET answer = {self.call} WHERE id < {n_rows}")
        session.close()
        return n_rows, seconds

    def sessions(self):
        self.forget()
        self.session.run("DROP SEQUENCE IF EXISTS next_row")
        self.session.run("CREATE SEQUENCE next_row MINVALUE 0 START 0")
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write("SELECT nextval('next_row') AS row \\gset\n"
                         f"UPDATE messages SET answer = {self.call} WHERE id = :row;\n")
            script.flush()
            per_client = (len(self.texts) + CLIENTS - 1) // CLIENTS
            begin = time.monotonic()
            subprocess.run(["pgbench", "-n", "-c", str(CLIENTS), "-j", "1", "-t", str(per_client), "-f",
                            script.name], check=True, capture_output=True)
        return len(self.texts), time.monotonic() - begin

    def ask_llama(self, text):
        body = {"messages": [{"role": "user", "content": f"{self.instruction}{text}\n{QUESTION}"}],
                "temperature": 0, "max_tokens": self.args.tokens, "cache_prompt": True}
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/v1/chat/completions",
                                         json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=3600) as reply:
            return json.load(reply)["choices"][0]["message"]["content"]

    def llama(self):
        self.session.run("SELECT llm.unload_model('smollm2')")
        context = CLIENTS * (512 + self.args.instruction + self.args.tokens)
        server = subprocess.Popen([f"{self.args.llama}/llama-server", "-m", self.args.llama_model or self.args.model,
                                   "-t", "2", "-tb", "2", "-np", str(CLIENTS), "-c", str(context), "--port", str(PORT),
                                   "--no-webui"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(300):
                time.sleep(0.2)
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5) as reply:
                        if reply.status == 200:
                            break
                except OSError:
                    pass
            begin = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                answers = list(pool.map(self.ask_llama, self.texts[:self.args.llama_rows]))
            seconds = time.monotonic() - begin
        finally:
            server.terminate()
            server.wait()
        if not all(answers):
            print(f"llama-server left {sum(not a for a in answers)} rows without an answer")
        return len(answers), seconds


def main():
    options = argparse.ArgumentParser()
    options.add_argument("model")
    options.add_argument("data")
    options.add_argument("--rows", type=int, default=1000)
    options.add_argument("--alone", type=int, default=100)
    options.add_argument("--instruction", type=int, default=0)
    options.add_argument("--tokens", type=int, default=24)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--ways", default="update,sessions,alone,llama")
    options.add_argument("--llama", help="directory of llama-server")
    options.add_argument("--llama-rows", type=int, default=1000)
    options.add_argument("--llama-model", help="another file for it, such as one re-quantised to Q4_0")
    args = options.parse_args()
    bench = Bench(args)
    ways = [way for way in args.ways.split(",") if way != "llama" or args.llama]
    rates = {way: [] for way in ways}
    outside = {way: [] for way in ways}
    for _ in range(args.rounds):
        for way in ways:
            n_rows, seconds = getattr(bench, way)()
            rates[way].append(n_rows / seconds)
            if way != "llama":
                outside[way].append(bench.outside_forward(seconds))
            print(f"  {way}: {n_rows} rows in {seconds:.1f} s, {n_rows / seconds:.2f} rows/s", flush=True)
    print(f"| {args.rows} rows, instruction of {args.instruction} tokens, at most {args.tokens} new tokens, "
          f"median of {args.rounds} | rows/s | s for {args.rows} rows | ratio to {ways[0]} | outside forward, of busy | "
          "of all |\n|---|---|---|---|---|---|")
    for way in ways:
        rate = statistics.median(rates[way])
        ratio = statistics.median(a / b for a, b in zip(rates[way], rates[ways[0]]))
        shares = [f"{statistics.median(share[i] for share in outside[way]):.1%}" if outside[way] else ""
                  for i in range(2)]
        print(f"| {way} | {rate:.2f} | {args.rows / rate:.1f} | {ratio:.2f} | {shares[0]} | {shares[1]} |")


if __name__ == "__main__":
    main()
