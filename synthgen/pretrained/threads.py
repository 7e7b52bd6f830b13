"""Torch on one thread, for what is small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Small tensors, recurrent steps: handing them to threads takes longer than the work itself, five times on a busy
    machine; and rounding must not depend on the number of threads.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
