"""Whether a machine computes in bfloat16. One that does not emulates it, slower than single precision."""

from __future__ import annotations


def computes_in_bfloat16(*, gpu: bool = False) -> bool:
    """True where the processor, or the GPU, has instructions for it."""
    import torch

    if gpu:
        return bool(torch.cuda.is_bf16_supported())
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # an older PyTorch tells nothing
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
