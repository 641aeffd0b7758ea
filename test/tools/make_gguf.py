#!/usr/bin/env python3
"""make_gguf.py - writes a small model of the llama family with random weights, for tests.

Usage: make_gguf.py OUT.gguf [options, see --help]

The same options give the same file, byte for byte. What such a model says is noise, but it goes
through everything a real one does: tokenizer, chat template, all tensors. Without --tied the output
rows of tokens that are not printable are zero, so greedy text is printable ASCII.

Models of real sizes, for measurements: --vocabulary-of takes tokenizer and chat template from another file, and
--pool makes all weights from a pool of random blocks, so that a billion of them take seconds.
"""

import argparse
import random
import struct

from gguf_keys import read_keys
from gguf_writer import BOOL, F32, I32, STRING, TENSOR_TYPES, U32, GgufWriter

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Merges, in order of rank. "_" is a leading space.
MERGES = (
    ("_", "t"), ("h", "e"), ("_", "a"), ("_t", "he"), ("i", "n"), ("_", "s"), ("e", "r"),
    ("o", "n"), ("_", "w"), ("a", "n"), ("_a", "n"), ("_an", "d"), ("r", "e"), ("_", "o"),
    ("o", "r"), ("_o", "f"), ("in", "g"), ("_t", "o"), ("_", "i"), ("e", "s"), ("_i", "s"),
    ("a", "t"), ("l", "l"), ("_", "b"), ("_", "c"), ("_", "h"), ("_h", "e"), ("o", "u"),
    ("_", "p"), ("_", "m"), ("_i", "n"), ("e", "n"),
)  # fmt: skip

# Standard deviation of a block's integers when their bits are random.
DEVIATION = {"q8_0": 73.9, "q4_0": 4.6, "q4_1": 4.6}


# ---- vocabularies: [(name, type, printable)], and what else the tokenizer needs ----


def spm_vocabulary(out):
    """SentencePiece: byte tokens for what no piece covers; a merge's score is its rank."""
    tokens = [("<unk>", UNKNOWN, False), ("<s>", CONTROL, False), ("</s>", CONTROL, True)]
    tokens += [(f"<0x{byte:02X}>", BYTE, False) for byte in range(256)]
    tokens += [("<|im_start|>", CONTROL, False), ("<|im_end|>", CONTROL, True)]
    scores = [0.0] * len(tokens)
    pieces = [left + right for left, right in MERGES]
    pieces += ["_"] + [chr(code) for code in range(33, 127) if chr(code) != "_"]
    for rank, piece in enumerate(pieces):
        tokens.append((piece.replace("_", "\u2581"), NORMAL, True))
        scores.append(-float(rank))
    out.put("tokenizer.ggml.model", STRING, "llama")
    out.put_array("tokenizer.ggml.scores", F32, scores)
    out.put("tokenizer.ggml.unknown_token_id", U32, 0)
    out.put("tokenizer.ggml.bos_token_id", U32, 1)
    out.put("tokenizer.ggml.eos_token_id", U32, 2)
    out.put("tokenizer.ggml.add_bos_token", BOOL, True)
    out.put("tokenizer.ggml.add_eos_token", BOOL, False)
    out.put("tokenizer.ggml.add_space_prefix", BOOL, True)
    return tokens


def byte_names():
    """How byte-level BPE writes each byte: itself when it can be seen, else from U+0100 on."""
    names, n_hidden = [], 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte:
            names.append(chr(byte))
        else:
            names.append(chr(256 + n_hidden))
            n_hidden += 1
    return names


def bpe_vocabulary(out):
    names = byte_names()
    space = names[32]
    tokens = [("<|endoftext|>", CONTROL, False), ("<|im_start|>", CONTROL, False)]
    tokens += [("<|im_end|>", CONTROL, True)]
    tokens += [(name, NORMAL, 32 <= byte < 127) for byte, name in enumerate(names)]
    merges = [(left.replace("_", space), right) for left, right in MERGES]
    tokens += [(left + right, NORMAL, True) for left, right in merges]
    out.put("tokenizer.ggml.model", STRING, "gpt2")
    out.put("tokenizer.ggml.pre", STRING, "smollm")
    out.put_array("tokenizer.ggml.merges", STRING, [f"{left} {right}" for left, right in merges])
    out.put("tokenizer.ggml.bos_token_id", U32, 1)
    out.put("tokenizer.ggml.eos_token_id", U32, 2)
    out.put("tokenizer.ggml.add_bos_token", BOOL, False)
    return tokens


