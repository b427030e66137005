"""What makes edits fast, in small: UNets that are told how strongly they are guided, and tiny autoencoders, with references.

    python make_few.py [--random SEED --out DIR]     into tests/fixtures/few

The UNets go with the text encoder and VAE of tests/fixtures/parity/sd1, and their trajectories are of whole runs of LCM and TCD without other guidance.
"""
import argparse
import json
import pathlib
import random
import shutil

import diffusers
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import LatentConsistencyModelPipeline
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

from configurations import CROSS_DOWN, CROSS_UP, DOWN, UP
from references import scheduler_of
from weights import randomise

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures"
SD1 = FIXTURES / "parity" / "sd1" / "checkpoint"
PROMPT, SIZE = "make it winter", (6, 9)

UNET = {
    "block_out_channels": [8, 16], "down_block_types": [CROSS_DOWN, DOWN], "up_block_types": [UP, CROSS_UP], "layers_per_block": 1,
    "attention_head_dim": 4, "cross_attention_dim": 24, "norm_num_groups": 4, "in_channels": 8, "out_channels": 4, "sample_size": 8,
}
# name: (configuration of the UNet)
GUIDED = {"guided": {**UNET, "time_cond_proj_dim": 32}, "guided-odd": {**UNET, "time_cond_proj_dim": 15, "block_out_channels": [12, 8]}}
# name: (configuration of the autoencoder, sizes in latent pixels)
TINY = {
    "tiny": ({"encoder_block_out_channels": [8] * 4, "decoder_block_out_channels": [8] * 4}, [(4, 4), (3, 5)]),
    "tiny-xl": ({"encoder_block_out_channels": [16] * 3, "decoder_block_out_channels": [16] * 3, "num_encoder_blocks": [1, 2, 3],
                 "num_decoder_blocks": [2, 3, 1], "latent_channels": 4, "scaling_factor": 0.8}, [(6, 4), (5, 7)]),
    # As wide as the published ones, so that the layers are chosen as for these; in half precision.
    "tiny-64": ({"encoder_block_out_channels": [64] * 2, "decoder_block_out_channels": [64] * 2, "num_encoder_blocks": [1, 0],
                 "num_decoder_blocks": [1, 0]}, [(6, 9), (8, 8)]),
}


def embedded(guidance: float, dimensions: int) -> torch.Tensor:
    return LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, torch.tensor([guidance - 1.0]), embedding_dim=dimensions)


