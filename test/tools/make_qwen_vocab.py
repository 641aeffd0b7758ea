#!/usr/bin/env python3
"""make_qwen_vocab.py - a vocabulary-only GGUF of Qwen2's tokenizer from its tiktoken ranks.

Usage: make_qwen_vocab.py qwen.tiktoken OUT.gguf

A line of the input is "base64(token bytes) rank".  The file has no merges, but they follow from the
ranks: the last merge that made a token of rank r joined the two parts that byte-pair encoding with
the ranks below r leaves of it.
"""

import base64
import sys

from gguf_writer import I32, STRING, U32, GgufWriter

NORMAL, CONTROL = 1, 3

# Not in the ranks; their ids follow the last rank.
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_alphabet():
    """The character that stands for each byte (GPT-2's encoder.py gives the rule)."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    table = {byte: chr(byte) for byte in visible}
    table.update({byte: chr(256 + i) for i, byte in enumerate(hidden)})
    return table


def read_ranks(path):
    ranks = {}
    with open(path, "rb") as file:
        for line in file:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
    return ranks


def split_token(token, ranks):
    """The parts that are left of token when only merges of a lower rank than its own are done."""
    parts = [token[i:i + 1] for i in range(len(token))]
    limit = ranks[token]
    while len(parts) > 2:
        best, at = limit, -1
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1], limit)
            if rank < best:
                best, at = rank, i
        if at < 0:
            break
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    return parts


def main():
    ranks = read_ranks(sys.argv[1])
    alphabet = byte_alphabet()
    tokens = sorted(ranks, key=ranks.get)

    def name(token):
        return "".join(alphabet[byte] for byte in token)

    merges = []
    for token in tokens:
        if len(token) == 1:
            continue
        parts = split_token(token, ranks)
        if len(parts) != 2:
            raise ValueError(f"token of rank {ranks[token]} comes from {len(parts)} parts")
        merges.append(name(parts[0]) + " " + name(parts[1]))

    out = GgufWriter()
    out.put("general.architecture", STRING, "qwen2")
    out.put("tokenizer.ggml.model", STRING, "gpt2")
    out.put("tokenizer.ggml.pre", STRING, "qwen2")
    out.put_array("tokenizer.ggml.tokens", STRING, [name(token) for token in tokens] + SPECIAL)
    out.put_array(
        "tokenizer.ggml.token_type", I32, [NORMAL] * len(tokens) + [CONTROL] * len(SPECIAL)
    )
    out.put_array("tokenizer.ggml.merges", STRING, merges)
    out.put("tokenizer.ggml.eos_token_id", U32, len(tokens) + SPECIAL.index("<|im_end|>"))
    out.save(sys.argv[2])


if __name__ == "__main__":
    main()
