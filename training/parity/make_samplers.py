"""Trajectories of diffusers' schedulers over many configurations, with a closed-form stand-in for the UNet.

    python make_samplers.py [--random SEED --out DIR]     into tests/fixtures/parity/samplers.{json,safetensors}

Every case keeps the network's answers, so that a test replays them and compares x after every step. Cases of which
diffusers itself makes something that is not a number are left out when drawn at random.
"""
import argparse
import json
import pathlib
import random
import warnings

import diffusers
import numpy as np
import torch
from diffusers.pipelines.dreamlite.pipeline_dreamlite import calculate_shift
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from safetensors.torch import save_file

from configurations import SD_BETAS
from references import scheduler_of

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "parity"
SHAPE = (1, 4, 2, 3)
VP = ("ddim", "ddpm", "dpm++2m", "dpm++2m-karras", "unipc")
ALL = ("ddim", "ddpm", "euler", "euler-ancestral", "dpm++2m", "dpm++2m-karras", "unipc")

SD = {"_class_name": "PNDMScheduler", **SD_BETAS, "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True,
      "steps_offset": 1, "trained_betas": None}
SPACED = {f"{spacing}": {**SD, "timestep_spacing": spacing} for spacing in ("leading", "linspace", "trailing")}
ZERO_SNR = {**SD, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "timestep_spacing": "trailing",
            "rescale_betas_zero_snr": True, "set_alpha_to_one": True}
COSINE = {"_class_name": "DDPMScheduler", "beta_schedule": "squaredcos_cap_v2", "clip_sample": False}


def committed():
    """(name, configuration, sampler, steps)"""
    for sampler in ALL:
        yield "sd", SD, sampler, 20
        yield "sd", SD, sampler, 7  # does not divide 1000
        for steps in (1, 2, 3):
            yield "sd", SD, sampler, steps
        for name, config in SPACED.items():
            yield name, config, sampler, 6
        yield "linear", {"_class_name": "DDPMScheduler", "clip_sample": False}, sampler, 6
        yield "v", {**SD, "prediction_type": "v_prediction"}, sampler, 6
        yield "v-zero-snr", ZERO_SNR, sampler, 6
        if sampler != "dpm++2m-karras":  # its first timesteps coincide, and diffusers then starts at the second
            yield "cosine", COSINE, sampler, 6
        if sampler != "euler-ancestral":  # not implemented in diffusers
            yield "sample", {**SD, "prediction_type": "sample"}, sampler, 6
        betas = [0.001 + 0.3 * (i / 59) ** 2 for i in range(60)]
        yield "trained-betas", {**SD, "num_train_timesteps": 60, "trained_betas": betas}, sampler, 6
    for sampler in ("euler", "unipc"):
        yield "karras", {**SD, "use_karras_sigmas": True}, sampler, 8
    for sampler in ("euler", "dpm++2m", "dpm++2m-karras", "unipc"):
        yield "ends-above-zero", {**SD, "final_sigmas_type": "sigma_min"}, sampler, 6
    for sampler in ("dpm++2m", "dpm++2m-karras"):
        yield "ends-above-zero-long", {**SD, "final_sigmas_type": "sigma_min"}, sampler, 17
        yield "ends-above-zero-euler", {**SD, "final_sigmas_type": "sigma_min", "euler_at_final": True}, sampler, 17
        yield "first-order", {**SD, "solver_order": 1}, sampler, 6
        yield "second-order-last", {**SD, "final_sigmas_type": "sigma_min", "lower_order_final": False}, sampler, 6
        yield "deis", {**SD, "algorithm_type": "deis", "solver_type": "logrho", "final_sigmas_type": "sigma_min"}, sampler, 6
    yield "lambda-clipped", {**COSINE, "lambda_min_clipped": -5.1}, "dpm++2m", 6
    yield "first-order", {**SD, "solver_order": 1}, "unipc", 6
    yield "uncorrected", {**SD, "disable_corrector": [0, 2]}, "unipc", 6
    yield "midpoint", {**SD, "solver_type": "midpoint"}, "unipc", 6
    for own, sampler in (("DDIMScheduler", "ddim"), ("DDPMScheduler", "ddpm")):
        yield "clipped-by-default", {"_class_name": own, **SD_BETAS}, sampler, 6
        yield "clipped", {**SD, "clip_sample": True, "clip_sample_range": 1.5}, sampler, 6
    yield "alpha-to-one", {**SD, "set_alpha_to_one": True}, "ddim", 6
    yield "fixed-large", {**SD, "variance_type": "fixed_large"}, "ddpm", 6
    yield from more()
    yield from few()


