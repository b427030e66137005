"""A CLIP byte-pair vocabulary of about a thousand entries, learnt from the edit grammar: CLIP's own 49 k entries would be a
third of the whole checkpoint. Format and behaviour are CLIPTokenizer's (vocab.json + merges.txt)."""

import collections
import json
import re

from edits import PHRASES, TREE_NAMES
from world import COLOURS

MERGES, LENGTH = 500, 32
PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def byte_characters():
    """CLIP's (GPT-2's) table: printable bytes stand for themselves, the others are moved up."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return {**{b: chr(b) for b in keep}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def corpus():
    for phrases in PHRASES.values():
        for p in phrases:
            for c in COLOURS:
                yield p.format(c=c, s="left", k=TREE_NAMES["pine"], v="car")
                yield p.format(c=c, s="right", k=TREE_NAMES["round"], v="boat")
    yield from ["a picture of a summer day with a moon, a house, hills and mountains, a road, a river and a meadow"] * 8
    yield from ["please now could you replace remove change colour color grey gray snow house roof walls fog mist tree trees"] * 8


def build(folder):
    table = byte_characters()
    words = collections.Counter(w for line in corpus() for w in PATTERN.findall(line.lower()))
    pieces = {w: [table[b] for b in w.encode()[:-1]] + [table[w.encode()[-1]] + "</w>"] for w in words}
    vocabulary = list(table.values()) + [c + "</w>" for c in table.values()]
    merges = []
    while len(merges) < MERGES:
        pairs = collections.Counter()
        for w, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[w]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        vocabulary.append("".join(best))
        for w, parts in pieces.items():
            i, out = 0, []
            while i < len(parts):
                if tuple(parts[i : i + 2]) == best:
                    out.append("".join(best))
                    i += 2
                else:
                    out.append(parts[i])
                    i += 1
            pieces[w] = out
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({v: i for i, v in enumerate(vocabulary)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {**special, "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "add_prefix_space": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return len(vocabulary)


if __name__ == "__main__":
    from common import OUT

    print(build(OUT / "tokenizer"), "entries")
