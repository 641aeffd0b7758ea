#!/usr/bin/env python3
"""compare_llama.py - prefill and decode beside llama.cpp: one model, the same threads, interleaved rounds.

Usage: compare_llama.py BENCH_ENGINE LLAMA_BIN MODEL [--threads 2] [--rounds 3]

BENCH_ENGINE is our bench_engine, LLAMA_BIN the directory of llama-bench and llama-batched-bench.
Each round runs every shape once with each of the two; the table shows medians and the median of
the rounds' ratios.  Run it on a machine that does nothing else.
"""
import argparse
import json
import statistics
import subprocess

PROMPT, GENERATED, BATCHES = 128, 64, (1, 8, 32)


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def ours(args, prompt):
    """{batch: (prefill, decode)} in tokens/s."""
    table = run(args.bench_engine, args.model, prompt, GENERATED, args.threads)
    rows = [line.split() for line in table.splitlines()]
    return {int(row[0]): (float(row[1]), float(row[2])) for row in rows
            if len(row) > 4 and row[0].isdigit()}


def llama_batched(args):
    lines = json_lines(run(args.llama_bin + "/llama-batched-bench", "-m", args.model, "-t", args.threads,
                           "-tb", args.threads, "-c", 32 * (PROMPT + GENERATED), "-npp", PROMPT, "-ntg",
                           GENERATED, "-npl", ",".join(map(str, BATCHES)), "--output-format", "jsonl"))
    return {line["pl"]: (line["speed_pp"], line["speed_tg"]) for line in lines}


def llama_single(args, *shape):
    lines = json_lines(run(args.llama_bin + "/llama-bench", "-m", args.model, "-t", args.threads, "-r", 1,
                           "-o", "jsonl", *shape))
    return lines[0]["avg_ts"]


def round_of(args):
    """{shape: (ours, llama.cpp)} of one round."""
    batched, deep = ours(args, PROMPT), ours(args, 512)
    peer = llama_batched(args)
    result = {
        "prefill, 512 tokens": (deep[1][0], llama_single(args, "-p", 512, "-n", 0)),
        "decode after 512 tokens, 1 sequence": (deep[1][1],
                                                llama_single(args, "-p", 0, "-n", GENERATED, "-d", 512)),
    }
    for batch in BATCHES:
        name = f"after {PROMPT} tokens, {batch} sequence{'s' if batch > 1 else ''}"
        result["decode " + name] = (batched[batch][1], peer[batch][1])
    return result


def main():
    options = argparse.ArgumentParser()
    options.add_argument("bench_engine")
    options.add_argument("llama_bin")
    options.add_argument("model")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    args = options.parse_args()
    rounds = [round_of(args) for _ in range(args.rounds)]
    print(f"| tokens/s, median of {args.rounds} | postgres_llm | llama.cpp | ratio |")
    print("|---|---|---|---|")
    for shape in rounds[0]:
        mine, peer = ([r[shape][i] for r in rounds] for i in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(mine, peer))
        print(f"| {shape} | {statistics.median(mine):.0f} ({min(mine):.0f}..{max(mine):.0f}) | "
              f"{statistics.median(peer):.0f} ({min(peer):.0f}..{max(peer):.0f}) | {ratio:.2f} |")


if __name__ == "__main__":
    main()