def copy_vocabulary(out, path):
    """Tokenizer and chat template as they are in another file."""
    keys = {name: key for name, key in read_keys(path).items() if name.startswith("tokenizer.")}
    out.keys += [entry for entry, _ in keys.values()]
    return [True] * keys["tokenizer.ggml.tokens"][1]


def put_vocabulary(out, kind, n_tokens):
    """Returns which tokens are printable."""
    tokens = (spm_vocabulary if kind == "spm" else bpe_vocabulary)(out)
    if n_tokens > len(tokens):
        if kind == "spm":
            raise SystemExit("make_gguf.py: an spm vocabulary cannot be padded")
        tokens += [(f"[PAD{i}]", CONTROL, False) for i in range(len(tokens), n_tokens)]
    out.put_array("tokenizer.ggml.tokens", STRING, [token[0] for token in tokens])
    out.put_array("tokenizer.ggml.token_type", I32, [token[1] for token in tokens])
    return [token[2] for token in tokens]


# ---- weights ----


def half(value):
    return struct.pack("<e", value)


def random_row(type_name, n_cols, size, rng):
    """One row of weights with about this standard deviation."""
    if type_name == "f32":
        return struct.pack(f"<{n_cols}f", *(rng.gauss(0, size) for _ in range(n_cols)))
    if type_name == "f16":
        return b"".join(half(rng.gauss(0, size)) for _ in range(n_cols))
    if type_name == "bf16":
        return b"".join(struct.pack("<f", rng.gauss(0, size))[2:] for _ in range(n_cols))
    row = bytearray()
    for _ in range(n_cols // 32):
        scale = size / DEVIATION[type_name] * rng.uniform(0.7, 1.3)
        row += half(scale)
        if type_name == "q4_1":
            row += half(-7.5 * scale)
        row += rng.randbytes(32 if type_name == "q8_0" else 16)
    return bytes(row)


# Blocks of a pool: a prime, so that rows begin at ever other places of it.
POOL_BLOCKS = 65521


class Weights:
    def __init__(self, out, type_name, rng, has_pool):
        self.out, self.type_name, self.rng = out, type_name, rng
        self.pools = {} if has_pool else None  # by size of the weights

    def rows(self, n_cols, n_rows, size):
        if self.pools is None:
            return [random_row(self.type_name, n_cols, size, self.rng) for _ in range(n_rows)]
        _, block_elems, block_bytes = TENSOR_TYPES[self.type_name]
        if size not in self.pools:
            pool = random_row(self.type_name, POOL_BLOCKS * block_elems, size, self.rng)
            self.pools[size] = pool + pool  # a row may run over the end
        pool, row_blocks = self.pools[size], n_cols // block_elems
        first = self.rng.randrange(POOL_BLOCKS)
        starts = [(first + row * row_blocks) % POOL_BLOCKS for row in range(n_rows)]
        return [pool[start * block_bytes : (start + row_blocks) * block_bytes] for start in starts]

    def matrix(self, name, n_cols, n_rows, size, is_kept=None):
        """Rows for which is_kept says no are zero."""
        _, block_elems, block_bytes = TENSOR_TYPES[self.type_name]
        zero_row = bytes(n_cols // block_elems * block_bytes)
        rows = self.rows(n_cols, n_rows, size)
        if is_kept is not None:
            rows = [row if kept else zero_row for row, kept in zip(rows, is_kept)]
        self.out.add_tensor(name, (n_cols, n_rows), self.type_name, b"".join(rows))

    def vector(self, name, n, center, spread):
        values = [center + self.rng.gauss(0, spread) for _ in range(n)]
        self.out.add_tensor(name, (n,), "f32", struct.pack(f"<{n}f", *values))


def put_weights(out, args, printable, rng):
    weights = Weights(out, args.type, rng, args.pool)
    q_dim, kv_dim = args.heads * args.head_dim, args.kv_heads * args.head_dim
    n_tokens = len(printable)
    weights.matrix("token_embd.weight", args.dim, n_tokens, 1.0)
    for layer in range(args.layers):
        prefix = f"blk.{layer}."
        weights.vector(prefix + "attn_norm.weight", args.dim, 1.0, 0.1)
        weights.vector(prefix + "ffn_norm.weight", args.dim, 1.0, 0.1)
        for name, n_cols, n_rows in (
            ("attn_q", args.dim, q_dim),
            ("attn_k", args.dim, kv_dim),
            ("attn_v", args.dim, kv_dim),
            ("attn_output", q_dim, args.dim),
            ("ffn_gate", args.dim, args.ffn),
            ("ffn_up", args.dim, args.ffn),
            ("ffn_down", args.ffn, args.dim),
        ):
            weights.matrix(f"{prefix}{name}.weight", n_cols, n_rows, 1.5 / n_cols**0.5)
            if args.biases:
                weights.vector(f"{prefix}{name}.bias", n_rows, 0.0, 0.2)
    weights.vector("output_norm.weight", args.dim, 1.0, 0.1)
    if not args.tied:
        weights.matrix("output.weight", args.dim, n_tokens, 3.0 / args.dim**0.5, printable)
    if args.rope_factors:
        n_pairs = (args.rope_dims or args.head_dim) // 2
        factors = [1.0 + 7.0 * i / max(1, n_pairs - 1) for i in range(n_pairs)]
        data = struct.pack(f"<{n_pairs}f", *factors)
        out.add_tensor("rope_freqs.weight", (n_pairs,), "f32", data)


# ---- the file ----


def put_config(out, args):
    out.put("general.architecture", STRING, "llama")
    out.put("general.name", STRING, args.name)
    for key, value in (
        ("context_length", args.context),
        ("embedding_length", args.dim),
        ("block_count", args.layers),
        ("feed_forward_length", args.ffn),
        ("attention.head_count", args.heads),
        ("attention.head_count_kv", args.kv_heads),
        ("attention.key_length", args.head_dim),
        ("attention.value_length", args.head_dim),
        ("rope.dimension_count", args.rope_dims or args.head_dim),
    ):
        out.put("llama." + key, U32, value)
    out.put("llama.attention.layer_norm_rms_epsilon", F32, 1e-5)
    out.put("llama.rope.freq_base", F32, args.rope_base)
    if args.window:
        out.put("llama.attention.sliding_window", U32, args.window)
        out.put("llama.attention.sliding_window_pattern", U32, args.full_every)
    if args.rope_scale != 1.0:
        out.put("llama.rope.scaling.type", STRING, "linear")
        out.put("llama.rope.scaling.factor", F32, args.rope_scale)


def parse_args():
    parser = argparse.ArgumentParser(description="Write a small model with random weights.")
    parser.add_argument("out")
    parser.add_argument("--name", default="tiny")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--type", choices=TENSOR_TYPES, default="q8_0", help="of all matrices")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--head-dim", type=int, default=16)
    parser.add_argument("--ffn", type=int, default=128)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--vocabulary", choices=("spm", "bpe"), default="spm")
    parser.add_argument("--vocabulary-of", metavar="FILE", help="tokenizer and template of a GGUF file")
    parser.add_argument("--pool", action="store_true", help="weights from a pool of random blocks")
    parser.add_argument("--tokens", type=int, default=0, help="pad a bpe vocabulary to so many")
    parser.add_argument("--no-template", action="store_true", help="leave the chat template out")
    parser.add_argument("--tied", action="store_true", help="output = embedding")
    parser.add_argument("--biases", action="store_true", help="on all matrices of the layers")
    parser.add_argument("--rope-dims", type=int, default=0, help="rotated part of a head")
    parser.add_argument("--rope-base", type=float, default=10000.0)
    parser.add_argument("--rope-scale", type=float, default=1.0, help="linear factor")
    parser.add_argument("--window", type=int, default=0, help="positions that a token sees")
    parser.add_argument("--full-every", type=int, default=0, help="layer without the window")
    parser.add_argument("--rope-factors", action="store_true", help="a rope_freqs.weight tensor")
    return parser.parse_args()


def main():
    args = parse_args()
    rng = random.Random(args.seed)
    out = GgufWriter()
    put_config(out, args)
    if args.vocabulary_of:
        printable = copy_vocabulary(out, args.vocabulary_of)
    else:
        printable = put_vocabulary(out, args.vocabulary, args.tokens)
    if not args.no_template and not args.vocabulary_of:
        out.put("tokenizer.chat_template", STRING, CHAT_TEMPLATE)
    put_weights(out, args, printable, rng)
    out.save(args.out)


if __name__ == "__main__":
    main()