def more():
    """What came later, so that the cases before keep their numbers and seeds."""
    for sampler in ("dpm++2m", "dpm++2m-karras"):
        for order in (2, 3):
            for algorithm in ("dpmsolver++", "sde-dpmsolver++"):
                for steps in (1, 2, 3, 4, 20):
                    if (order, algorithm) != (2, "dpmsolver++"):
                        yield f"order{order}-{algorithm}", {**SD, "solver_order": order, "algorithm_type": algorithm}, sampler, steps
                yield f"heun{order}-{algorithm}", {**SD, "solver_order": order, "algorithm_type": algorithm, "solver_type": "heun"}, sampler, 8
        above = {**SD, "final_sigmas_type": "sigma_min", "solver_order": 3}
        yield "order3-above-zero", above, sampler, 6
        if sampler == "dpm++2m":  # Karras's last level is the smallest already, where diffusers divides by zero
            yield "order3-above-zero-full", {**above, "lower_order_final": False}, sampler, 17
    for spacing in ("exponential", "beta"):
        for sampler in ("euler", "dpm++2m", "unipc"):
            for steps in (1, 2, 9):
                yield spacing, {**SD, f"use_{spacing}_sigmas": True}, sampler, steps
    distilled = {**SD, "original_inference_steps": 50, "timestep_scaling": 10.0}
    for name in ("LCMScheduler", "TCDScheduler"):
        for sampler in ALL:
            yield name, {**distilled, "_class_name": name}, sampler, 5


# What configurations of rectified flows say, and how their pipelines derive μ.
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}
DYNAMIC = {**FLOW, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096}


def few():
    """The samplers for few steps, and those that came with them."""
    for steps in (1, 2, 3, 4, 7, 20):
        for sampler in ("heun", "pndm", "lcm", "tcd"):
            yield "sd", SD, sampler, steps
    for sampler in ("heun", "pndm", "lcm", "tcd"):
        yield "own-class", {"_class_name": {"heun": "HeunDiscreteScheduler", "pndm": "PNDMScheduler", "lcm": "LCMScheduler", "tcd": "TCDScheduler"}[sampler],
                            "skip_prk_steps": True}, sampler, 5
        yield "cosine", COSINE, sampler, 5
        yield "trained-betas", {**SD, "num_train_timesteps": 60, "trained_betas": [0.001 + 0.3 * (i / 59) ** 2 for i in range(60)]}, sampler, 5
        if sampler != "pndm":
            yield "v", {**SD, "prediction_type": "v_prediction"}, sampler, 5
            yield "sample", {**SD, "prediction_type": "sample"}, sampler, 5
    for name, config in SPACED.items():
        yield name, config, "heun", 6
    for spacing in ("karras", "exponential", "beta"):
        for steps in (1, 2, 9):
            yield spacing, {**SD, f"use_{spacing}_sigmas": True}, "heun", steps
    yield "clipped", {**SD, "clip_sample": True, "clip_sample_range": 1.5}, "heun", 6
    yield "alpha-to-one", {**SD, "set_alpha_to_one": True}, "pndm", 6
    for sampler in ("lcm", "tcd"):
        yield "v-zero-snr", ZERO_SNR, sampler, 4
        yield "distilled-on-25", {**SD, "original_inference_steps": 25}, sampler, 25
        yield "distilled-on-77", {**SD, "original_inference_steps": 77}, sampler, 6
        yield "timestep-scaling", {**SD, "timestep_scaling": 0.01}, sampler, 6
    for steps in (1, 2, 4, 7, 20):
        yield "static", {**FLOW, "shift": 1.0}, "flow-euler", steps
        yield "static-3", {**FLOW, "shift": 3.0}, "flow-euler", steps
        for tokens in (100, 1024, 5000):
            yield f"linear-{tokens}", {**DYNAMIC, "tokens": tokens}, "flow-euler", steps
            yield f"empirical-{tokens}", {**DYNAMIC, "tokens": tokens, "time_shift": "empirical"}, "flow-euler", steps
    yield "linear-time", {**DYNAMIC, "time_shift_type": "linear", "max_shift": 1.16, "tokens": 777}, "flow-euler", 6
    yield "terminal", {**DYNAMIC, "shift_terminal": 0.1, "tokens": 777}, "flow-euler", 6
    yield "terminal-static", {**FLOW, "shift": 2.0, "shift_terminal": 0.02}, "flow-euler", 6
    yield "few-timesteps", {**FLOW, "num_train_timesteps": 60, "shift": 2.5}, "flow-euler", 6
    for steps in (1, 5):
        yield "stochastic", {**FLOW, "shift": 3.0, "stochastic_sampling": True}, "flow-euler", steps


