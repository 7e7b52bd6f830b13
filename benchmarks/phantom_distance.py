"""How far the simulated radiographs stand from real ones: spectrum, grey values, layout, borders, and Fréchet distance.

    python benchmarks/phantom_distance.py --data nih14 --layout nih --size 128 --half B --out distance.json

The patients of the films are halved by a seed: whatever of the phantom is fitted is fitted on half A and reported on
half B. A phantom is drawn for every film, of its view and with those of its findings that the phantom knows (pneumonia
as consolidation). The films of the other half stand beside as the distance of films from films.

Sources: radial power is the mean periodogram (Hann window, standardised image) in rings of 0.02 cycles per pixel,
phantom ÷ film; Fréchet distance and squared MMD as ``synthgen.eval.fidelity`` defines them, in the 32 principal
components of half A's films at 64 px (grey values 0 to 1), and with --neutral in EfficientNet-Lite0's 1,280 features
too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.eval.fidelity import frechet_distance, squared_mmd
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.phantom import FINDINGS, render, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Silent

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]

RING = 0.02
LEVELS = (0.01, 0.05, 0.10, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
COMPONENTS = 32


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is public of a set of images. Positions are shares of the side, greys 0 to 255.

    Attributes:
        power: radial power, rings of 0.02 cycles per pixel from 0 to 0.5.
        quantiles: of the mean histogram, at ``LEVELS``.
        histogram: mean share of pixels of each grey, [256].
        contrast: mean local standard deviation (9 x 9 pixels) at greys in sixteenths, nan where no pixel is.
        columns, rows: mean profiles of the middle third, [size].
        mean_spread, contrast_spread: standard deviation, between images, of the mean grey and of the grey's deviation.
        dark_border, white_border: share of images with a margin of two pixels or more that is nearly black or white.
        corners: mean grey of the four corners (an eighth of the side): upper right of the patient, upper left, lower …
        turn: standard deviation, between images, of the angle of the mediastinum, degrees.
        lungs, diaphragm: of the darkest columns of either side, and of the steepest rise below: mean, deviation, each.
    """

    power: tuple[float, ...]
    quantiles: tuple[float, ...]
    histogram: tuple[float, ...]
    contrast: tuple[float, ...]
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    mean_spread: float
    contrast_spread: float
    dark_border: float
    white_border: float
    corners: tuple[float, ...]
    turn: float
    lungs: tuple[float, ...]
    diaphragm: tuple[float, ...]


def radial_power(images: Images) -> Floats:
    """Mean periodogram of standardised images under a Hann window, in rings of 0.02 cycles per pixel: [25]."""
    n = images.shape[1]
    window = np.outer(np.hanning(n), np.hanning(n))
    f = np.fft.fftfreq(n)
    ring = (np.hypot(f[:, None], f[None]) / RING).astype(int)
    total = np.zeros((n, n))
    for image in images:
        x = image.astype(np.float64)
        total += np.abs(np.fft.fft2((x - x.mean()) / max(x.std(), 1e-6) * window)) ** 2
    sums, counts = np.bincount(ring.ravel(), total.ravel()), np.bincount(ring.ravel())
    return np.asarray((sums / counts)[: round(0.5 / RING)] / len(images))


