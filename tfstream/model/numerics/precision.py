"""Numbers that two bytes can hold: a model's bulk is rounded to them once, before it is calibrated.

A bundle then stores half as much, and a loaded detector is the trained one, bit for bit.

The network's products in scoring take bfloat16 where the processor that it was fitted on has instructions for
it.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor

Products = Literal["float32", "bfloat16"]


def halved(values: Tensor) -> Tensor:
    """Rounded to half precision, in single."""
    return values.half().float()


def packed(values: Tensor) -> Tensor:
    """In half precision where nothing is lost."""
    if values.dtype != torch.float32 or not torch.equal(halved(values), values):
        return values
    return values.half()


def unpacked(values: Tensor) -> Tensor:
    """The inverse; always a copy, since a product may depend on its operands' alignment in the last bit."""
    return values.float() if values.dtype == torch.float16 else values.clone()


@cache
def fastest_products() -> Products:
    """bfloat16 where the processor multiplies it natively."""
    able = torch.cpu.get_capabilities()
    native = able.get("avx512_bf16") or able.get("amx_bf16")
    return "bfloat16" if native and torch.backends.mkldnn.is_available() else "float32"


def product_type(products: Products) -> torch.dtype:
    """What to compute a model's products in, which was calibrated with ``products``.

    A processor without bfloat16 takes single precision for it: imitating it would take several times as long
    and be no closer, since the order of its sums differs, too.
    """
    return torch.bfloat16 if products == fastest_products() == "bfloat16" else torch.float32
