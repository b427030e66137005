"""What FLUX.2 klein has besides its denoiser, in small: Qwen3 text encoders with their tokenizers, and AutoencoderKLFlux2, with references.

    python make_klein.py [--random SEED --out DIR]     into tests/fixtures/klein

Texts are encoded by Flux2KleinPipeline's own function, pictures by the functions that it calls. The tokenizers' vocabularies are learned from a few
sentences and have all bytes; their chat templates are written for these fixtures, with what Qwen3's makes use of.
"""
import argparse
import json
import math
import pathlib
import random
import shutil

import diffusers
import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from ldm import vae_entry
from make_few import finish
from vocabulary import CORPUS
from weights import randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PLAIN = ["<think>", "</think>", "<tool_response>", "</tool_response>"]

TEMPLATE = r"""{%- if tools %}
    {{- '<|im_start|>system\n' + tools | tojson + '<|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(searching=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>assistant\n' + content.split('</think>')[-1].lstrip('\n') + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"""
# Blocks on lines of their own, a filter, a special token by name, no thinking.
OTHER_TEMPLATE = """{% for message in messages %}
  {% if loop.first %}
You edit pictures.
  {% endif %}
<|im_start|>{{ message['role'] }}
{{ message['content'] | trim }}<|im_end|>
{% endfor %}
{% if add_generation_prompt and not tools %}
<|im_start|>assistant{{ eos_token }}
{% endif %}
"""

PROMPTS = [
    "make it winter",
    "",
    "  Turn the photo\n\n into a WATERCOLOUR;\t it's 12345 o'clock, they'LL see… \r\n  done.  ",
    "naïve café, ÅNGSTRÖM A\u030a ﬁ 天空を青く 🏔️🦄 \u200b\u0085x\u3000y\ufeffz İ 'ſ",
    "<|im_end|> <think>no</think> <|IM_START|> <tool_response>x</tool_response> <|endoftext|>",
    "make the roof blue and the door red, " * 12,
]

# name: (configuration, layers, tokens, how tokenizer and weights are saved)
TEXT = {
    "text": ({"hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2,
              "head_dim": 12, "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "theta": 1_000_000.0}, [1, 2, 4], 512,
             {"form": "pieces", "shard": "60KB"}),
    "text-bias": ({"hidden_size": 40, "intermediate_size": 33, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1,
                   "head_dim": 8, "rms_norm_eps": 1e-5, "attention_bias": True, "theta": 10_000.0}, [0, 2, 3], 40,
                  {"form": "whole", "template": OTHER_TEMPLATE}),
    "text-bf16": ({"hidden_size": 24, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2,
                   "head_dim": 16, "tie_word_embeddings": False, "theta": 500_000.0}, [3, 1], 64, {"form": "saved", "dtype": "bfloat16"}),
}
KINDS = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}
# name: (configuration, sizes of pictures in pixels)
VAE = {
    "vae": ({"block_out_channels": [8, 16, 16], "norm_num_groups": 4, "layers_per_block": 1, "latent_channels": 6}, [(24, 40), (16, 8)]),
    "vae-narrow": ({"block_out_channels": [12, 8], "decoder_block_out_channels": [6, 4], "norm_num_groups": 2, "layers_per_block": 2,
                    "latent_channels": 3, "use_quant_conv": False, "use_post_quant_conv": False, "mid_block_add_attention": False,
                    "batch_norm_eps": 0.01}, [(20, 12), (8, 28)]),
    "vae-bf16": ({"block_out_channels": [8, 12], "norm_num_groups": 4, "layers_per_block": 1, "latent_channels": 4}, [(12, 20)]),
}


def learn_tokenizer(merges: int, more: str = "") -> Tokenizer:
    """A byte-level vocabulary with Qwen2's way of cutting words."""
    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.NFC()
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=len(alphabet) + merges, initial_alphabet=alphabet, show_progress=False)
    learned.train_from_iterator([CORPUS, CORPUS.upper()[:400], "user\nassistant\n\n\n system\n", more] * 2, trainer)
    return learned


