"""A tiny CLIP vocabulary: 256 byte symbols, the same with </w>, a few hundred merges, the two special tokens.

The byte order is CLIP's own ("!" is id 0), so that a checkpoint which pads with "!" does so here too.
"""
import collections
import json
import pathlib
import re

CORPUS = """make it winter make it summer turn it into a watercolor painting paint the roof blue paint the door red
add a rainbow in the sky remove the tree remove the clouds turn the day into night make the mountains snowy
replace the dog with a cat replace the car with a horse give him a hat what would it look like at sunset
turn the house into a castle make the water green make the flowers yellow add fireworks swap the sunflowers
with roses it's raining they're smiling we've put the boat on the lake i'd like the photo to be in black and white
the man the woman the person the people the picture the photograph the style of the painting van gogh picasso
larger smaller brighter darker older younger wooden golden silver glass stone and with from into like under over
a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 naïve café ünïcode straße"""


def byte_symbols() -> dict[int, str]:
    """Printable stand-ins for all 256 bytes, in CLIP's order: printable bytes first, the others from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def learn_merges(count: int) -> list[tuple[str, str]]:
    symbols = byte_symbols()
    words = collections.Counter(re.findall(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d", CORPUS.lower()))
    split = {}
    for word, n in words.items():
        letters = [symbols[b] for b in word.encode()]
        split[word] = ([*letters[:-1], letters[-1] + "</w>"], n)
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for letters, n in split.values():
            for pair in zip(letters, letters[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs.items(), key=lambda item: (item[1], item[0]))[0]
        merges.append(best)
        for word, (letters, n) in split.items():
            joined, i = [], 0
            while i < len(letters):
                if tuple(letters[i : i + 2]) == best:
                    joined.append(letters[i] + letters[i + 1])
                    i += 2
                else:
                    joined.append(letters[i])
                    i += 1
            split[word] = (joined, n)
    return merges


def write_tokenizer(folder: pathlib.Path, pad_token: str, merges: int = 240) -> int:
    """Writes the four files of a CLIP tokenizer as SD 1.x and 2.x repositories carry them. Returns the vocabulary's size."""
    folder.mkdir(parents=True, exist_ok=True)
    learned = learn_merges(merges)
    symbols = list(byte_symbols().values())
    tokens = [*symbols, *(s + "</w>" for s in symbols), *(a + b for a, b in learned), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: i for i, token in enumerate(tokens)}
    special = {
        name: {"content": content, "lstrip": False, "normalized": name != "pad_token", "rstrip": False, "single_word": False}
        for name, content in {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}.items()
    }
    config = {
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": 77,
        "pad_token": pad_token,
        "tokenizer_class": "CLIPTokenizer",
        **special,
    }
    write = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in learned))
    write("special_tokens_map.json", {**special, "pad_token": pad_token})
    write("tokenizer_config.json", config)
    return len(tokens)


def write_bert_tokenizer(folder: pathlib.Path, whole: bool) -> int:
    """
    A BERT vocabulary with BLIP's two tokens at its end, as vocab.txt, or with `whole` as the tokenizer.json that transformers makes
    of it. Returns its size.
    """
    words = sorted({w for w in re.findall(r"[a-z]+|\d", CORPUS.lower()) if len(w) > 1})
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [f"##{w[i:]}" for w in words[::3] for i in (3, 4) if len(w) > i + 1]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"!\"#$%&'()*+,-./:;<=>?@[]_", *letters, *(f"##{c}" for c in letters), *words,
              *dict.fromkeys(pieces), "天", "空", "[DEC]", "[ENC]"]
    tokens = list(dict.fromkeys(tokens))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer", "additional_special_tokens": ["[ENC]"],
                    "bos_token": "[DEC]"}, indent=2) + "\n"
    )
    if whole:
        from transformers import BertTokenizer

        BertTokenizer.from_pretrained(folder).save_pretrained(folder)
        (folder / "vocab.txt").unlink()
    return len(tokens)
