"""The U-Net of Fast-DDPM (the network of DDIM) in PyTorch, written from its description alone.

State-dict names and parameter order are those of published checkpoints, so what it saves looks to a reader exactly like
one of them. It trains here (`train.py`), and it is the other side of the comparisons in `parity/` and `bench/`.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def norm(channels, groups):
    return nn.GroupNorm(groups, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, embedding, groups):
        super().__init__()
        self.norm1 = norm(inputs, groups)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.temb_proj = nn.Linear(embedding, outputs)
        self.norm2 = norm(outputs, groups)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, embedded):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.temb_proj(F.silu(embedded))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.norm = norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        n, c, height, width = x.shape
        h = self.norm(x)
        q, k, v = (part(h).reshape(n, c, height * width) for part in (self.q, self.k, self.v))
        weights = torch.softmax(torch.einsum("bcq,bck->bqk", q, k) * c ** -0.5, dim=2)
        mixed = torch.einsum("bqk,bck->bcq", weights, v).reshape(n, c, height, width)
        return x + self.proj_out(mixed)


class Resampling(nn.Module):
    """A holder, so that the convolution is called `downsample.conv` or `upsample.conv`."""

    def __init__(self, channels, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(channels, channels, 3, stride=2) if down else nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        if self.down:
            return self.conv(F.pad(x, (0, 1, 0, 1)))  # one row and one column of zeros, at the end only
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Level(nn.Module):
    """One resolution; on the way up each block also takes what the way down left behind."""

    def __init__(self, widths, embedding, groups, attend):
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(i, o, embedding, groups) for i, o in widths)
        self.attn = nn.ModuleList(Attention(o, groups) for _, o in widths) if attend else nn.ModuleList()

    def stage(self, j, x, embedded):
        h = self.block[j](x, embedded)
        return self.attn[j](h) if len(self.attn) else h


class Embedding(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.dense = nn.ModuleList([nn.Linear(base, 4 * base), nn.Linear(4 * base, 4 * base)])

    def forward(self, labels):
        half = self.base // 2
        frequencies = torch.exp(torch.arange(half, dtype=torch.float32, device=labels.device) * (-math.log(10000) / (half - 1)))
        angles = labels.float()[:, None] * frequencies[None, :]
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return self.dense[1](F.silu(self.dense[0](waves.to(self.dense[0].weight.dtype))))


class UNet(nn.Module):
    """Images [n, inputs, h, w] and one timestep label each to [n, outputs, h, w]; the published network unless told otherwise."""

    def __init__(self, inputs=2, outputs=1, base=128, multipliers=(1, 1, 2, 2, 4, 4), blocks=2, attention=(4,),
                 bottleneck=True, groups=32):
        super().__init__()
        embedding = 4 * base
        self.blocks = blocks
        self.temb = Embedding(base)
        self.conv_in = nn.Conv2d(inputs, base, 3, padding=1)
        kept, width, down = [base], base, []
        for index, multiplier in enumerate(multipliers):
            widths = []
            for _ in range(blocks):
                widths.append((width, base * multiplier))
                width = base * multiplier
                kept.append(width)
            level = Level(widths, embedding, groups, index in attention)
            if index < len(multipliers) - 1:
                level.downsample = Resampling(width, down=True)
                kept.append(width)
            down.append(level)
        self.down = nn.ModuleList(down)
        self.mid = nn.Module()
        self.mid.block_1 = ResidualBlock(width, width, embedding, groups)
        self.mid.attn_1 = Attention(width, groups) if bottleneck else nn.Identity()
        self.mid.block_2 = ResidualBlock(width, width, embedding, groups)
        up = []
        for index in reversed(range(len(multipliers))):
            widths = []
            for _ in range(blocks + 1):
                widths.append((width + kept.pop(), base * multipliers[index]))
                width = base * multipliers[index]
            level = Level(widths, embedding, groups, index in attention)
            if index > 0:
                level.upsample = Resampling(width, down=False)
            up.insert(0, level)
        self.up = nn.ModuleList(up)
        self.norm_out = norm(width, groups)
        self.conv_out = nn.Conv2d(width, outputs, 3, padding=1)

    @staticmethod
    def of_card(architecture):
        """The network that a model card's `architecture` describes."""
        return UNet(
            inputs=architecture["inputChannels"], outputs=architecture["outputChannels"], base=architecture["baseChannels"],
            multipliers=tuple(architecture["channelMultipliers"]), blocks=architecture["residualBlocks"],
            attention=tuple(architecture["attentionLevels"]), bottleneck=architecture["bottleneckAttention"],
            groups=architecture.get("normGroups") or 32)

    def forward(self, x, labels):
        embedded = self.temb(labels)
        h = self.conv_in(x)
        kept = [h]
        for level in self.down:
            for j in range(self.blocks):
                h = level.stage(j, h, embedded)
                kept.append(h)
            if hasattr(level, "downsample"):
                h = level.downsample(h)
                kept.append(h)
        h = self.mid.block_1(h, embedded)
        h = self.mid.attn_1(h)
        h = self.mid.block_2(h, embedded)
        for level in reversed(self.up):
            for j in range(self.blocks + 1):
                h = level.stage(j, torch.cat([h, kept.pop()], dim=1), embedded)
            if hasattr(level, "upsample"):
                h = level.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))
