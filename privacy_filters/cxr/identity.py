"""Who is it: an embedding in which radiographs of one patient lie together, and those of others apart.

Packhäuser et al. 2022 ("Deep learning-based patient re-identification is able to exploit the biometric nature of
medical chest X-ray data") showed that a radiograph identifies its patient, with a network trained on a hundred thousand
of them. A cohort of some hundred patients is too few for that. Here a network that saw photographs alone
(EfficientNet-Lite0) describes edges and their arrangement, and what of that tells patients apart is learnt in closed
form: Fisher's linear discriminants (Belhumeur, Hespanha and Kriegman 1997, "Eigenfaces vs. Fisherfaces"), patients
being the classes, of each of three middle layers. Shifted and zoomed views count as further visits, for most patients
came once; mirrored patients as further patients. Trained networks did worse (docs/results/cxr.md, section 3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.payloads.cxr import CxrImage, CxrReal
from synthgen.pretrained.neutral import neutral_maps
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.contrast import local_contrast, resized
from synthgen.progress import Progress

FORMAT = "synthgen-cxr-identity-3"
WEIGHTS = "identity.safetensors"
CARD = "identity.json"
PATIENTS = 1000  # at most, from whom discriminants are learnt: more change little

_LAYERS = (4, 7, 10)  # blocks of the network, of 40, 80 and 112 channels
_GRID = 4  # places a side at which a layer is read
_WINDOW = 1 / 5  # of the side: slower changes are exposure
_VIEWS = ((1.0, 0.0, 0.0), (0.94, 0.0, 0.0), (1.06, 0.0, 0.0), (1.0, 0.05, 0.0), (1.0, -0.05, 0.05))
"""Zoom, shift right, shift down, in units of half the image: what another positioning shows."""

Floats = NDArray[np.float32]
View = tuple[float, float, float]


@dataclass(frozen=True)
class Discriminant:
    """Of one layer: rows x [D] become (x − centre) · matrix, of unit norm.

    Attributes:
        centre: shape [D].
        matrix: shape [D, d].
    """

    centre: Floats
    matrix: Floats

    @classmethod
    def fit(cls, rows: Floats, classes: Sequence[str], config: IdentityConfig) -> Discriminant:
        """From rows [n, D] and the patient of each; principal components first, for D exceeds what n can tell."""
        components = min(config.components, rows.shape[1], len(rows) - 1)
        dimensions = min(config.dimensions, components, len(set(classes)) - 1)
        scaler, principal = StandardScaler(), PCA(components, svd_solver="covariance_eigh")
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=config.shrinkage, n_components=dimensions)
        make_pipeline(scaler, principal, analysis).fit(rows, classes)
        matrix = (principal.components_.T @ analysis.scalings_[:, :dimensions]) / scaler.scale_[:, None]
        centre = scaler.mean_ + principal.mean_ * scaler.scale_
        return cls(centre.astype(np.float32), matrix.astype(np.float32))

    def __call__(self, rows: Floats) -> Floats:
        """Unit vectors [n, d]; what lies at the centre stays zero."""
        found = (rows - self.centre) @ self.matrix
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), dtype=np.float32)


@dataclass(frozen=True)
class Identity:
    """The fitted embedding.

    Every image is looked at as it is and mirrored: the unit vectors of all layers and both sides stand side by side,
    so that a cosine is the mean of their opinions.
    """

    layers: tuple[Discriminant, ...]
    size: int

    @property
    def dimensions(self) -> int:
        """D, the length of an embedding."""
        return 2 * sum(len(layer.matrix[0]) for layer in self.layers)

    def embed(self, images: NDArray[np.uint8]) -> Floats:
        """uint8 [N, H, W] of any size to unit vectors, float32 [N, D]; an image's vector depends on it alone."""
        if images.ndim != 3 or images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 [N, H, W], got {images.dtype} {list(images.shape)}")
        if not len(images):
            return np.zeros((0, self.dimensions), np.float32)
        described = described_layers(list(images), self.size, _VIEWS[:1])
        parts = [layer(rows[:, 0, side]) for layer, rows in zip(self.layers, described, strict=True) for side in (0, 1)]
        return np.asarray(np.concatenate(parts, axis=1) / len(parts) ** 0.5, dtype=np.float32)


def described_layers(
    images: Sequence[CxrImage], size: int, views: Sequence[View], done: Callable[[], object] = lambda: None
) -> tuple[Floats, ...]:
    """What each layer says of every view of every image, as it is and mirrored: [N, views, 2, D] for each layer.

    Args:
        done: called after every image.
    """
    maps = neutral_maps(_LAYERS)
    window = round(size * _WINDOW) // 2 * 2 + 1

    @torch.inference_mode()
    def of(image: CxrImage) -> list[Tensor]:
        pixels = resized(image[None], size)
        seen = torch.cat([_seen(pixels, *view) for view in views])
        contrast = (local_contrast(seen, window) / 2).clamp(-2, 2)
        both = torch.stack([contrast, contrast.flip(-1)], dim=1).flatten(0, 1).expand(-1, 3, -1, -1)
        read = [F.adaptive_avg_pool2d(found, _GRID).flatten(1) for found in maps(both)]
        return [layer.reshape(len(views), 2, -1) for layer in read]

    # A thread for each image: the network's layers are too small to be shared out.
    found: list[list[Tensor]] = []
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for layers in pool.map(of, images):
            found.append(layers)
            done()
    return tuple(torch.stack(layer).numpy() for layer in zip(*found, strict=True))


