"""Writes a tiny language model of random weights as a GGUF file (version 3): what llama_sampler.cpp runs on.

    python3 tiny_gguf.py OUT.gguf

A Llama of two layers, 64 numbers wide, with a vocabulary of bytes, letters and some words; about 400 KB. Nothing but Python's
own library is needed, and the same file comes out every time.
"""

import random
import struct
import sys

WIDTH, HEADS, HIDDEN, LAYERS, CONTEXT, ALIGN = 64, 4, 128, 2, 512, 32
WORDS = "the quick brown fox jumps over lazy dog and runs away a box of five dozen jugs is here we see print in".split()
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def vocabulary():
    """Pieces as SentencePiece writes them, with scores and kinds."""
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    pieces += [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
    # Words are made from left to right, so that each of their beginnings is a piece as well; the longest score best.
    seen = set()
    for word in WORDS:
        for end in range(1, len(word) + 2):
            seen.add(("\u2581" + word)[:end])
    seen |= set("abcdefghijklmnopqrstuvwxyz.,")
    for piece in sorted(seen, key=lambda piece: (-len(piece), piece)):
        pieces.append((piece, -float(len(pieces)), NORMAL))
    return pieces


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def field(key, kind, raw):
    return text(key) + struct.pack("<I", kind) + raw


def array(key, kind, items):
    return field(key, ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    draw = random.Random(20)
    pieces = vocabulary()
    n = len(pieces)
    fields = [field("general.architecture", STRING, text("llama")), field("general.name", STRING, text("tiny and random"))]
    numbers = {
        "llama.context_length": CONTEXT, "llama.embedding_length": WIDTH, "llama.block_count": LAYERS,
        "llama.feed_forward_length": HIDDEN, "llama.attention.head_count": HEADS, "llama.attention.head_count_kv": HEADS,
        "llama.rope.dimension_count": WIDTH // HEADS, "llama.vocab_size": n,
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
    }
    fields += [field(key, UINT32, struct.pack("<I", value)) for key, value in numbers.items()]
    fields.append(field("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", 1e-5)))
    fields.append(field("tokenizer.ggml.model", STRING, text("llama")))
    fields.append(field("tokenizer.ggml.add_bos_token", BOOL, b"\x01"))
    fields.append(array("tokenizer.ggml.tokens", STRING, [text(piece) for piece, _, _ in pieces]))
    fields.append(array("tokenizer.ggml.scores", FLOAT32, [struct.pack("<f", score) for _, score, _ in pieces]))
    fields.append(array("tokenizer.ggml.token_type", INT32, [struct.pack("<i", kind) for _, _, kind in pieces]))
    shapes = {"token_embd.weight": (WIDTH, n), "output_norm.weight": (WIDTH,), "output.weight": (WIDTH, n)}
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        shapes[at + "attn_norm.weight"] = shapes[at + "ffn_norm.weight"] = (WIDTH,)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"{at}{name}.weight"] = (WIDTH, WIDTH)
        shapes[at + "ffn_gate.weight"] = shapes[at + "ffn_up.weight"] = (WIDTH, HIDDEN)
        shapes[at + "ffn_down.weight"] = (HIDDEN, WIDTH)
    head, data = b"", bytearray()
    for name, shape in shapes.items():
        data += bytes(-len(data) % ALIGN)
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        size = 1
        for side in shape:
            size *= side
        # Norms of one; weights that keep the width's variance.
        values = [1.0] * size if len(shape) == 1 else [draw.gauss(0.0, shape[0] ** -0.5) for _ in range(size)]
        data += struct.pack(f"<{size}f", *values)
    out = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(fields)) + b"".join(fields) + head
    out += bytes(-len(out) % ALIGN) + data
    with open(sys.argv[1], "wb") as file:
        file.write(out)
    print(f"{sys.argv[1]}: {n} tokens, {len(out)} bytes")


main()