def local_contrast(images: Images) -> Floats:
    """Mean standard deviation within 9 x 9 pixels, by the middle pixel's grey in sixteenths of the scale: [16]."""
    sums, counts = np.zeros(16), np.zeros(16)
    for image in images:
        x = image.astype(np.float64)
        mean = ndimage.uniform_filter(x, 9)
        deviation = np.sqrt(np.maximum(ndimage.uniform_filter(x * x, 9) - mean**2, 0))
        sums += np.bincount(image.ravel() // 16, deviation.ravel(), 16)
        counts += np.bincount(image.ravel() // 16, minlength=16)
    return np.asarray(sums / np.maximum(counts, 1))


def _margin(images: Images, black: bool) -> float:
    """Share of images of which two outermost rows or columns on one side are nearly black or nearly white."""
    sides = [images[:, :2], images[:, -2:], images[:, :, :2], images[:, :, -2:]]
    means = np.stack([side.astype(np.float64).mean(axis=(1, 2)) for side in sides])
    return float((means < 12).any(axis=0).mean()) if black else float((means > 243).any(axis=0).mean())


def _turns(images: Images) -> Floats:
    """Angle of the line of the mediastinum, degrees: through the bright columns between the lungs, level by level."""
    n = images.shape[1]
    rows, columns = slice(n // 4, 2 * n // 3), slice(n // 3, 2 * n // 3)
    part = images[:, rows, columns].astype(np.float64)
    weight = np.maximum(part - np.median(part, axis=2, keepdims=True), 0) + 1e-6
    centre = (weight * np.arange(part.shape[2])).sum(axis=2) / weight.sum(axis=2)
    return np.asarray(np.degrees(np.arctan(np.polyfit(np.arange(part.shape[1]), centre.T, 1)[0])))


def _lungs(images: Images) -> tuple[float, ...]:
    n = images.shape[1]
    profile = ndimage.uniform_filter1d(images[:, n // 3 : n // 2].astype(np.float64).mean(axis=1), n // 16, axis=1)
    edge, middle = n // 8, n // 2
    right = (edge + profile[:, edge:middle].argmin(axis=1)) / n
    left = (middle + profile[:, middle : n - edge].argmin(axis=1)) / n
    return (float(right.mean()), float(right.std()), float(left.mean()), float(left.std()))


def _diaphragm(images: Images) -> tuple[float, ...]:
    n = images.shape[1]
    out: list[float] = []
    for columns in (slice(n // 5, 2 * n // 5), slice(3 * n // 5, 4 * n // 5)):
        profile = ndimage.gaussian_filter1d(images[:, :, columns].astype(np.float64).mean(axis=2), n / 40, axis=1)
        level = (n // 2 + np.diff(profile, axis=1)[:, n // 2 : n - n // 16].argmax(axis=1)) / n
        out += [float(level.mean()), float(level.std())]
    return tuple(out)


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)


def describe(images: Images) -> Statistics:
    """The statistics of images [k, n, n]."""
    n, e = images.shape[1], images.shape[1] // 8
    histogram = np.bincount(images.ravel(), minlength=256) / images.size
    middle = slice(n // 3, 2 * n // 3)
    corners = [images[:, :e, :e], images[:, :e, -e:], images[:, -e:, :e], images[:, -e:, -e:]]
    return Statistics(
        power=_floats(radial_power(images)),
        quantiles=_floats(np.searchsorted(histogram.cumsum(), LEVELS).astype(np.float64)),
        histogram=_floats(histogram),
        contrast=_floats(local_contrast(images)),
        columns=_floats(images[:, middle].mean(axis=(0, 1))),
        rows=_floats(images[:, :, middle].mean(axis=(0, 2))),
        mean_spread=float(images.mean(axis=(1, 2)).std()),
        contrast_spread=float(images.std(axis=(1, 2)).std()),
        dark_border=_margin(images, True),
        white_border=_margin(images, False),
        corners=tuple(round(float(corner.mean()), 2) for corner in corners),
        turn=float(_turns(images).std()),
        lungs=_lungs(images),
        diaphragm=_diaphragm(images),
    )


@dataclass(frozen=True, slots=True)
class Distance:
    """Of one set of images from films; every figure is 0 for the films themselves (1 for ``power_low`` and ``_high``).

    Attributes:
        power_low, power_high: least and greatest ratio of radial power between 0.1 and 0.4 cycles per pixel.
        power: mean of |ln ratio| there.
        grey: Wasserstein-1 distance of the mean histograms, greys.
        contrast: mean difference of the local contrast curves, greys, weighted by the films' histogram.
        mean_image: root mean square difference of the mean images, greys.
        profiles: the same of the mean profiles of columns and rows.
        frechet, mmd: in 32 principal components.
        neutral_frechet, neutral_mmd: in a neutral network's features; nan where they were not asked for.
    """

    power_low: float
    power_high: float
    power: float
    grey: float
    contrast: float
    mean_image: float
    profiles: float
    frechet: float
    mmd: float
    neutral_frechet: float = float("nan")
    neutral_mmd: float = float("nan")


def in_neutral_features(distance: Distance, images: Images, films: Images) -> Distance:
    """The distance with the neutral network's two figures; its packages must be installed."""
    from synthgen.pretrained.neutral import neutral_encoder

    embed = neutral_encoder()
    a, b = embed(films), embed(images)
    return replace(distance, neutral_frechet=frechet_distance(a, b), neutral_mmd=squared_mmd(a, b))


def compare(images: Images, films: Images, axes: Axes) -> Distance:
    """The distance of ``images`` from ``films``, both [k, n, n]."""
    ours, theirs = describe(images), describe(films)
    ratio = np.array(ours.power) / np.array(theirs.power)
    within = ratio[round(0.1 / RING) : round(0.4 / RING)]
    weight = np.array(theirs.histogram).reshape(16, 16).sum(axis=1)
    lines = [np.array(getattr(ours, name)) - np.array(getattr(theirs, name)) for name in ("columns", "rows")]
    a, b = axes.features(films), axes.features(images)
    return Distance(
        power_low=float(within.min()),
        power_high=float(within.max()),
        power=float(np.abs(np.log(within)).mean()),
        grey=float(np.abs(np.cumsum(ours.histogram) - np.cumsum(theirs.histogram)).sum()),
        contrast=float((weight * np.abs(np.array(ours.contrast) - np.array(theirs.contrast))).sum() / weight.sum()),
        mean_image=float(np.sqrt(((images.mean(axis=0) - films.mean(axis=0)) ** 2).mean())),
        profiles=float(np.sqrt(np.mean(np.square(lines)))),
        frechet=frechet_distance(a, b),
        mmd=squared_mmd(a, b),
    )


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal components of films at 64 px."""

    mean: Floats
    axes: Floats

    def features(self, images: Images) -> Floats:
        """Scores, [k, components]."""
        return np.asarray((_small(images) - self.mean) @ self.axes.T)


def _small(images: Images) -> Floats:
    k, n = len(images), images.shape[1]
    step = n // 64
    blocks = images[:, : 64 * step, : 64 * step].reshape(k, 64, step, 64, step)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(k, -1) / 255)


def principal(films: Images) -> Axes:
    """Fits the components."""
    small = _small(films)
    mean = small.mean(axis=0)
    return Axes(mean, np.linalg.svd(small - mean, full_matrices=False)[2][:COMPONENTS])


def halves(patients: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """True for the films of half A of the patients."""
    each = np.unique(np.array(patients))
    chosen = set(np.random.default_rng(seed).permutation(each)[: len(each) // 2].tolist())
    return np.array([patient in chosen for patient in patients])


def phantoms(films: Sequence[CxrReal], size: int, first: int) -> tuple[Images, float]:
    """A phantom for every film, and the milliseconds of one."""
    images, start = [], time.process_time()
    for index, film in enumerate(films):
        patient = sample_patient(first + index)
        named = {"Pneumonia": "Consolidation"}
        shown = tuple(sorted({named.get(f, f) for f in film.condition.findings} & set(FINDINGS)))
        images.append(render(patient, sample_visit(index, patient), shown, film.condition.view, size))
    return np.stack(images), 1000 * (time.process_time() - start) / len(films)


def table(sets: dict[str, Distance]) -> str:
    """One row a figure, one column a set."""
    lines = ["| | " + " | ".join(sets) + " |", "| --- |" + " ---: |" * len(sets)]
    for name in Distance.__slots__:
        lines.append(f"| {name} | " + " | ".join(f"{getattr(d, name):.3g}" for d in sets.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", default="auto")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--half", choices=("A", "B"), default="B")
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=7_000_000, help="seed of the first phantom")
    parser.add_argument("--neutral", action="store_true", help="in EfficientNet-Lite0's features too")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    config = CohortConfig(layout=options.layout)
    with tempfile.TemporaryDirectory() as cache:
        records = load_cohort(options.data, config, size=options.size, cache=Path(cache), progress=Silent()).records
        images = np.stack([record.payload for record in records])
    in_a = halves([record.patient for record in records], options.split_seed)
    chosen = in_a if options.half == "A" else ~in_a
    drawn, cost = phantoms([r for r, c in zip(records, chosen, strict=True) if c], options.size, options.first)
    axes, films = principal(images[in_a]), images[chosen]
    result = {"phantoms": compare(drawn, films, axes), "films of the other half": compare(images[~chosen], films, axes)}
    if options.neutral:
        others = {"phantoms": drawn, "films of the other half": images[~chosen]}
        result = {name: in_neutral_features(result[name], others[name], films) for name in result}
    print(f"{len(drawn)} phantoms, as many films of half {options.half}, {options.size} px, {cost:.0f} ms a phantom")
    print(table(result))
    told = {"phantoms": asdict(describe(drawn)), "films": asdict(describe(films))}
    distances = {name: asdict(distance) for name, distance in result.items()}
    facts = {"size": options.size, "half": options.half, "split_seed": options.split_seed, "milliseconds": cost}
    options.out.write_text(json.dumps({"facts": facts, "distance": distances, "statistics": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
