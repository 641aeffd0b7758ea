#!/usr/bin/env python3
"""token_cases.py - the texts and token ids of a golden.json, as lines for test_token_vectors.c.

Usage: token_cases.py IN/golden.json OUT.tokens

A line is "NAME SPECIAL RUNS HEX IDS": SPECIAL is 1 when BOS is to be added; RUNS tells which bytes
the template wrote (t) and which are data (d), as in "t12d7t30"; HEX is the text, "-" when empty; IDS
are separated by commas.
"""

import json
import sys


def line(name, special, runs, ids):
    """runs: pairs of text and whether it is trusted."""
    data = [(text.encode(), trusted) for text, trusted in runs]
    shape = "".join(("t" if trusted else "d") + str(len(text)) for text, trusted in data if text)
    hexed = b"".join(text for text, _ in data).hex()
    return " ".join([name, str(special), shape or "-", hexed or "-", ",".join(map(str, ids))])


def chat_runs(rendered, user):
    """The template wrote all but what the user said."""
    before, _, after = rendered.rpartition(user)
    return [(before, True), (user, False), (after, True)]


def smollm2_lines(golden):
    for i, entry in enumerate(golden["chat"]):
        runs = chat_runs(entry["rendered"], entry["user"])
        yield line(f"chat-{i}", 0, runs, entry["prompt_ids"])
    for i, entry in enumerate(golden["raw"]):
        yield line(f"raw-{i}", 0, [(entry["prompt"], False)], entry["prompt_ids"])


def stories_lines(golden):
    for i, entry in enumerate(golden["tokenize"]):
        yield line(f"text-{i}", 1, [(entry["text"], False)], entry["ids"])
    yield line("nll", 1, [(golden["nll"]["text"], False)], golden["nll"]["ids"])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        golden = json.load(file)
    lines = smollm2_lines(golden) if "chat" in golden else stories_lines(golden)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.writelines(text + "\n" for text in lines)


if __name__ == "__main__":
    main()
