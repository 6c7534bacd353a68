"""Whether a processor multiplies bfloat16 itself, where that is twice as fast as float32."""

from __future__ import annotations

from functools import lru_cache

import torch


@lru_cache(maxsize=1)
def processor_has_bf16() -> bool:
    """Whether the CPU has AVX512-BF16 or AMX; without them torch emulates bfloat16, more slowly."""
    # a variable of the environment may forbid what the processor has
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    known = torch.cpu.get_capabilities()
    return wide and any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
