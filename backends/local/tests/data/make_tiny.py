"""Writes tiny/model.onnx and tiny/tokenizer.json: a sentence encoder of 20 kB, without any package.

It spells words letter by letter and looks each piece up in a table of fixed pseudo-random rows. It understands
nothing, but it is a real ONNX file with a real tokenizer, so the whole path through rten can be tested offline.
Run it from this folder; the result is the same every time.
"""

import json
import os
import struct

WIDTH = 32


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, s):
    data = s if isinstance(s, bytes) else s.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def value_info(name, element, dims):
    shape = b"".join(text(1, number(1, d) if isinstance(d, int) else text(2, d)) for d in dims)
    tensor = number(1, element) + text(2, shape)
    return text(1, name) + text(2, text(1, tensor))


def table(rows):
    state, out = 7, []
    for _ in range(rows * WIDTH):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state / 2**30 - 1)
    return struct.pack(f"<{len(out)}f", *out)


def onnx(rows):
    weights = number(1, rows) + number(1, WIDTH) + number(2, 1) + text(8, "table") + text(9, table(rows))
    # The mask is taken in as every exported encoder does; here it only adds nothing.
    cast = text(1, "attention_mask") + text(2, "mask_f") + text(4, "Cast")
    cast += text(5, text(1, "to") + number(3, 1) + number(20, 2))
    axes = number(1, 1) + number(2, 7) + text(8, "axes") + text(9, struct.pack("<q", 2))
    expand = text(1, "mask_f") + text(1, "axes") + text(2, "mask_3") + text(4, "Unsqueeze")
    gather = text(1, "table") + text(1, "input_ids") + text(2, "looked_up") + text(4, "Gather")
    multiply = text(1, "looked_up") + text(1, "mask_3") + text(2, "last_hidden_state") + text(4, "Mul")
    graph = b"".join(text(1, node) for node in (cast, expand, gather, multiply)) + text(2, "tiny")
    graph += text(5, weights) + text(5, axes)
    graph += text(11, value_info("input_ids", 7, ["batch", "tokens"]))
    graph += text(11, value_info("attention_mask", 7, ["batch", "tokens"]))
    graph += text(12, value_info("last_hidden_state", 1, ["batch", "tokens", WIDTH]))
    return number(1, 8) + text(2, "make_tiny.py") + text(7, graph) + text(8, text(1, "") + number(2, 13))


def tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + c for c in letters), *".,;:!?'-"]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    special = [
        {"id": i, "content": pieces[i], "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for i in range(4)
    ]
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]"))
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    return len(pieces), {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": [cls, sequence, sep], "pair": [cls, sequence, sep],
            "special_tokens": {name: {"id": name, "ids": [vocab[name]], "tokens": [name]}
                               for name in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    }


rows, spelled = tokenizer()
os.makedirs("tiny", exist_ok=True)
with open("tiny/tokenizer.json", "w") as file:
    json.dump(spelled, file, indent=1)
    file.write("\n")
with open("tiny/model.onnx", "wb") as file:
    file.write(onnx(rows))