@torch.no_grad()
def make_guided(name: str, config: dict, seed: int, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator("cpu").manual_seed(seed)
    unet = UNet2DConditionModel(**config)
    randomise(unet.eval(), generator)
    unet.save_pretrained(folder / "unet")
    tokenizer, encoder = CLIPTokenizer.from_pretrained(SD1 / "tokenizer"), CLIPTextModel.from_pretrained(SD1 / "text_encoder")
    ids = tokenizer([PROMPT], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    hidden = encoder(ids)[0]
    c = torch.randn(1, 4, *SIZE, generator=generator) / 0.18215
    z = torch.randn(1, 4, *SIZE, generator=generator)
    dimensions = config["time_cond_proj_dim"]
    tensors, cases, runs = {"c": c[0], "z": z[0]}, [], []

    def predict(x, t, guidance):
        return unet(torch.cat([x, c], 1), t, hidden, timestep_cond=embedded(guidance, dimensions)).sample

    for i, (timestep, guidance) in enumerate([(999, 1.0), (499, 4.25), (19, 8.5), (259.5, 14.0)]):
        tensors[f"unet.{i}"] = predict(z, timestep, guidance)[0]
        cases.append({"timestep": timestep, "guidance": guidance, "output": f"unet.{i}"})
    scheduler_config = json.loads((SD1 / "scheduler" / "scheduler_config.json").read_text())
    for sampler, steps, guidance in [("lcm", 4, 8.5), ("lcm", 1, 3.0), ("tcd", 4, 7.5)]:
        scheduler = scheduler_of(scheduler_config, sampler)
        scheduler.set_timesteps(steps)
        noise = torch.Generator("cpu").manual_seed(seed + steps)
        x = torch.randn(z.shape, generator=noise)
        for t in scheduler.timesteps:
            x = scheduler.step(predict(x, t, guidance), t, x, generator=noise, return_dict=False)[0]
        tensors[f"{sampler}.{steps}"] = x[0]
        runs.append({"sampler": sampler, "steps": steps, "guidance": guidance, "seed": seed + steps, "result": f"{sampler}.{steps}"})
    finish(folder, tensors, {"prompt": PROMPT, "unet": cases, "runs": runs})


@torch.no_grad()
def make_tiny(name: str, config: dict, sizes: list, seed: int, out: pathlib.Path) -> None:
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator("cpu").manual_seed(seed)
    vae = AutoencoderTiny(**config)
    randomise(vae.eval(), generator)
    if name == "tiny-64":
        vae.half().save_pretrained(folder)
        vae.float()
    else:
        vae.save_pretrained(folder)
    # The same weights as the original program's two files have them, and as one file with both.
    state = vae.state_dict()
    halves = {half: {key.removeprefix(f"{half}.layers."): value for key, value in state.items() if key.startswith(half)} for half in ("encoder", "decoder")}
    # The original decoder begins with a module without weights, the clamp, which diffusers computes elsewhere.
    decoder = {f"{int(key.split('.')[0]) + 1}.{key.split('.', 1)[1]}": value for key, value in halves["decoder"].items()}
    tensors, cases = {}, []
    factor = 2 ** (len(config["encoder_block_out_channels"]) - 1)
    for i, (h, w) in enumerate(sizes):
        image = torch.tanh(torch.randn(1, 3, h * factor, w * factor, generator=generator))
        latent = 2 * torch.randn(1, vae.config.latent_channels, h, w, generator=generator)
        tensors |= {f"{i}.image": image[0], f"{i}.encoded": vae.encode(image).latents[0], f"{i}.latent": latent[0], f"{i}.decoded": vae.decode(latent).sample[0]}
        cases.append({key: f"{i}.{key}" for key in ("image", "encoded", "latent", "decoded")})
    finish(folder, tensors, {"scalingFactor": vae.config.scaling_factor, "cases": cases})
    if name == "tiny":
        for half, values in {"encoder": halves["encoder"], "decoder": decoder}.items():
            save_file({key: value.contiguous() for key, value in values.items()}, folder / f"taesd_{half}.safetensors")


def finish(folder: pathlib.Path, tensors: dict, described: dict) -> None:
    bad = [key for key, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise RuntimeError(f"{folder.name}: not finite: {bad}")
    save_file({key: value.clone().contiguous() for key, value in tensors.items()}, folder / "references.safetensors")
    (folder / "references.json").write_text(json.dumps({"madeWith": f"diffusers {diffusers.__version__}", **described}, indent=1) + "\n")
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{folder.name}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file()) / 1e3:.0f} kB")
    for key, value in tensors.items():
        print(f"  {key}: std {value.std():.3f}, largest {value.abs().max():.3f}")


def drawn(seed: int):
    r = random.Random(seed)
    guided = {**UNET, "time_cond_proj_dim": r.randint(4, 64), "block_out_channels": [r.choice([8, 12, 20]), r.choice([8, 16])]}
    levels = r.randint(2, 4)
    width = r.choice([8, 12, 20, 64])
    tiny = {"encoder_block_out_channels": [width] * levels, "decoder_block_out_channels": [width] * levels,
            "num_encoder_blocks": [r.randint(1, 3) for _ in range(levels)], "num_decoder_blocks": [r.randint(1, 3) for _ in range(levels)],
            "scaling_factor": r.choice([1.0, 0.7])}
    return guided, (tiny, [(r.randint(2, 9), r.randint(2, 9)), (r.randint(2, 9), r.randint(2, 9))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, metavar="SEED", action="append")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES / "few")
    options = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    if options.random and options.out == FIXTURES / "few":
        parser.error("--random needs --out: random configurations are not committed")
    if options.random:
        for seed in options.random:
            guided, (tiny, sizes) = drawn(seed)
            make_guided(f"guided-{seed}", guided, seed, options.out)
            make_tiny(f"tiny-{seed}", tiny, sizes, seed, options.out)
        return
    for seed, (name, config) in enumerate(GUIDED.items(), 31):
        make_guided(name, config, seed, options.out)
    for seed, (name, (config, sizes)) in enumerate(TINY.items(), 41):
        make_tiny(name, config, sizes, seed, options.out)


if __name__ == "__main__":
    main()
