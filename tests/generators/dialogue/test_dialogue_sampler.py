from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hand_arc import Puppet, hand_arc
from tiny_chat import save_tiny_chat

from synthgen.errors import UserError
from synthgen.generators.dialogue import sampler
from synthgen.generators.dialogue.config import ConductConfig, GeneratorConfig, SamplingConfig
from synthgen.generators.dialogue.model_folder import (
    check_folder,
    is_finished,
    model_digest,
    read_excerpts,
    write_model_folder,
)
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.generators.dialogue.realisers.protocol import Prompt as Asked
from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.generators.dialogue.sampler import DialogueGenerator, is_failed, open_generator, realiser_of
from synthgen.payloads.dialogue import DialogueCondition, Turn
from synthgen.records import Generator, Request

CONDITION = DialogueCondition("therapy", "depression", "moderate", session=1, sessions=2, case=7, case_seed=99)


def plan(condition: DialogueCondition) -> CaseArc:
    arc = hand_arc(condition.sessions)
    return replace(arc, patient=replace(arc.patient, age=20 + condition.case_seed % 60))


def generator(puppet: Puppet, scratch: Path | None = None, **conduct: int) -> DialogueGenerator:
    config = GeneratorConfig(conduct=ConductConfig(**conduct))
    return DialogueGenerator(realiser=puppet, plan=plan, config=config, scratch=scratch)


def asked(n: int = 3) -> list[Request[DialogueCondition]]:
    return [Request(1000 + i, replace(CONDITION, session=1 + i % 2)) for i in range(n)]


def test_it_is_a_generator_and_answers_in_order() -> None:
    made: Generator[object, DialogueCondition] = generator(Puppet())
    samples = made(asked())
    assert [(s.seed, s.condition) for s in samples] == [(r.seed, r.condition) for r in asked()]
    assert made(asked()[::-1]) == samples[::-1]
    assert len({sample.payload.text for sample in samples}) == 3  # type: ignore[attr-defined]
    assert dict(samples[0].payload.labels)["severity"] == "moderate"  # type: ignore[attr-defined]


def test_the_same_request_is_conducted_once() -> None:
    puppet = Puppet()
    padding = Request(0, CONDITION)
    samples = generator(puppet)([padding, asked()[0], padding, padding])
    assert max(puppet.batches) == 2
    assert samples[0] == samples[2] == samples[3]


def test_a_session_that_is_given_up_starts_anew() -> None:
    def spoil(request: Asked, text: str) -> Response:
        assert request.view is not None
        bad.append(request.seed) if len(bad) < 3 and len(request.view.transcript) == 4 else None
        return Response("Client: no" if request.seed in bad else text)

    bad: list[int] = []
    made = generator(Puppet(spoil), tries=3, restarts=1)
    (sample,) = made(asked(1))
    assert not is_failed(sample.payload)
    assert len(bad) == 3 and made.given_up == {"role name": 3}


def test_what_fails_for_good_is_marked_and_traced(tmp_path: Path) -> None:
    def spoil(request: Asked, text: str) -> Response:
        assert request.view is not None
        return Response("Client: something private" if request.view.number == 2 else text)

    made = generator(Puppet(spoil), tmp_path, tries=2, restarts=1)
    good, bad, other = made(asked())
    assert [is_failed(sample.payload) for sample in (good, bad, other)] == [False, True, False]
    assert "private" not in bad.payload.text
    traces = sorted((tmp_path / "failed").glob("*.json"))
    assert len(traces) == 2  # the first start, and the second
    assert all(trace.stat().st_mode & 0o777 == 0o600 for trace in traces)
    trace = json.loads(traces[0].read_text())
    assert (
        trace["turn"] == 0 and trace["rejected"] == [{"reason": "role name", "text": "Client: something private"}] * 2
    )


def test_a_model_that_gives_no_session_at_all_ends_the_run_and_says_why_where_and_what_to_do(tmp_path: Path) -> None:
    made = generator(Puppet(lambda asked, _: Response(f'{{"a": {asked.seed}}}')), tmp_path, tries=2, restarts=0)
    with pytest.raises(UserError, match=r"of 12 starts 0 came to an end.*schema or JSON \(24\)") as error:
        made(asked(12))
    assert str(tmp_path / "failed") in str(error.value) and "conduct.tries" in str(error.value)
    assert list((tmp_path / "failed").iterdir())


def test_how_far_the_sessions_are_stands_in_a_file(tmp_path: Path) -> None:
    generator(Puppet(), tmp_path)(asked())
    found = json.loads((tmp_path / "sessions_under_way.json").read_text())
    assert found["sessions_together"] == found["started"] == 3
    assert found["utterances"] >= 1 and found["accepted"] == found["answers"] and found["peak_gib"] > 0


def test_four_bad_sessions_do_not_end_a_run_of_many() -> None:
    def spoil(request: Asked, text: str) -> Response:
        assert request.view is not None
        return Response("{}" if request.view.number == 2 and len(request.view.transcript) == 4 else text)

    made = generator(Puppet(spoil), tries=2, restarts=0)
    odd = [replace(request, condition=replace(CONDITION, session=2)) for request in asked(4)]
    assert all(is_failed(sample.payload) for sample in made(odd))
    assert not any(is_failed(sample.payload) for sample in made([Request(1, CONDITION)]))


