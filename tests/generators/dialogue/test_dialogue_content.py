"""The content is a clinician's to change: what is missing or broken is named in one line, with its line number."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.check import check, main
from synthgen.generators.dialogue.plan.compose import CONTENT, content
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, PlanConfig


def changed(folder: Path, name: str, old: str, new: str) -> str:
    """The message about a copy of a content file in which ``old`` became ``new``."""
    text = resources.files(CONTENT).joinpath(f"{name}.yaml").read_text("utf-8")
    assert old in text
    (folder / f"{name}.yaml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(UserError) as caught:
        check(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_ships_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert f"{len(THERAPY)} disorders and {len(VISIT)} complaints" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("cough", "  - blood\n", "  - bloood\n", ("'bloood' is no topic",)),
        ("cough", "red_flags:", "red_flag:", ("red_flags is missing", "cough dangerous")),
        ("headache", "  - your blood pressure\n", "  - your blood presure\n", ("no line of examination begins",)),
        ("ocd", "GAD-7, PHQ-9, Y-BOCS", "GAD-7, PHQ-9, YBOCS", ("'YBOCS' is no instrument", "Y-BOCS")),
        ("ocd", "measures: GAD-7, PHQ-9", "measures: PHQ-9, GAD-7", ("must begin with GAD-7",)),
        ("panic", "measures: GAD-7, PHQ-9", "# none", ("measures is missing",)),
        ("ptsd", "techniques: trauma-focused work", "techniques: hypnosis", ("'hypnosis' is no technique",)),
        ("rash", "[Two|Three|Five] weeks", "[Two|Three|Five weeks", ("unmatched bracket",)),
        ("rash", "itching\n", "itching: yes: no\n", ("mapping values",)),
        ("visit_common", "  - allergies\n", "", ("red_flags must name 'allergies'",)),
        ("grief", "core: |", "core_: |", ("core is missing",)),
    ],
)
def test_one_line_says_what_is_wrong_and_where(
    tmp_path: Path, name: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    message = changed(tmp_path, name, old, new)
    text = (tmp_path / f"{name}.yaml").read_text("utf-8")
    number = int(message.partition(", line ")[2].partition(":")[0])
    assert f"{name}.yaml, line " in message and 1 <= number <= len(text.splitlines())
    if new.strip() and "missing" not in message and "unmatched" not in message and "begin" not in message:
        assert new.strip().split(",")[0].split(":")[0] in text.splitlines()[number - 1]
    for word in words:
        assert word in message, message


def test_the_status_of_a_broken_file_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cough.yaml").write_text("kinds: [", "utf-8")
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / "absent")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("complaint", VISIT)
def test_red_flags_are_asked_and_what_must_be_is_examined_before_anything_is_concluded(complaint: str) -> None:
    flags, must = (content(complaint).plain[key] for key in ("red_flags", "must_examine"))
    assert isinstance(flags, list) and isinstance(must, list)
    conditional = {"whether you could be pregnant"}
    for seed in range(8):
        arc = plan_case(seed, setting="visit", disorder=complaint, severity="moderate", sessions=1, config=PlanConfig())
        told = {fact.topic for fact in arc.patient.facts}
        assert {*flags, "allergies", "regular medicines"} - conditional <= told
        names = [stage.name for stage in arc.sessions[0].stages]
        assert names.index("examination") < names.index("assessment")
        goal = next(stage.goal for stage in arc.sessions[0].stages if stage.name == "examination")
        assert all(action in goal for action in must), (complaint, goal)
