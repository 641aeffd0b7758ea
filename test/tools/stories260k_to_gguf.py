#!/usr/bin/env python3
"""stories260k_to_gguf.py - turns the stories260K model into a GGUF file of type F32.

Usage: stories260k_to_gguf.py DATA_DIR OUT.gguf

DATA_DIR holds stories260K.bin (llama2.c's legacy format: seven int32, then float32 tensors, all
layers of one kind together) and tok512.bin (its tokenizer: int32, then score, length, bytes per
token). A positive vocabulary size means that embedding and classifier are tied. The rows of q and k
are in the order of adjacent RoPE pairs, which is what GGUF's "llama" architecture has, too.
"""

import os
import struct
import sys

from gguf_writer import BOOL, F32, I32, STRING, U32, GgufWriter

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def read_tokens(path, n_tokens):
    with open(path, "rb") as file:
        data = file.read()
    at, pieces, scores = 4, [], []
    for _ in range(n_tokens):
        score, length = struct.unpack_from("<fi", data, at)
        pieces.append(data[at + 8 : at + 8 + length])
        scores.append(score)
        at += 8 + length
    if at != len(data):
        raise ValueError(f"{path}: {len(data) - at} bytes too many")
    return pieces, scores


def put_tokenizer(out, path, n_tokens):
    pieces, scores = read_tokens(path, n_tokens)
    # The first three are framed by newlines there; SentencePiece writes a space as U+2581.
    names = [piece.strip() for piece in pieces[:3]]
    names += [piece.replace(b" ", "\u2581".encode()) for piece in pieces[3:]]
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (n_tokens - 259)
    out.put("tokenizer.ggml.model", STRING, "llama")
    out.put_array("tokenizer.ggml.tokens", STRING, names)
    out.put_array("tokenizer.ggml.scores", F32, scores)
    out.put_array("tokenizer.ggml.token_type", I32, types)
    out.put("tokenizer.ggml.unknown_token_id", U32, 0)
    out.put("tokenizer.ggml.bos_token_id", U32, 1)
    out.put("tokenizer.ggml.eos_token_id", U32, 2)
    out.put("tokenizer.ggml.add_bos_token", BOOL, True)
    out.put("tokenizer.ggml.add_eos_token", BOOL, False)
    out.put("tokenizer.ggml.add_space_prefix", BOOL, True)


class FloatFile:
    """The float32 tensors of the file, in order."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, n_floats):
        self.at += n_floats * 4
        if self.at > len(self.data):
            raise ValueError("model file is too short")
        return self.data[self.at - n_floats * 4 : self.at]

    def take_layers(self, n_layers, n_floats):
        return [self.take(n_floats) for _ in range(n_layers)]


def main():
    data_dir, out_path = sys.argv[1:3]
    with open(os.path.join(data_dir, "stories260K.bin"), "rb") as file:
        data = file.read()
    dim, ffn, n_layers, n_heads, n_kv_heads, vocab, context = struct.unpack_from("<7i", data)
    if vocab <= 0:
        raise ValueError("a classifier of its own is not expected in this file")
    kv_dim = dim // n_heads * n_kv_heads

    out = GgufWriter()
    out.put("general.architecture", STRING, "llama")
    out.put("general.name", STRING, "stories260K")
    for key, value in (
        ("context_length", context),
        ("embedding_length", dim),
        ("block_count", n_layers),
        ("feed_forward_length", ffn),
        ("attention.head_count", n_heads),
        ("attention.head_count_kv", n_kv_heads),
        ("rope.dimension_count", dim // n_heads),
        ("vocab_size", vocab),
    ):
        out.put("llama." + key, U32, value)
    out.put("llama.attention.layer_norm_rms_epsilon", F32, 1e-5)
    out.put("llama.rope.freq_base", F32, 10000.0)
    put_tokenizer(out, os.path.join(data_dir, "tok512.bin"), vocab)

    source = FloatFile(data, 28)
    out.add_tensor("token_embd.weight", (dim, vocab), "f32", source.take(vocab * dim))
    for name, dims in (
        ("attn_norm", (dim,)),
        ("attn_q", (dim, dim)),
        ("attn_k", (dim, kv_dim)),
        ("attn_v", (dim, kv_dim)),
        ("attn_output", (dim, dim)),
        ("ffn_norm", (dim,)),
        ("ffn_gate", (dim, ffn)),
        ("ffn_down", (ffn, dim)),
        ("ffn_up", (dim, ffn)),
    ):
        n_floats = dims[0] * (dims[1] if len(dims) > 1 else 1)
        for layer, values in enumerate(source.take_layers(n_layers, n_floats)):
            out.add_tensor(f"blk.{layer}.{name}.weight", dims, "f32", values)
    out.add_tensor("output_norm.weight", (dim,), "f32", source.take(dim))
    source.take(context * (dim // n_heads))  # tables of cos and sin
    if source.at != len(data):
        raise ValueError(f"{len(data) - source.at} bytes too many")
    out.save(out_path)


if __name__ == "__main__":
    main()