def test_a_run_that_was_killed_asks_only_for_what_was_not_answered(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    class Dying(Puppet):
        def generate(self, requests: object) -> list[Response]:
            if len(self.batches) == 5:
                raise KilledError
            return super().generate(requests)  # type: ignore[arg-type]

    with pytest.raises(KilledError):
        generator(Dying(), tmp_path)(asked())
    resumed, whole = Puppet(), Puppet()
    assert generator(resumed, tmp_path)(asked()) == generator(whole)(asked())
    assert len(resumed.batches) == len(whole.batches) - 5


def test_excerpts_are_shown_only_where_they_were_kept() -> None:
    excerpt = (Turn("clinician", "How was the harvest?"), Turn("patient", "Wet."))
    puppet = Puppet()
    config = GeneratorConfig(few_shot=True)
    DialogueGenerator(realiser=puppet, plan=plan, config=config, excerpts=[excerpt])(asked(1))
    assert all("– How was the harvest?" in request.messages[0].content for request in puppet.seen)
    without = Puppet()
    generator(without)(asked(1))
    assert not any("harvest" in request.messages[0].content for request in without.seen)


# The model folder -----------------------------------------------------------------------------------------------------


def test_a_model_folder_says_what_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    config = GeneratorConfig(realiser="transformers", base="some/chat", few_shot=True)
    assert not is_finished(folder)
    write_model_folder(folder, config, excerpts=[[Turn("patient", "Wet\u2028 again.")], [Turn("clinician", "Oh.")]])
    card = check_folder(folder)
    assert (card.realiser, card.base, card.adapted) == ("transformers", "some/chat", False)
    assert read_excerpts(folder)[0][0].text == "Wet\u2028 again."
    assert (folder / "excerpts.jsonl").stat().st_mode & 0o777 == 0o600
    digest = model_digest(folder)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "state.bin").write_bytes(b"x")
    assert model_digest(folder) == digest
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"x")
    write_model_folder(folder, config)
    assert check_folder(folder).adapted and model_digest(folder) != digest
    with pytest.raises(ValueError, match="few_shot"):
        write_model_folder(folder, GeneratorConfig(), excerpts=[[Turn("patient", "Wet.")]])


def test_folders_that_must_not_be_opened(tmp_path: Path) -> None:
    def refused(folder: Path, why: str) -> None:
        with pytest.raises(UserError, match=why) as caught:
            check_folder(folder)
        assert "\n" not in str(caught.value)

    refused(tmp_path / "none", "there is no model folder")
    folder = tmp_path / "model"
    folder.mkdir()
    refused(folder, "synthgen_dialogue.json is missing")
    (folder / "checkpoints").mkdir()
    refused(folder, "run the same fit again")
    (folder / "synthgen.json").write_text('{"modality": "cxr"}')
    refused(folder, "a model of modality 'cxr'")
    write_model_folder(folder, GeneratorConfig())
    check_folder(folder)
    for name in ("weights.bin", "deep/model.PT", "x.pkl"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        refused(folder, "holds pickled weights")
        path.unlink()
    card = folder / "synthgen_dialogue.json"
    good = card.read_text()
    for text, why in (
        ("{", "cannot be read as JSON"),
        ("[]", "must hold a JSON object"),
        (good.replace('"dialogue"', '"speech"'), "of modality 'speech'"),
        (good.replace('"format": 1', '"format": 2'), "upgrade synthgen"),
        (good.replace('"template"', '"oracle"'), "does not name its realiser"),
        (good.replace('"adapted": false', '"adapted": true'), "lacks adapter/"),
    ):
        card.write_text(text)
        refused(folder, why)


def test_the_realiser_is_the_folders_unless_another_can_run_its_model(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "chat", GeneratorConfig(realiser="transformers", base="some/chat"))
    write_model_folder(tmp_path / "plain", GeneratorConfig())
    chat, plain = check_folder(tmp_path / "chat"), check_folder(tmp_path / "plain")
    assert realiser_of(chat, GeneratorConfig()) == "transformers"
    assert realiser_of(chat, GeneratorConfig(realiser="vllm", base="some/chat")) == "vllm"
    assert realiser_of(plain, GeneratorConfig()) == "template"
    with pytest.raises(UserError, match="of the template realiser"):
        realiser_of(plain, GeneratorConfig(realiser="vllm", base="some/chat"))


def test_a_chat_model_without_a_base_is_a_wrong_configuration() -> None:
    with pytest.raises(ValueError, match="base must name a chat model"):
        GeneratorConfig(realiser="openai")


def test_a_tiny_chat_model_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = save_tiny_chat(tmp_path / "base", say=("thanks",))
    config = GeneratorConfig(
        realiser="transformers",
        base=str(base),
        sampling=SamplingConfig(max_tokens=60, temperature=1.0, top_p=1.0),
        conduct=ConductConfig(tries=60),
    )
    write_model_folder(tmp_path / "model", config)
    opened = open_generator(tmp_path / "model", config, rows=2, scratch=tmp_path / "scratch")

    def without_facts(condition: DialogueCondition) -> CaseArc:
        arc = plan(condition)
        sessions = tuple(
            replace(s, stages=tuple(replace(stage, disclosures=()) for stage in s.stages)) for s in arc.sessions
        )
        return CaseArc(replace(arc.patient, facts=()), sessions)

    monkeypatch.setattr(opened, "_plan", without_facts)  # random weights tell no planned fact
    samples = opened(asked(2))
    assert not any(is_failed(sample.payload) for sample in samples)
    again = open_generator(tmp_path / "model", config, rows=2, scratch=None)
    monkeypatch.setattr(again, "_plan", without_facts)
    assert sampler.FAILED not in samples[0].payload.labels
    assert [sample.payload.turns[0] for sample in again(asked(2))] == [sample.payload.turns[0] for sample in samples]