def drawn(seed: int, count: int = 60):
    r = random.Random(seed)
    for i in range(count // 3):
        yield f"random-few-{i}", {
            **SD, "beta_start": r.choice([0.00085, 0.0001]), "beta_schedule": r.choice(["scaled_linear", "linear"]),
            "original_inference_steps": r.choice([50, 40, 100]), "set_alpha_to_one": r.random() < 0.5, "steps_offset": r.choice([0, 1]),
        }, r.choice(("heun", "pndm", "lcm", "tcd")), r.randint(1, 40)
        yield f"random-flow-{i}", {
            **r.choice([FLOW, DYNAMIC]), "shift": r.uniform(0.5, 6), "stochastic_sampling": r.random() < 0.3,
            "tokens": r.randint(16, 6000), "time_shift": r.choice(["linear", "empirical"]), "time_shift_type": r.choice(["exponential", "linear"]),
        }, "flow-euler", r.randint(1, 40)
    for i in range(count):
        prediction = r.choice(["epsilon", "v_prediction"])
        config = {
            "_class_name": r.choice(["DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"]),
            "beta_start": r.choice([0.00085, 0.0001, 0.002]), "beta_end": r.choice([0.012, 0.02]),
            "beta_schedule": r.choice(["scaled_linear", "linear", "squaredcos_cap_v2"]),
            "num_train_timesteps": r.choice([1000, 1000, 500, 777]), "prediction_type": prediction, "clip_sample": False,
            "set_alpha_to_one": r.random() < 0.5, "steps_offset": r.choice([0, 1]),
            "timestep_spacing": r.choice(["leading", "linspace", "trailing"]),
            "rescale_betas_zero_snr": prediction == "v_prediction" and r.random() < 0.4, "use_karras_sigmas": r.random() < 0.3,
        }
        yield f"random-{i}", config, r.choice(ALL), r.randint(1, 40)


def network(x: torch.Tensor, t: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Smooth in x and t, mixes all values, about as large as noise."""
    return 1.5 * torch.tanh((x.flatten() @ weight).view(SHAPE) + torch.sin(t.float() / 150))


def run(config: dict, sampler: str, steps: int, weight: torch.Tensor, seed: int) -> dict:
    told = {key: config.pop(key) for key in ("tokens", "time_shift") if key in config}
    scheduler = scheduler_of(config, sampler)
    if config.get("use_dynamic_shifting"):
        tokens = told["tokens"]
        ends = [scheduler.config[key] for key in ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")]
        mu = compute_empirical_mu(tokens, steps) if told.get("time_shift") == "empirical" else calculate_shift(tokens, *ends)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
    else:
        scheduler.set_timesteps(steps)
    generator = torch.Generator("cpu").manual_seed(seed)
    x = torch.randn(SHAPE, generator=generator) * getattr(scheduler, "init_noise_sigma", 1)
    stochastic = sampler in ("ddpm", "euler", "euler-ancestral", "lcm", "tcd", "flow-euler") or config.get("algorithm_type") == "sde-dpmsolver++"
    extra = {"generator": generator} if stochastic else {}
    start, xs, outputs = x, [], []
    for t in scheduler.timesteps:
        out = network(scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x, t, weight)
        x = scheduler.step(out, t, x, **extra, return_dict=False)[0]
        xs.append(x)
        outputs.append(out)
    return {"timesteps": scheduler.timesteps.tolist(), "told": told, "tensors": {"start": start[0], "outputs": torch.cat(outputs), "x": torch.cat(xs)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, metavar="SEED")
    parser.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options = parser.parse_args()
    if options.random is not None and options.out == FIXTURES:
        parser.error("--random needs --out: random cases are not committed")
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    weight = 0.5 * torch.randn(24, 24, generator=torch.Generator("cpu").manual_seed(0)) / 24**0.5
    described, tensors = [], {}
    for i, (name, config, sampler, steps) in enumerate(committed() if options.random is None else drawn(options.random)):
        try:
            config = dict(config)
            result = run(config, sampler, steps, weight, seed=i)
        except (IndexError, AssertionError, ValueError) as error:  # timesteps that the model does not have, or that coincide
            if options.random is None:
                raise
            print(f"left out: {sampler} {steps} {config}: {error}")
            continue
        if not all(torch.isfinite(value).all() for value in result["tensors"].values()):
            if options.random is None:
                raise RuntimeError(f"not finite: {name} {sampler} {steps}")
            print(f"left out, not finite: {sampler} {steps} {config}")
            continue
        prefix = f"{i}.{name}.{sampler}.{steps}"
        tensors |= {f"{prefix}.{key}": value.clone().contiguous() for key, value in result["tensors"].items()}
        described.append({"name": prefix, "sampler": sampler, "steps": steps, "seed": i, "config": config, **result["told"], "timesteps": result["timesteps"]})
    options.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, options.out / "samplers.safetensors")
    (options.out / "samplers.safetensors").chmod(0o644)
    (options.out / "samplers.json").write_text(
        "[\n" + ",\n".join(json.dumps(case) for case in described) + "\n]\n"
    )
    print(f"{len(described)} cases")


if __name__ == "__main__":
    main()
