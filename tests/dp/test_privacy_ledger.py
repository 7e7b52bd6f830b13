"""What one cohort's patients have spent: fits add up, a resumed one counts once, a spent budget refuses."""

import dataclasses
import multiprocessing
from pathlib import Path

import pytest
from spine_cohort import Record, cohort_of

from synthgen.dp.accounting import Event, Gaussian, epsilon_of
from synthgen.dp.ledger import FILE, Entry, Members, ledger_state, members, read_ledger, spend, spent
from synthgen.errors import UserError
from synthgen.state import VARIABLE, State

KEY = b"k" * 32
DELTA = 1e-3


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state", KEY)


def who(count: int = 40, **of: int) -> Members:
    return members(cohort_of(count, **of), KEY)


def entry(run: str, cohort: Members | None = None, *events: Event) -> Entry:
    return Entry(run, cohort or who(), events or (Gaussian(1.0),), DELTA)


def test_fits_on_one_cohort_add_up_to_less_than_their_sum(state: State) -> None:
    one = spend(state, entry("a"), 20.0)
    two = spend(state, entry("b"), 20.0)
    assert one.epsilon < two.epsilon < 2 * one.epsilon
    assert two.epsilon == epsilon_of([Gaussian(1.0), Gaussian(1.0)], DELTA).epsilon


def test_a_resumed_fit_is_the_entry_that_it_was(state: State) -> None:
    first = spend(state, entry("a"), 20.0)
    assert spend(state, entry("a"), 20.0) == first
    assert len(read_ledger(state)) == 1


def test_a_fit_that_was_begun_is_resumed_though_the_budget_is_lower_now(state: State) -> None:
    first = spend(state, entry("a"), 20.0)
    assert spend(state, entry("a"), 1.0) == first


def test_beyond_the_budget_nothing_is_entered_and_the_advice_fits(state: State) -> None:
    spend(state, entry("a"), 4.0)
    before = (state.folder / FILE).read_bytes()
    with pytest.raises(UserError, match=r"ask for a smaller epsilon, or raise privacy\.budget"):
        spend(state, entry("b"), 4.0)
    with pytest.raises(UserError, match=r"\(delta 1\.0e-03\): raise privacy\.budget"):
        spend(state, entry("b"), 1.0)
    assert (state.folder / FILE).read_bytes() == before


def test_a_changed_cohort_is_not_resumed(state: State) -> None:
    spend(state, entry("a"), 20.0)
    for other in (who(39), who(41), who(content=1)):
        with pytest.raises(UserError, match="cohort has changed"):
            spend(state, entry("a", other), 20.0)


def test_other_settings_are_not_resumed(state: State) -> None:
    spend(state, entry("a"), 20.0)
    with pytest.raises(UserError, match="other settings"):
        spend(state, entry("a", None, Gaussian(2.0)), 20.0)


def test_one_shared_record_makes_two_cohorts_compose(state: State) -> None:
    records = cohort_of(40)
    other = [*cohort_of(40, content=1), dataclasses.replace(records[3], patient="another name", record="x")]
    one = spend(state, entry("a", members(records, KEY)), 20.0)
    assert spend(state, entry("b", members(other, KEY)), 20.0).epsilon > one.epsilon


def test_the_same_files_in_another_form_are_the_same_patients() -> None:
    assert who(size=8).share(who(size=4))
    assert who(30, size=8).share(who(size=4))


def test_strangers_do_not_compose(state: State) -> None:
    def renamed(records: list[Record]) -> list[Record]:
        return [dataclasses.replace(r, patient=f"stranger-{r.patient}") for r in records]

    strangers = members(renamed(cohort_of(40, content=1)), KEY)
    one = spend(state, entry("a"), 20.0)
    assert spend(state, entry("b", strangers), 20.0) == one
    assert spent(read_ledger(state), strangers) == one


def test_order_and_key_decide_nothing_and_everything() -> None:
    records = cohort_of(10)
    assert members(records, KEY) == members(records[::-1], KEY)
    assert not members(records, KEY).share(members(records, b"j" * 32))


def test_the_smallest_delta_counts(state: State) -> None:
    spend(state, dataclasses.replace(entry("a"), delta=1e-5), 20.0)
    assert spend(state, entry("b"), 20.0).delta == 1e-5


def test_a_delta_that_says_nothing_is_refused(state: State) -> None:
    with pytest.raises(UserError, match="below 1/40"):
        spend(state, dataclasses.replace(entry("a"), delta=0.5), 20.0)
    assert not (state.folder / FILE).exists()


def test_nobody_else_reads_it_and_it_names_nobody(state: State) -> None:
    spend(state, entry("a"), 20.0)
    assert state.folder.stat().st_mode & 0o777 == 0o700
    assert (state.folder / FILE).stat().st_mode & 0o777 == 0o600
    text = (state.folder / FILE).read_text()
    assert "patient-0" not in text
    assert "image-0" not in text


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"entries": [{}]}', '{"entries": 3}'])
def test_a_damaged_ledger_lets_nothing_be_spent(state: State, damage: str) -> None:
    spend(state, entry("a"), 20.0)
    (state.folder / FILE).write_text(damage)
    with pytest.raises(UserError, match="is damaged"):
        spend(state, entry("b"), 20.0)
    assert (state.folder / FILE).read_text() == damage


def _spend(folder: Path, number: int) -> None:
    spend(State(folder, KEY), entry(f"run {number}"), 100.0)


def test_fits_that_begin_at_once_are_all_entered(state: State) -> None:
    workers = [multiprocessing.get_context("fork").Process(target=_spend, args=(state.folder, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {one.run for one in read_ledger(state)} == {f"run {n}" for n in range(4)}


def test_where_no_ledger_can_be_kept_nothing_is_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "state"))
    with pytest.raises(UserError, match=f"environment variable {VARIABLE}"):
        ledger_state()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    assert ledger_state().folder == tmp_path / "state"


def test_nothing_was_spent_by_nobody() -> None:
    assert spent([], who()).epsilon == 0.0