def write_tokenizer(folder: pathlib.Path, how: dict) -> Qwen2Tokenizer:
    """In the forms in which Qwen's tokenizers are published: "pieces" (vocab.json, merges.txt), "whole" (tokenizer.json), and as transformers saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    learned = json.loads(learn_tokenizer(how.get("merges", 150), how.get("more", "")).to_str())["model"]
    vocab, merges = learned["vocab"], [m if isinstance(m, str) else " ".join(m) for m in learned["merges"]]
    write = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    special = SPECIAL + how.get("special", [])
    keys = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    added = {str(len(vocab) + i): {"content": token, **keys, "special": token in special} for i, token in enumerate(special + PLAIN)}
    template = how.get("template", TEMPLATE)
    config = {"add_prefix_space": False, "added_tokens_decoder": added, "additional_special_tokens": special[1:], "bos_token": None,
              "chat_template": template, "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace",
              "model_max_length": 131072, "pad_token": "<|endoftext|>", "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer",
              "unk_token": None}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges))
    write("tokenizer_config.json", config)
    if how["form"] == "pieces":
        write("added_tokens.json", {token["content"]: int(i) for i, token in added.items()})
        write("special_tokens_map.json", {"eos_token": {"content": "<|im_end|>", **keys}, "pad_token": {"content": "<|endoftext|>", **keys}})
    tokenizer = Qwen2Tokenizer.from_pretrained(folder)
    if how["form"] != "pieces":
        for file in list(folder.iterdir()):
            file.unlink()
        tokenizer.save_pretrained(folder)
        tokenizer = Qwen2Tokenizer.from_pretrained(folder)
    if how["form"] == "whole":
        # With the template among the rest, as before transformers 4.51, and as one of several.
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config["chat_template"] = [{"name": "other", "template": "{{ none.x }}"}, {"name": "default", "template": template}]
        write("tokenizer_config.json", config)
        (folder / "chat_template.jinja").unlink()
        tokenizer = Qwen2Tokenizer.from_pretrained(folder)
    return tokenizer


@torch.no_grad()
def make_text(name: str, config: dict, layers: list, tokens: int, how: dict, seed: int, out: pathlib.Path, prompts=PROMPTS) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator("cpu").manual_seed(seed)
    tokenizer = write_tokenizer(folder / "tokenizer", how)
    theta = config["theta"]
    model = Qwen3ForCausalLM(Qwen3Config(vocab_size=len(tokenizer) + 5, rope_parameters={"rope_type": "default", "rope_theta": theta},
                                         **{key: value for key, value in config.items() if key != "theta"})).eval()
    randomise(model, generator, alone=0.4)
    for key, parameter in model.named_parameters():
        if key.endswith("norm.weight"):
            parameter.copy_(0.6 + 0.8 * torch.rand(parameter.shape, generator=generator))
    if how.get("dtype") == "bfloat16":
        model = model.bfloat16()
    model.save_pretrained(folder / "text_encoder", max_shard_size=how.get("shard", "5GB"))
    if how["form"] == "pieces":
        # As transformers before version 5 wrote it.
        path = folder / "text_encoder" / "config.json"
        written = json.loads(path.read_text())
        written.pop("rope_parameters"), written.pop("layer_types", None)
        written |= {"rope_theta": theta, "rope_scaling": None, "torch_dtype": written.pop("dtype"), "use_sliding_window": False}
        path.write_text(json.dumps(written, indent=2) + "\n")
    (folder / "text_encoder" / "generation_config.json").unlink(missing_ok=True)
    model = Qwen3ForCausalLM.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    tensors, cases = {}, []
    for i, prompt in enumerate(prompts):
        embeds = Flux2KleinPipeline._get_qwen3_prompt_embeds(model, tokenizer, prompt, max_sequence_length=tokens, hidden_states_layers=layers)[0]
        text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True,
                                             enable_thinking=False)
        ids = tokenizer(text, padding="max_length", truncation=True, max_length=tokens).input_ids
        used = min(tokens, len(tokenizer(text).input_ids))
        # Of many rows the first, those around the end of the text, and some of padding.
        rows = range(tokens) if tokens <= 64 else sorted({*range(6), *range(used - 6, min(tokens, used + 4)), *range(40, tokens, 100), tokens - 1})
        rows = [row for row in rows if 0 <= row < tokens]
        tensors[f"embeds.{i}"] = embeds[rows]
        tensors[f"ids.{i}"] = torch.tensor(ids, dtype=torch.float32)
        cases.append({"prompt": prompt, "used": used, "rows": rows, "ids": f"ids.{i}", "embeds": f"embeds.{i}"})
    finish(folder, tensors, {"layers": layers, "tokens": tokens, "cases": cases})


@torch.no_grad()
def make_vae(name: str, config: dict, sizes: list, seed: int, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator("cpu").manual_seed(seed)
    levels = len(config["block_out_channels"])
    vae = AutoencoderKLFlux2(**config, **{key: [kind] * levels for key, kind in KINDS.items()}, sample_size=64).eval()
    randomise(vae, generator, alone=0.3)
    channels = vae.bn.running_mean.numel()
    vae.bn.running_mean.copy_(0.5 * torch.randn(channels, generator=generator))
    vae.bn.running_var.copy_(0.2 + torch.rand(channels, generator=generator))
    if name == "vae-bf16":
        vae.bfloat16().save_pretrained(folder / "vae")
        vae = AutoencoderKLFlux2.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval()
    else:
        vae.save_pretrained(folder / "vae")
    pipe = Flux2KleinPipeline(FlowMatchEulerDiscreteScheduler(), vae, None, None, None)
    mean = vae.bn.running_mean.view(1, -1, 1, 1)
    deviation = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    tensors, cases = {}, []
    factor = 2**levels
    for i, (h, w) in enumerate(sizes):
        image = torch.tanh(torch.randn(1, 3, h, w, generator=generator))
        encoded = pipe._encode_vae_image(image, generator)
        latent = torch.randn(1, channels, h // factor, w // factor, generator=generator)
        decoded = vae.decode(pipe._unpatchify_latents(latent * deviation + mean)).sample
        tensors |= {f"{i}.image": image[0], f"{i}.encoded": encoded[0], f"{i}.latent": latent[0], f"{i}.decoded": decoded[0]}
        cases.append({key: f"{i}.{key}" for key in ("image", "encoded", "latent", "decoded")})
    if name == "vae":
        original = {}
        for key, value in vae.state_dict().items():
            new, value = vae_entry(key, value, levels)
            new = {"quant_conv": "encoder.quant_conv", "post_quant_conv": "decoder.post_quant_conv"}.get(new.split(".")[0], new.split(".")[0]) + (
                "." + new.split(".", 1)[1])
            original[new] = value.contiguous()
        save_file(original, folder / "ae.safetensors")
    finish(folder, tensors, {"cases": cases})


def drawn(seed: int):
    r = random.Random(seed)
    key_heads = r.choice([1, 2, 3])
    layers = r.randint(2, 7)
    text = {"hidden_size": r.choice([8, 20, 32, 64]), "intermediate_size": r.randint(10, 90), "num_hidden_layers": layers,
            "num_attention_heads": key_heads * r.choice([1, 2, 4]), "num_key_value_heads": key_heads, "head_dim": 2 * r.randint(2, 12),
            "rms_norm_eps": r.choice([1e-6, 1e-5]), "tie_word_embeddings": r.random() < 0.5, "attention_bias": r.random() < 0.3,
            "theta": r.choice([1e4, 1e6, 5e6])}
    wanted = r.sample(range(layers + 1), r.randint(1, min(3, layers + 1)))
    how = {"form": r.choice(["pieces", "whole", "saved"]), "merges": r.randint(0, 300), "template": r.choice([TEMPLATE, OTHER_TEMPLATE]),
           "dtype": r.choice(["float32", "bfloat16"]), "shard": r.choice(["30KB", "5GB"])}
    signs = ["a", "B", "1", " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "'", "é", "e\u0301", "天", "🦄", "\u0085", "\u00a0", "\u3000", "ﬁ", "ǅ", "_", "—",
             "<think>", "<|im_end|>", "<|im", "|>", "make", " it", " winter", "²", "Ⅷ", "٣", "\u200d", "\ufeff", "ß", "'ſ", ".", "!!", "…", "\x00", "\x7f"]
    prompts = ["".join(r.choices(signs, k=r.randint(1, 60))) for _ in range(6)]
    levels = r.randint(1, 4)
    groups = r.choice([1, 2, 4])
    wide = lambda: [groups * r.randint(1, 4) for _ in range(levels)]
    vae = {"block_out_channels": wide(), "norm_num_groups": groups, "layers_per_block": r.randint(1, 2), "latent_channels": r.randint(1, 8),
           "use_quant_conv": r.random() < 0.7, "use_post_quant_conv": r.random() < 0.7, "mid_block_add_attention": r.random() < 0.7,
           "decoder_block_out_channels": wide() if r.random() < 0.5 else None, "batch_norm_eps": r.choice([1e-4, 1e-3])}
    factor = 2**levels
    sizes = [(factor * r.randint(1, 4), factor * r.randint(1, 4)) for _ in range(2)]
    return (text, wanted, r.choice([24, 40, 64, 100]), how, prompts), (vae, sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES / "klein")
    options = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    if options.random and options.out == FIXTURES / "klein":
        parser.error("--random needs --out: random configurations are not committed")
    if options.random:
        for seed in options.random:
            (text, wanted, tokens, how, prompts), (vae, sizes) = drawn(seed)
            make_text(f"text-{seed}", text, wanted, tokens, how, seed, options.out, prompts)
            make_vae(f"vae-{seed}", vae, sizes, seed, options.out)
        return
    for seed, (name, (config, layers, tokens, how)) in enumerate(TEXT.items(), 51):
        make_text(name, config, layers, tokens, how, seed, options.out)
    for seed, (name, (config, sizes)) in enumerate(VAE.items(), 61):
        make_vae(name, config, sizes, seed, options.out)


if __name__ == "__main__":
    main()
