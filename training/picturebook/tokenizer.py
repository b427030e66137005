"""A CLIP byte-pair vocabulary of 4,096 entries, learnt from the words of training: CLIP's own 49 k entries would be a third of the whole
checkpoint. Format and behaviour are CLIPTokenizer's (vocab.json + merges.txt). `python tokenizer.py WORDNET` writes it."""

import json
import re
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from words_corpus import Corpus

SIZE, LENGTH = 4096, 32
PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def byte_characters():
    """CLIP's (GPT-2's) table: printable bytes stand for themselves, the others are moved up."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return {**{b: chr(b) for b in keep}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def build(folder, wordnet, lines=60_000):
    table, corpus = byte_characters(), Corpus(wordnet, seed=5)
    base = list(table.values())
    vocabulary = base + [c + "</w>" for c in base]

    def words():
        for _ in range(lines):
            yield " ".join("".join(table[b] for b in w.encode()) for w in PATTERN.findall(corpus.draw()[0].lower()))

    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=20_000, min_frequency=3, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator(words(), trainer)
    merges = [tuple(m) for m in json.loads(learner.to_str())["model"]["merges"]][: SIZE - len(vocabulary) - 2]
    vocabulary += ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
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

    print(build(OUT / "tokenizer", sys.argv[1]), "entries")
