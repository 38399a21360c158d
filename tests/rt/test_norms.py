"""RMSNorm in narrow types, as published weights in bf16 ask for it."""

from __future__ import annotations

import pytest
import torch

from plurel_rt.norms import RMSNorm


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_narrow_inputs_are_normalised_in_f32_as_torch_does(narrow: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(64, 256, generator=generator)).to(narrow).requires_grad_()
    ours, torchs = RMSNorm(256).to(narrow), torch.nn.RMSNorm(256).to(narrow)
    weight = torch.randn(256, generator=generator)
    found = []
    for norm in (ours, torchs):
        with torch.no_grad():
            norm.weight.copy_(weight)
        out = norm(x)
        found.append((out.detach(), *torch.autograd.grad(out.sin().sum(), [x, norm.weight])))
    step = torch.finfo(narrow).eps
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype == narrow
        torch.testing.assert_close(a, b, rtol=step, atol=step)


def test_narrow_inputs_of_wide_weights_have_gradients() -> None:
    norm = RMSNorm(8)
    x = torch.ones(2, 8, dtype=torch.bfloat16, requires_grad=True)
    of_input, of_weight = torch.autograd.grad(norm(x).sum(), [x, norm.weight])
    assert (of_input.dtype, of_weight.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(of_weight, torch.full((8,), 2.0))


def test_gradients_of_gradients_are_refused_rather_than_wrong() -> None:
    norm = RMSNorm(4)
    x = torch.arange(4.0, requires_grad=True)  # one vector alone is allowed, too
    [first] = torch.autograd.grad(norm(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(first.sum())
