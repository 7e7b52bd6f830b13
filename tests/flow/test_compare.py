"""``synthgen compare``: a cohort as it is, changed by an operator of one's own, and synthesised."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flow_command import EXAMPLES
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

import synthgen
from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.modality import AnonymiserKind, Modality
from synthgen.progress import Silent
from synthgen.records import Anonymised, Attacker, Cohort, Estimate, Matcher, Operator, Real
from synthgen.release import words
from synthgen.release.comparison import USE, named, strongest, table
from synthgen.report import Comparison, DatasetFacts

Row = tuple[float, ...]
SETTINGS = ("split.train=0.4", "split.calibration=0.3", "split.audit=0.3", "gate.planted=60")


@dataclass(frozen=True)
class Nearest:
    """An attacker who learns nothing."""

    name: str = "nearest row, as it is"
    learns: bool = False

    def trained(self, probes: Sequence[Row], gallery: Sequence[Row], seed: int) -> Matcher[Row]:
        def near(probes: Sequence[Row], gallery: Sequence[Row]) -> NDArray[np.float64]:
            return -cdist(np.array(probes), np.array(gallery))

        return near


@dataclass(frozen=True)
class Noise(AnonymiserKind[Row, Any, Any]):
    """Noise of so many times the spread of each sign, a patient's own under the secret."""

    operators = ("noise",)

    def open(
        self, operator: str, strength: float, train: Sequence[Real[Row, Any]], config: Any, secret: bytes
    ) -> Operator[Row, Any]:
        spread = np.array([r.payload for r in train]).std(axis=0)

        def changed(person: int, records: Sequence[Real[Row, Any]]) -> list[Anonymised[Row, Any]]:
            made = []
            for r in records:
                rng = np.random.default_rng(int(keyed(secret, r.patient, r.record), 16))
                noise = strength * spread * rng.normal(size=len(r.payload))
                made.append(Anonymised("noise", r.condition, tuple((np.array(r.payload) + noise).tolist())))
            return made

        return changed

    def describe(self, operator: str, strength: float, config: Any) -> str:
        return f"Noise of {strength:g} times the spread of each sign"

    def attackers(self, config: Any) -> tuple[Attacker[Row], ...]:
        return (Nearest(),)

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, Anonymised[Row, Any]]]]) -> DatasetFacts:
        raise AssertionError("a comparison releases nothing")

    def evaluate(
        self, operator: Operator[Row, Any], cohort: Cohort[Row, Any], config: Any, seed: int, progress: Any
    ) -> tuple[Estimate, ...]:
        return ()


@pytest.fixture(scope="module")
def kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modality[Any, Any, Any]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(EXAMPLES / "vitals"))
        patched.setenv("SYNTHGEN_STATE", str(tmp_path_factory.mktemp("state")))
        from synthgen_vitals import VITALS

        yield replace(VITALS, anonymiser=Noise())


@pytest.fixture(scope="module")
def folder(kind: Modality[Any, Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("compare")
    kind.cohorts.write_demo(made / "cohort", kind.section(), 1, Silent())
    return made


@pytest.fixture(scope="module")
def compared(kind: Modality[Any, Any, Any], folder: Path) -> Comparison:
    return synthgen.compare(
        kind, data=folder / "cohort", out=folder / "out", work=folder / "work", settings=SETTINGS, seed=3,
        operators=(("noise", 0), ("noise", 0.1), ("noise", 3)), samples=100,
    )  # fmt: skip


def auc(compared: Comparison, way: str) -> float:
    (one,) = [one for one in compared.ways if one.way == way]
    found = strongest(one, told=False)
    assert found is not None
    return found.value


def test_the_more_is_changed_the_fewer_are_found(compared: Comparison) -> None:
    assert [way.way for way in compared.ways] == ["as they are", "noise, 0", "noise, 0.1", "noise, 3", "synthetic"]
    assert auc(compared, "as they are") == auc(compared, "noise, 0") == 1.0
    assert auc(compared, "noise, 0.1") > 0.9 and auc(compared, "noise, 3") < 0.75 and auc(compared, "synthetic") < 0.6
    verdicts = {way.way: way.verdict for way in compared.ways}
    assert verdicts["noise, 0"] == "REFUSE" and verdicts["as they are"] == "" and verdicts["synthetic"]


def test_a_record_that_is_of_nobody_is_linked_to_nobody(compared: Comparison) -> None:
    rows = {row.asked: row.answers for row in table(compared)}
    (found,) = [answers for asked, answers in rows.items() if asked.startswith("the very record")]
    assert found[0] == found[-1] == "–" and found[1].endswith("100%") and "EER" not in found[1]


def test_the_files_say_the_same_and_nothing_private(compared: Comparison, folder: Path) -> None:
    told = json.loads((folder / "out" / "comparison.json").read_text("utf-8"))
    assert [way["way"] for way in told["ways"]] == [way.way for way in compared.ways]
    card, page = (unescape((folder / "out" / name).read_text("utf-8")) for name in ("README.md", "comparison.html"))
    for row in table(compared):
        assert row.asked in card and row.asked in page
    assert "<script" not in page and "<svg" in page and "var(--ink)" in page and 'src="http' not in page
    assert (folder / "out" / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    assert {p.name for p in (folder / "out").iterdir()} == {
        "README.md", "comparison.html", "comparison.json", "comparison.png",
    }  # fmt: skip


def test_run_again_it_says_the_same(compared: Comparison, kind: Modality[Any, Any, Any], folder: Path) -> None:
    again = synthgen.compare(
        kind, data=folder / "cohort", out=folder / "again", work=folder / "work", settings=SETTINGS, seed=3,
        operators=(("noise", 0), ("noise", 0.1), ("noise", 3)), samples=100,
    )  # fmt: skip
    assert again == compared
    for name in ("comparison.json", "README.md", "comparison.html", "comparison.png"):
        assert (folder / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_figures_of_use_stand_beside_each_other(compared: Comparison) -> None:
    way = replace(compared.ways[0], quality=(Estimate(USE, 0.8, (0.7, 0.9), 50, "higher"),))
    found = named(way, USE)
    assert found is not None and words.number(found.value) == "0.800"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"operators": (("sepia", 1.0),)}, "no operator 'sepia': give one of noise"),
        ({"out": "cohort"}, "lies within --data"),
        ({"settings": ("split.train=0.5", "split.calibration=0", "split.audit=0.5")}, "split.calibration"),
        ({"data": "nowhere"}, "there is no such file or folder"),
    ],
)
def test_mistakes_are_one_line(
    kind: Modality[Any, Any, Any], folder: Path, tmp_path: Path, changes: dict[str, Any], line: str
) -> None:
    asked: dict[str, Any] = {
        "data": folder / "cohort", "out": tmp_path / "out", "work": tmp_path / "work", "settings": SETTINGS,
    } | {key: folder / value if key in ("out", "data") else value for key, value in changes.items()}  # fmt: skip
    with pytest.raises(UserError, match=line):
        synthgen.compare(kind, **asked)
    assert not (tmp_path / "out").exists() and not (tmp_path / "work").exists()
