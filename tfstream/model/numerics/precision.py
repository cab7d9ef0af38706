"""Number formats: half precision to store a model, and the precision of the network's products.

Most of a model is rounded to half precision once, before it is calibrated. Its bundle is half as large, and
the loaded detector is the trained one, bit for bit.

In scoring, the products of the network use bfloat16 if the processor that fitted the model has instructions
for it.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor

Products = Literal["float32", "bfloat16"]


def round_to_half(values: Tensor) -> Tensor:
    """Round values to half precision; the result is in single precision."""
    return values.half().float()


def packed(values: Tensor) -> Tensor:
    """Convert to half precision if that changes no value, to store a tensor."""
    if values.dtype != torch.float32 or not torch.equal(round_to_half(values), values):
        return values
    return values.half()


def unpacked(values: Tensor) -> Tensor:
    """The inverse of :func:`packed`; always a copy: a product's last bit may depend on memory alignment."""
    return values.float() if values.dtype == torch.float16 else values.clone()


@cache
def fastest_products() -> Products:
    """bfloat16 if the processor multiplies it natively, else float32."""
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return "bfloat16" if native and torch.backends.mkldnn.is_available() else "float32"


def product_type(products: Products) -> torch.dtype:
    """The precision in which to compute the products of a model that was calibrated with ``products``.

    A processor without bfloat16 uses single precision instead: emulating bfloat16 would take several times as
    long, and the scores would be no closer, since the order of the sums differs, too.
    """
    return torch.bfloat16 if products == fastest_products() == "bfloat16" else torch.float32
