"""Random weights under which an error anywhere shows: no parameter is zero, one, or the same as its neighbours,
and activations keep a scale of about one, so that no branch drowns in another."""
import math

import torch
from torch import nn

NORMS = (nn.GroupNorm, nn.LayerNorm)


@torch.no_grad()
def randomise(model: nn.Module, generator: torch.Generator, alone: float | None = None) -> None:
    """`alone` is the deviation of parameters that are no layer's: class tokens, positions, scales. Without it they are refused."""

    def normal(parameter: torch.Tensor, std: float, mean: float = 0.0) -> None:
        parameter.copy_(mean + std * torch.randn(parameter.shape, generator=generator))

    done = set()
    for module in model.modules():
        if isinstance(module, NORMS) and module.weight is not None:
            module.weight.copy_(0.6 + 0.8 * torch.rand(module.weight.shape, generator=generator))
            normal(module.bias, 0.2)
        elif isinstance(module, (nn.Linear, nn.Conv2d)):
            normal(module.weight, 1.1 / math.sqrt(module.weight[0].numel()))
            if module.bias is not None:
                normal(module.bias, 0.15)
        elif type(module).__name__.endswith("RMSNorm"):
            module.weight.copy_(0.6 + 0.8 * torch.rand(module.weight.shape, generator=generator))
        elif isinstance(module, nn.Embedding):
            normal(module.weight, 0.7)
        else:
            continue
        done.update(id(p) for p in module.parameters(recurse=False))
    left = [name for name, p in model.named_parameters() if id(p) not in done]
    if alone is not None:
        for name in left:
            normal(model.get_parameter(name), alone)
    elif left:
        raise RuntimeError(f"parameters without a rule: {left}")


@torch.no_grad()
def calibrate(vae: nn.Module, image: torch.Tensor) -> None:
    """Scales the VAE's last layers so that s·mode has unit variance and the decoder gives pictures within about [-1, 1]."""
    mode = vae.encode(image).latent_dist.mode()
    channels = vae.config.latent_channels
    for parameter in vae.quant_conv.parameters():
        parameter[:channels] *= (1 / vae.config.scaling_factor) / mode.std()
    decoded = vae.decode(vae.encode(image).latent_dist.mode()).sample
    for parameter in vae.decoder.conv_out.parameters():
        parameter *= 0.5 / decoded.std()
