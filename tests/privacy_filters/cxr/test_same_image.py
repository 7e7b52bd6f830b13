"""One radiograph under two patients is found, whatever an export did to it; two people's are not."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.privacy_filters.cxr import same_image
from synthgen.privacy_filters.cxr.same_image import COPY, MIRRORED, NEGATIVE, SAME_PIXELS, compared, same_images
from synthgen.progress import Silent
from synthgen.records import Link

PEOPLE, SIZE = 16, 128
Picture = np.ndarray


def phantom(person: int, visit: int = 0, size: int = SIZE) -> Picture:
    patient = sample_patient(1000 + person)
    return render(patient, sample_visit(2000 + 10 * person + visit, patient), (), "PA", size)


@pytest.fixture(scope="module")
def people() -> list[Picture]:
    return [phantom(person) for person in range(PEOPLE)]


def names(count: int) -> list[str]:
    return [f"p{at:02d}" for at in range(count)]


def jpeg(image: Picture) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=50)
    return np.asarray(Image.open(buffer).convert("L"))


def cut(image: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    side = len(image)
    box = (left * side, top * side, (1 - right) * side, (1 - bottom) * side)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box))


def other_size(image: Picture) -> Picture:
    side = len(image)
    return np.asarray(Image.fromarray(image).resize((int(0.6 * side),) * 2).resize((side, side)))


CHANGES: dict[str, tuple[Callable[[Picture], Picture], str]] = {
    "as it is": (lambda image: image.copy(), SAME_PIXELS),
    "JPEG": (jpeg, COPY),
    "another size": (other_size, COPY),
    "5% cut off every side": (lambda image: cut(image, 0.05, 0.05, 0.05, 0.05), COPY),
    "10% cut off every side": (lambda image: cut(image, 0.1, 0.1, 0.1, 0.1), COPY),
    "10% cut off the top": (lambda image: cut(image, 0, 0.1, 0, 0), COPY),
    "exposure": (lambda image: (255 * (image / 255) ** 0.7).astype(np.uint8), COPY),
    "mirrored": (lambda image: np.ascontiguousarray(image[:, ::-1]), MIRRORED),
    "negative": (lambda image: 255 - image, NEGATIVE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_under_another_patient_is_linked_and_nobody_else(people: list[Picture], change: str) -> None:
    make, kind = CHANGES[change]
    links = same_images([*people, make(people[5])], names(PEOPLE + 1), Silent())
    assert links == [Link(5, PEOPLE, kind)]


def test_the_order_does_not_matter(people: list[Picture]) -> None:
    assert same_images([jpeg(people[5]), *people], names(PEOPLE + 1), Silent()) == [Link(0, 6, COPY)]


def test_visits_of_one_patient_are_no_links_and_visits_of_two_are_two(people: list[Picture]) -> None:
    visits = [phantom(person, 1) for person in range(4)]
    owners = [*names(PEOPLE), *names(4)]
    assert same_images([*people, *visits], owners, Silent()) == []
    assert same_images([*people, people[3].copy()], [*names(PEOPLE), "p03"], Silent()) == []


def test_strangers_lie_well_below_the_threshold_and_copies_well_above(people: list[Picture]) -> None:
    pairs = compared([*people, jpeg(people[5])], names(PEOPLE + 1), Silent())
    agreements = {(pair.first, pair.second): pair.agreement for pair in pairs}
    enough = same_image.enough_for(SIZE)
    assert agreements.pop((5, PEOPLE)) > enough + 0.1
    # Of a pair of strangers and of a stranger's copy alike.
    assert max(agreements.values()) < enough - 0.05


def test_small_images_are_compared_to_the_pixel_only() -> None:
    small = [phantom(person, size=32) for person in range(6)]
    assert same_images([*small, small[2].copy(), jpeg(small[3])], names(8), Silent()) == [Link(2, 6, SAME_PIXELS)]


def test_images_of_64_pixels_are_told_apart_too() -> None:
    small = [phantom(person, size=64) for person in range(PEOPLE)]
    links = same_images([*small, cut(small[2], 0.05, 0.05, 0.05, 0.05)], names(PEOPLE + 1), Silent())
    assert links == [Link(2, PEOPLE, COPY)]


def test_blank_images_are_the_same_and_resemble_nothing(people: list[Picture]) -> None:
    blank, grey = np.zeros((SIZE, SIZE), np.uint8), np.full((SIZE, SIZE), 90, np.uint8)
    assert same_images([blank, people[0], grey, blank.copy()], names(4), Silent()) == [Link(0, 3, SAME_PIXELS)]


def test_one_patient_or_none_has_no_links(people: list[Picture]) -> None:
    assert same_images([], [], Silent()) == []
    assert same_images(people[:3], ["a"] * 3, Silent()) == []


def test_blocks_do_not_change_what_is_found(people: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    images, owners = [*people, jpeg(people[2])], names(PEOPLE + 1)
    whole = compared(images, owners, Silent())
    monkeypatch.setattr(same_image, "_BLOCK_BYTES", 4)
    parts = compared(images, owners, Silent())
    assert [(p.first, p.second, p.kind) for p in parts] == [(p.first, p.second, p.kind) for p in whole]
    assert [p.agreement for p in parts] == pytest.approx([p.agreement for p in whole], abs=1e-3)
