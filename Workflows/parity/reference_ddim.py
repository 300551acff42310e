"""The sampler of Fast-DDPM in PyTorch: the other side of a comparison, written from its description alone."""

import math

import torch

UNIFORM_10 = [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]


def alphas_cumprod():
    """Of the linear schedule 1e-4 ... 0.02 with 1000 labels, in double precision."""
    beta = torch.linspace(1e-4, 2e-2, 1000, dtype=torch.float64)
    return torch.cumprod(1 - beta, dim=0)


@torch.no_grad()
def ddim(network, condition, start, labels=UNIFORM_10):
    """Deterministic DDIM over the labels and on to the clean image, nothing clamped. The state is float32, the
    coefficients are computed in double precision."""
    table = alphas_cumprod()
    x = start.clone()
    for position in reversed(range(len(labels))):
        label = labels[position]
        here = table[label].item()
        there = table[labels[position - 1]].item() if position > 0 else 1.0
        noise = network(torch.cat([condition, x], dim=1), torch.full((x.shape[0],), label))
        clean = (x - math.sqrt(1 - here) * noise) / math.sqrt(here)
        x = math.sqrt(there) * clean + math.sqrt(1 - there) * noise
    return x
