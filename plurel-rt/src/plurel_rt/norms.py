"""RMSNorm with its gradient written out: torch's own takes a dozen passes over memory on a CPU, this half.

Same parameter (`weight`) and, up to rounding, values as `torch.nn.RMSNorm` with eps=None; inputs narrower
than f32 are normalised in f32, as there. Not here: other norms, and gradients of gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPS = torch.finfo(torch.float32).eps
"""What eps=None means to published checkpoints, for narrower inputs too."""


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last axis.

    Args:
        dim: its length.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., dim]` -> `[..., dim]`."""
        normed: Tensor = _RMSNorm.apply(x, self.weight)
        return normed


class _RMSNorm(torch.autograd.Function):
    """With n = x / rms: the gradient of x is (g w - n mean(g w n)) / rms, that of the weight sum(g n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        inverse = torch.rsqrt(length.square_().div_(x.shape[-1]).add_(EPS))
        normed = x * inverse
        ctx.save_for_backward(normed, inverse, weight)
        return (normed * weight).to(torch.promote_types(x.dtype, weight.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        normed, inverse, weight = ctx.saved_tensors
        gradient, weight = gradient.to(normed.dtype), weight.to(normed.dtype)
        along = gradient * normed
        of_weight = along.reshape(-1, along.shape[-1]).sum(dim=0)
        share = (along @ weight).unsqueeze(-1).div_(-normed.shape[-1])
        of_input = (gradient * weight).addcmul_(normed, share).mul_(inverse)
        return of_input, of_weight
