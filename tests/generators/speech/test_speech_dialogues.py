"""A user's dialogues: names of speakers, words for emotions, the language; and what is not read out is counted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort import CohortConfig, load_cohort
from synthgen.generators.speech.config import SpeakingConfig
from synthgen.generators.speech.language import guess_language
from synthgen.generators.speech.words import Told, told_in
from synthgen.progress import Progress, Silent

pytest.importorskip("py3langid")

ASKED = {"role": "therapist", "text": "How was the week, and how did you sleep?"}


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def told(folder: Path, *turns: dict[str, Any], progress: Progress | None = None, **chosen: Any) -> tuple[Told, ...]:
    path = folder / "dialogues.jsonl"
    path.write_text(json.dumps({"turns": turns}) + "\n", "utf-8")
    return told_in(SpeakingConfig(dialogues=str(path), **chosen), progress or Silent())


def emotions(found: tuple[Told, ...]) -> list[str]:
    return [turn.emotion for turn in found[0].sessions[0].turns[1:]]


def advised(message: str) -> dict[str, Any]:
    """The settings of ``modality.generator`` that a message advises, as the command line reads them."""
    found = re.findall(r"--set modality\.generator\.(\w+)=(?:'([^']*)'|(\S+))", message)
    assert found, message
    return {name: yaml.safe_load(quoted or bare) for name, quoted, bare in found[:1]}


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(
    ("word", "ours"),
    [
        *(("sadness", "sad"), ("Sad", "sad"), ("SADNESS", "sad"), ("anger", "angry"), ("frustrated", "angry")),
        *(("Fear", "anxious"), ("joy", "happy"), ("excited", "happy"), ("hopeless", "depressed"), ("relaxed", "calm")),
        *(("no-emotion", "neutral"), ("traurig", "sad"), ("Wut", "angry"), ("ängstlich", "anxious"), ("ang", "angry")),
    ],
)
def test_common_words_for_emotions_are_ours(tmp_path: Path, word: str, ours: str) -> None:
    found = told(tmp_path, ASKED, {"role": "client", "text": "Fine, I suppose.", "emotion": word})
    assert emotions(found) == [ours]


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize("key", ["Emotion", "emotions", "feeling", "emotion label"])
def test_the_label_is_found_under_its_usual_names(tmp_path: Path, key: str) -> None:
    assert emotions(told(tmp_path, ASKED, {"role": "client", "text": "Fine.", key: ["sadness"]})) == ["sad"]


@pytest.mark.field("spoken text", "refused")
@pytest.mark.parametrize("label", ["blorpish", "3", 3, "sad/angry"])
def test_an_unknown_emotion_is_asked_for_and_the_answer_works(tmp_path: Path, label: object) -> None:
    turns = (ASKED, {"role": "client", "text": "They moved the chairs again.", "emotion": label})
    with pytest.raises(UserError, match="1 turns have an emotion with an unknown name") as error:
        told(tmp_path, *turns)
    chosen = advised(str(error.value))
    assert emotions(told(tmp_path, *turns, **chosen)) == ["neutral"]
    assert emotions(told(tmp_path, *turns, emotions={str(label): "angry"})) == ["angry"]


@pytest.mark.field("spoken text", "counted")
@pytest.mark.parametrize("label", ["disgust", "surprised"])
def test_an_emotion_that_is_none_of_ours_is_counted(tmp_path: Path, label: str) -> None:
    heard = Heard()
    turns = (ASKED, {"role": "client", "text": "Well, well.", "emotion": label})
    assert emotions(told(tmp_path, *turns, progress=heard)) == [""]
    assert any("1 turns have an emotion that is none of ours" in line for line in heard.lines)


@pytest.mark.field("spoken text", "counted")
def test_a_cohort_of_transcripts_counts_unknown_emotions_and_goes_on(tmp_path: Path) -> None:
    path, heard = tmp_path / "dialogues.jsonl", Heard()
    path.write_text(json.dumps({"turns": [ASKED, {"role": "client", "text": "Fine.", "emotion": "blorpish"}]}) + "\n")
    load_cohort(path, CohortConfig(), heard)
    line = next(line for line in heard.lines if "unknown name" in line)
    assert "--set modality.cohort.emotions=" in line
    assert load_cohort(path, CohortConfig(emotions={"blorpish": "sad"}), Silent()).records[0].payload.turns[1].emotion


@pytest.mark.field("spoken text", "refused")
def test_speakers_with_names_are_asked_for_and_the_answer_works(tmp_path: Path) -> None:
    path = tmp_path / "dialogues.json"
    turns = [{"speaker": "Dr. Chen", "text": "How are you?"}, {"speaker": "Alex", "text": "Not so well."}]
    path.write_text(json.dumps({"version": "0.4.4", "turns": turns}), "utf-8")
    with pytest.raises(UserError, match="unknown role 'Alex'") as error:
        told_in(SpeakingConfig(dialogues=str(path)), Silent())
    chosen = advised(str(error.value))
    assert chosen == {"roles": {"Alex": "patient"}}
    found = told_in(SpeakingConfig(dialogues=str(path), **chosen), Silent())
    assert [turn.speaker for turn in found[0].sessions[0].turns] == ["clinician", "patient"]


FOREIGN = {
    "de": ("Was führt Sie heute zu mir?", "Ich habe seit drei Wochen Kopfschmerzen und schlafe kaum noch."),
    "fr": ("Qu'est-ce qui vous amène aujourd'hui ?", "Je dors très mal depuis trois semaines et j'ai mal à la tête."),
    "es": ("¿Qué le trae hoy por aquí?", "Desde hace tres semanas me duele la cabeza y apenas duermo por la noche."),
    "nl": ("Wat brengt u vandaag bij mij?", "Ik heb al drie weken hoofdpijn en ik slaap bijna niet meer."),
    "it": ("Che cosa la porta qui oggi?", "Da tre settimane ho mal di testa e non riesco quasi più a dormire."),
    "pl": ("Co panią dzisiaj sprowadza?", "Od trzech tygodni boli mnie głowa i prawie w ogóle nie śpię w nocy."),
}


@pytest.mark.field("spoken text", "refused")
@pytest.mark.parametrize("language", FOREIGN)
def test_a_language_that_the_voices_do_not_speak_is_refused_and_the_advice_works(tmp_path: Path, language: str) -> None:
    first, second = FOREIGN[language]
    turns = ({"role": "doctor", "text": first}, {"role": "patient", "text": second})
    with pytest.raises(UserError, match=f"in the language '{language}'") as error:
        told(tmp_path, *turns)
    assert first not in str(error.value) and "\n" not in str(error.value)
    chosen = advised(str(error.value))
    assert chosen == {"language": language}
    assert told(tmp_path, *turns, **chosen)
    assert told(tmp_path, *turns, check_language=False)


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(
    "text", ["Hello. Yes. No. Okay.", "Take 20 mg of Sertraline twice a day, and call me on Monday."]
)
def test_english_goes_through_however_short_it_is(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, {"role": "doctor", "text": text}, {"role": "patient", "text": "Okay, thank you."})


def test_too_little_text_has_no_language() -> None:
    assert guess_language(["Guten Tag."]) == ""
    assert guess_language(FOREIGN["de"]) == "de"


@pytest.mark.field("spoken text", "counted")
def test_remarks_are_counted(tmp_path: Path) -> None:
    heard = Heard()
    turns = (ASKED, {"role": "client", "text": "[laughs] Fine 😀"}, {"role": "client", "text": "*sighs*"})
    told(tmp_path, *turns, progress=heard)
    assert any(
        "3 remarks, sounds and emoji in 2 turns become pauses" in line and "1 turns hold nothing else" in line
        for line in heard.lines
    )