def _seen(images: Tensor, zoom: float, right: float, down: float) -> Tensor:
    """The images as another positioning shows them; float32 [N, 1, S, S]."""
    if (zoom, right, down) == (1.0, 0.0, 0.0):
        return images
    matrix = torch.tensor([[1 / zoom, 0.0, -right], [0.0, 1 / zoom, -down]]).expand(len(images), 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def fit_identity(
    train: Sequence[CxrReal], config: IdentityConfig, folder: Path, *, seed: int, progress: Progress
) -> None:
    """Fits the embedding and saves it under ``folder`` (safetensors and JSON); a finished folder is left as it is.

    Args:
        train: records of the training patients; of calibration and audit patients none, ever.
        seed: which patients are learnt from, where there are more than ``PATIENTS``.

    Raises:
        UserError: fewer than two patients; or the folder holds a model of other records, configuration or seed.
    """
    patients = _patients(train)
    if len(patients) < 2:
        raise UserError(f"the identity embedding learns from at least 2 patients, got {len(patients)}: add patients")
    run = _fingerprint(train, config, seed)
    if (folder / CARD).exists():
        _same_run(_card(folder).get("run"), run, folder)
        return
    chosen = _chosen(patients, seed)
    classes = [train[i].patient for i in chosen for _ in _VIEWS for _ in "lr"]
    mirrored = [f"{name} mirrored" if at % 2 else name for at, name in enumerate(classes)]
    bar = progress.task("identity embedding", len(chosen), "image")
    described = described_layers([train[i].payload for i in chosen], config.size, _VIEWS, bar.advance)
    tensors: dict[str, Tensor] = {}
    for number, rows in enumerate(described):
        layer = Discriminant.fit(rows.reshape(len(mirrored), -1), mirrored, config)
        tensors |= {f"{number}.{name}": torch.from_numpy(part) for name, part in vars(layer).items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / WEIGHTS, save(tensors))
    card = {"format": FORMAT, "run": run, "config": config.model_dump(mode="json"), "patients": len(patients)}
    write_atomically(folder / CARD, json.dumps(card, indent=1).encode())


def open_identity(folder: Path) -> Identity:
    """Opens what :func:`fit_identity` saved.

    Raises:
        UserError: the folder is no finished identity model, or its files are damaged or not safetensors.
    """
    card = _card(folder)
    try:
        config = IdentityConfig.model_validate(card.get("config"))
        tensors = {name: tensor.numpy() for name, tensor in load_file(folder / WEIGHTS).items()}
        layers = tuple(Discriminant(tensors[f"{i}.centre"], tensors[f"{i}.matrix"]) for i in range(len(_LAYERS)))
    except (OSError, SafetensorError, KeyError, ValidationError) as error:
        raise UserError(f"{folder / WEIGHTS} is missing, damaged or not safetensors of this model: {_AGAIN}") from error
    return Identity(layers, config.size)


_AGAIN = "name a folder that fit_identity has finished, or delete it and fit again"


def _card(folder: Path) -> dict[str, object]:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} holds no identity model ({CARD} is missing or unreadable): {_AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise UserError(f"{folder / CARD} is not of the format {FORMAT}: {_AGAIN}")
    return card


def _same_run(found: object, run: str, folder: Path) -> None:
    if found != run:
        raise UserError(
            f"{folder} holds an identity model of other records, settings or seed: name another folder, or delete it"
        )


def _patients(train: Sequence[CxrReal]) -> list[list[int]]:
    """Indices of the records of each patient; order by patient and record, whatever the order of ``train``."""
    groups: dict[str, list[int]] = {}
    for index in sorted(range(len(train)), key=lambda i: (train[i].patient, train[i].record)):
        groups.setdefault(train[index].patient, []).append(index)
    return list(groups.values())


def _chosen(patients: Sequence[list[int]], seed: int) -> list[int]:
    """Records of ``PATIENTS`` patients at most; those who came several times teach most."""
    order = np.random.default_rng(seed).permutation(len(patients))
    first = sorted(order, key=lambda at: len(patients[at]) == 1)[:PATIENTS]
    return [index for at in sorted(first) for index in patients[at]]


def _fingerprint(train: Sequence[CxrReal], config: IdentityConfig, seed: int) -> str:
    digest = hashlib.blake2b(f"{config.model_dump_json()}|{seed}".encode(), digest_size=16)
    for record in sorted(train, key=lambda r: (r.patient, r.record)):
        digest.update(f"|{record.patient}|{record.record}|".encode())
        digest.update(np.ascontiguousarray(record.payload).tobytes())
    return digest.hexdigest()
