"""Transcripts of real patients with invented identifiers: the operator, who attacks it, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.estimates import mean
from synthgen.eval.dialogue.linking import Words
from synthgen.generators.dialogue.write import ANONYMISED, write_release
from synthgen.linking import LEAST_PATIENTS, had_by_many
from synthgen.modalities.dialogue.languages import other_languages, refuse_other_languages
from synthgen.modalities.dialogue.policy import Policy, policy_of
from synthgen.modalities.dialogue.released_alike import released_alike
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.modality import AnonymiserKind
from synthgen.payloads.dialogue import Dialogue, DialogueAnonymised, DialogueCondition, DialogueReal
from synthgen.privacy_filters.dialogue.clinical import clinical_facts
from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR, Entity, IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers import identifier_spans, replaced
from synthgen.privacy_filters.dialogue.rare_parts import Edit, Shared
from synthgen.privacy_filters.dialogue.words import dialogue_words
from synthgen.progress import Progress
from synthgen.records import Anonymised, Attacker, Cohort, Estimate, Operator
from synthgen.report import DatasetFacts

SURROGATES = "surrogates"
QUASI: tuple[Entity, ...] = ("AGE", "YEAR", "WEEKDAY", "COUNTRY")
"""What narrows a person down beside direct identifiers, replaced at strength 2."""

GENERALISED = 3
"""The strength from which rare sentences are left out: where people speak of themselves; above it, everywhere."""


@dataclass(frozen=True)
class Surrogates:
    """Identifiers replaced by invented ones, one set for all sessions of a patient; see :class:`Operator`.

    Attributes:
        config: ``reject`` says what is replaced, nothing where it is empty; and ``policy`` how.
        policy: what that was chosen by.
        parts: what enough patients say, where sentences that fewer share are left out; see :mod:`.rare_parts`.
        everywhere: whether that is asked of all sentences, or of those in which people speak of themselves.
        shared: labels, and ``("disorder", …)``, that enough patients have to be kept.
    """

    config: IdentifierConfig
    secret: bytes
    shared: frozenset[tuple[str, Hashable]]
    policy: Policy
    parts: Shared | None = None
    everywhere: bool = False

    def __call__(self, person: int, records: Sequence[DialogueReal]) -> list[DialogueAnonymised]:
        dialogues = [record.payload for record in records]
        if self.config.reject and records:
            seed = int(keyed(self.secret, "surrogates", records[0].patient), 16)
            spans = identifier_spans(dialogues, self.config)
            edits: Sequence[Sequence[Edit]] = ()
            if self.parts is not None:
                masked = [[(hit.start, hit.end) for hit in hits] for hits in spans]
                edits = self.parts.rare_parts(dialogues, masked, everywhere=self.everywhere)
            dialogues = replaced(dialogues, spans, seed, self.config, edits)
        return [
            self._released(person, number, len(records), record.condition, dialogue)
            for number, (record, dialogue) in enumerate(zip(records, dialogues, strict=True), start=1)
        ]

    def _released(
        self, person: int, number: int, sessions: int, was: DialogueCondition, dialogue: Dialogue
    ) -> DialogueAnonymised:
        disorder = was.disorder if ("disorder", was.disorder) in self.shared else ""
        condition = replace(was, disorder=disorder, session=number, sessions=sessions, case=person, case_seed=0)
        kept = tuple(label for label in dialogue.labels if label in self.shared)
        return Anonymised(SURROGATES, condition, replace(dialogue, labels=kept))


def _labels(train: Sequence[DialogueReal]) -> Iterator[tuple[tuple[str, Hashable], str]]:
    """Labels and topics, and who has them."""
    for record in train:
        for label in (("disorder", record.condition.disorder), *record.payload.labels):
            yield label, record.patient


class DialogueAnonymiser(AnonymiserKind[Dialogue, DialogueCondition, DialogueConfig]):
    """See :class:`synthgen.modality.AnonymiserKind`."""

    operators = (SURROGATES,)

    def check(self, operator: str, strength: float, config: DialogueConfig) -> None:
        _kinds(strength, config.identifiers)

    def open(
        self, operator: str, strength: float, train: Sequence[DialogueReal], config: DialogueConfig, secret: bytes
    ) -> Operator[Dialogue, DialogueCondition]:
        if strength:
            refuse_other_languages(train, config.identifiers.language)
        identifiers = config.identifiers.model_copy(update={"reject": _kinds(strength, config.identifiers)})
        policy = policy_of(train, identifiers, 0)
        identifiers = identifiers.model_copy(update={"policy": policy.name})
        opened = Surrogates(identifiers, secret, had_by_many(_labels(train)), policy)
        if strength < GENERALISED:
            return opened
        if identifiers.language != "en":
            raise UserError(
                f"strengths 3 and 4 know the clinical words of English, not those of {identifiers.language!r}: "
                "say --strength 2"
            )
        return replace(opened, parts=_shared(train, identifiers.k), everywhere=strength > GENERALISED)

    def describe(self, operator: str, strength: float, config: DialogueConfig) -> str:
        if not strength:
            return "Nothing is changed but rare labels, which are left out"
        kinds = ", ".join(kind.lower().replace("_", " ") for kind in _kinds(strength, config.identifiers))
        return (
            f"Identifiers found by rules are replaced by invented ones, {_POLICIES[config.identifiers.policy]}, dates "
            f"and ages moved by one number: {kinds}{_left_out(strength, config.identifiers.k)}; labels that fewer than "
            f"{LEAST_PATIENTS} patients have are left out"
        )

    def attackers(self, config: DialogueConfig) -> tuple[Attacker[Dialogue], ...]:
        return (Words(),)

    def write(self, folder: Path, records: Callable[[], Iterable[tuple[int, DialogueAnonymised]]]) -> DatasetFacts:
        return write_release(folder, records, ANONYMISED)

    def evaluate(
        self,
        operator: Operator[Dialogue, DialogueCondition],
        cohort: Cohort[Dialogue, DialogueCondition],
        config: DialogueConfig,
        seed: int,
        progress: Progress,
    ) -> tuple[Estimate, ...]:
        """Of E: what stands where it stood, which facts changed, who shares what is released, what was not found."""
        ordered = sorted(cohort.audit, key=lambda r: (r.patient, r.record))
        pairs = [
            pair
            for _, group in groupby(ordered, key=lambda r: r.patient)
            for own in (list(group),)
            for pair in zip(own, operator(0, own), strict=True)
        ]
        if not pairs:
            return ()
        patients = [real.patient for real, _ in pairs]
        changed = np.array([clinical_facts(a.payload.text) != clinical_facts(b.payload.text) for a, b in pairs])
        kept = np.array([same_words(real.payload, made.payload) for real, made in pairs])
        facts = "of the sessions: a finding, condition, medicine, dose or score is another, by lists of words"
        left = [_left(real.payload, made.payload, config.identifiers) for real, made in pairs]
        total = np.array([found for _, found in left], dtype=np.float64)
        stays = np.array([stays for stays, _ in left], dtype=np.float64)
        some = total > 0
        found = [
            mean("words_kept", kept, patients, seed=seed, note="of all words, in their order", bounded=True),
            mean("clinical_changed", changed, patients, seed=seed, better="lower", note=facts, bounded=True),
            *released_alike(pairs, cohort, config.identifiers.k),
            *other_languages((*cohort.train, *cohort.calibration, *cohort.audit), config.identifiers.language),
        ]
        if some.any():
            told = "of the identifiers that the rules find in an original, found again in its changed text"
            owners = [patient for patient, has in zip(patients, some, strict=True) if has]
            share = stays[some] / total[some]
            found.append(mean("found_left", share, owners, seed=seed, better="lower", note=told, bounded=True))
        if isinstance(operator, Surrogates) and operator.policy.found is not None:
            found.append(replace(operator.policy.found, note=operator.policy.told()))
            progress.say(f"{operator.policy.found.value:.0%} {operator.policy.told()}")
        return tuple(found)


_POLICIES = {
    "consistent": "the same in all sessions of a patient",
    "markov": "redrawn from mention to mention",
    "measured": "the same in all sessions of a patient or redrawn from mention to mention, as the report says",
}


def _left_out(strength: float, k: int) -> str:
    if strength < GENERALISED:
        return ""
    where = "" if strength > GENERALISED else " and that speak of work, habits, places, kin or numbers of people"
    return f"; left out are sentences without a clinical word that fewer than {k} training patients share{where}"


def _kinds(strength: float, config: IdentifierConfig) -> tuple[Entity, ...]:
    if strength not in (0, 1, 2, 3, 4):
        raise UserError(
            f"--strength of {SURROGATES} is 0 (nothing), 1 (direct identifiers), 2 (ages, years, weekdays, countries "
            "too), 3 (also without sentences in which a patient says of himself what few others say) or 4 (without "
            f"any rare sentence), got {strength:g}"
        )
    direct = config.reject or SAFE_HARBOR
    return () if not strength else direct if strength == 1 else tuple(dict.fromkeys((*direct, *QUASI)))


def _shared(train: Sequence[DialogueReal], k: int) -> Shared:
    """What at least ``k`` patients say.

    Raises:
        UserError: there are fewer.
    """
    people = len({record.patient for record in train})
    if people < k:
        raise UserError(f"{people} training patients: strengths 3 and 4 ask what {k} of them share (identifiers.k)")
    return Shared.over([record.payload for record in train], [record.patient for record in train], k)


def same_words(real: Dialogue, made: Dialogue) -> float:
    """The share of a dialogue's words that are left, in their order."""
    from rapidfuzz.distance import LCSseq

    words = dialogue_words(real)
    return LCSseq.similarity(words, dialogue_words(made)) / max(1, len(words))


def _left(real: Dialogue, made: Dialogue, config: IdentifierConfig) -> tuple[int, int]:
    """How many different direct identifiers of the original stand in the changed text, and how many it has."""
    text, changed = real.text, made.text.casefold()
    direct = config.model_copy(update={"reject": config.reject or SAFE_HARBOR})
    said = {text[hit.start : hit.end].casefold() for hit in identifier_spans([real], direct)[0]}
    return sum(one in changed for one in said), len(said)
