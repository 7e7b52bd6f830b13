"""What a private fit is known by, and that lost noise is seen: votes that were deleted, alone or with later ones."""

from pathlib import Path

import numpy as np

from synthgen.dp.accounting import Gaussian
from synthgen.dp.ballots import VOTES, evolved, votes_drawn
from synthgen.dp.begun import BEGUN, Begun, note_drawn, read_begun, write_begun
from synthgen.dp.evolution import EvolutionSettings, Floats, Voters
from synthgen.progress import Silent

SETTINGS = EvolutionSettings(candidates=12, children=4, rounds=2, refinements=0)
NOISE = (Gaussian(1.0, steps=2),)


class Numbers:
    def draw(self, rng: np.random.Generator, n: int) -> list[float]:
        return rng.random(n).tolist()

    def vary(self, rng: np.random.Generator, parents: list[float], strength: float) -> list[float]:
        return [one + strength * float(rng.normal()) for one in parents]

    def embed(self, candidates: list[float]) -> Floats:
        return np.array(candidates)[:, None]

    def conditions(self, candidates: list[float]) -> list[str]:
        return [""] * len(candidates)


def fitted(folder: Path) -> None:
    voters = Voters(np.linspace(0, 1, 5)[:, None], tuple("abcde"), ("",) * 5)
    evolved(Numbers(), voters, NOISE, SETTINGS, folder, 1, Silent())


def test_what_was_begun_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_begun(tmp_path) is None
    write_begun(tmp_path / "model", Begun("known", 3))
    assert read_begun(tmp_path / "model") == Begun("known", 3)
    assert ((tmp_path / "model").stat().st_mode & 0o777, (tmp_path / "model" / BEGUN).stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    (tmp_path / "model" / BEGUN).write_text("known")
    assert read_begun(tmp_path / "model") is None


def test_draws_are_never_counted_down(tmp_path: Path) -> None:
    note_drawn(tmp_path, 1)
    assert read_begun(tmp_path) is None  # a fit that is entered nowhere
    write_begun(tmp_path, Begun("known"))
    note_drawn(tmp_path, 2)
    note_drawn(tmp_path, 1)
    assert read_begun(tmp_path) == Begun("known", 2)


def test_votes_that_were_deleted_are_missed(tmp_path: Path) -> None:
    write_begun(tmp_path, Begun("known"))
    fitted(tmp_path)
    assert read_begun(tmp_path) == Begun("known", 2) and votes_drawn(tmp_path) == 2
    for number in (1, 0):
        kept = (tmp_path / VOTES.format(number)).read_bytes()
        (tmp_path / VOTES.format(number)).unlink()
        assert votes_drawn(tmp_path) == number
        (tmp_path / VOTES.format(number)).write_bytes(kept)


def test_later_votes_do_not_outlive_those_that_their_candidates_came_of(tmp_path: Path) -> None:
    fitted(tmp_path)
    before = [(tmp_path / VOTES.format(number)).read_bytes() for number in (0, 1)]
    (tmp_path / VOTES.format(0)).unlink()
    fitted(tmp_path)
    assert all((tmp_path / VOTES.format(number)).read_bytes() != before[number] for number in (0, 1))
