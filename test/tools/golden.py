#!/usr/bin/env python3
"""golden.py - turns a golden.json of the test data into lines for test/unit/golden.h.

Usage: golden.py IN.json OUT.txt

Each record begins with "record NAME" and has one line "FIELD COUNT NUMBER..." per list of numbers.
"""

import json
import sys


def write_record(out, name, **fields):
    out.write(f"record {name}\n")
    for field, numbers in fields.items():
        words = [field, str(len(numbers))] + [repr(number) for number in numbers]
        out.write(" ".join(words) + "\n")


def write_stories(out, golden):
    """Prompt and continuation are one list there; every continuation is greedy."""
    greedy = golden["greedy_from_bos"]["ids"]
    write_record(out, "greedy-bos", prompt=greedy[:1], greedy=greedy[1:])
    write_record(out, "logits", prompt=greedy[:1], logits=golden["logits_after_bos"])
    for i, entry in enumerate(golden["greedy_prompts"]):
        n_prompt = len(entry["prompt_ids"])
        write_record(out, f"greedy-{i}", prompt=entry["prompt_ids"], greedy=entry["ids"][n_prompt:])
    nll = golden["nll"]
    write_record(
        out,
        "text-0",
        ids=nll["ids"],
        logprobs=nll["token_logprobs"],
        perplexity=[nll["perplexity"]],
    )


def write_smollm2(out, golden):
    for kind in ("chat", "raw"):
        for i, entry in enumerate(golden[kind]):
            write_record(
                out,
                f"greedy-{kind}-{i}",
                prompt=entry["prompt_ids"],
                greedy=entry["greedy_ids"],
                margins=entry["margins"],
                top_ids=[pair[0] for pair in entry["first_top10"]],
                top_logprobs=[pair[1] for pair in entry["first_top10"]],
            )
    for i, text in enumerate(golden["text"]):
        write_record(
            out,
            f"text-{i}",
            ids=text["ids"],
            logprobs=text["logprobs"],
            perplexity=[text["perplexity"]],
        )


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        golden = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        (write_smollm2 if "chat" in golden else write_stories)(out, golden)


if __name__ == "__main__":
    main()
