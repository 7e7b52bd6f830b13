"""Rare facts: what a dialogue says that at most two training patients have said, added up per patient.

A fact is a telling word (a name, a place, a condition, a medicine, an occupation), a date, a number with its unit, or
a pair of quasi-identifiers of which one is an age, an occupation or a household. One may be shared by chance; several
of one patient point at that patient (Sweeney 2000, Simple demographics often identify people uniquely). Strangers share
some too, so that the score is calibrated like any other.
"""

from __future__ import annotations

import calendar
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.words import words


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


RARE = 2
"""So many patients may have said a fact that still counts as rare."""

_WORD = "word:"
_PAIR = "pair:"
_MONTHS = {name.lower(): name.lower() for name in calendar.month_name if name}
_MONTH = {**_MONTHS, **{name[:3]: name for name in _MONTHS}, "sept": "september"}
_WEEKDAYS = frozenset(name.lower() for name in calendar.day_name)
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
ORDINAL_WORDS = {
    word: str(day)
    for day, word in enumerate(
        (
            *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
            *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth"),
            *("eighteenth", "nineteenth", "twentieth"),
        ),
        start=1,
    )
}
_UNIT_NAMES = _words_of(
    "mg mcg kg ml iu mmol cm mm km unit am pm year month week day hour minute mile percent degree dollar pound ounce "
    "stone foot inch metre litre time cigarette pack drink beer pint glass tablet pill child son daughter brother "
    "sister sibling grandchild dog cat step stair pregnancy"
)
_UNITS = {
    **{unit: unit for unit in _UNIT_NAMES},
    **{"milligram": "mg", "microgram": "mcg", "kilo": "kg", "kilogram": "kg", "lb": "pound", "feet": "foot"},
    **{"ft": "foot", "yr": "year", "hr": "hour", "min": "minute", "meter": "metre", "liter": "litre"},
    **{"kid": "child", "children": "child", "inches": "inch", "glasses": "glass", "grandchildren": "grandchild"},
}
_HUNDREDS = {"hundred": 100, "thousand": 1000}

_SEX = {
    **dict.fromkeys(["female", "woman", "lady", "girl"], "female"),
    **dict.fromkeys(["male", "man", "gentleman", "boy"], "male"),
}
_HOUSEHOLD = _words_of(
    "married divorced widow widowed widower separated engaged adopted fostered twin twins triplets homeless orphan "
    "stepfather stepmother refugee immigrant veteran pregnant foster"
)
_OCCUPATIONS = _words_of(
    "accountant actor actress architect artist attorney baker banker barber barista bartender bookkeeper bricklayer "
    "builder butcher carer caretaker caregiver carpenter cashier chef chemist cleaner clerk coach consultant cook "
    "counsellor courier dancer dentist designer detective dispatcher driver economist editor electrician engineer "
    "farmer firefighter fisherman florist gardener geologist hairdresser housekeeper janitor jeweller journalist judge "
    "labourer landscaper lawyer lecturer librarian lifeguard locksmith machinist manager mechanic midwife miner model "
    "musician nanny nurse optician painter paramedic pharmacist photographer physicist pilot plasterer plumber "
    "policeman policewoman porter postman potter priest principal professor programmer psychologist realtor "
    "receptionist reporter retired roofer sailor salesman saleswoman scientist seamstress secretary soldier solicitor "
    "student surgeon surveyor tailor teacher technician therapist translator truck tutor undertaker unemployed vet "
    "veterinarian waiter waitress warehouse welder writer yoga zookeeper"
)
_CONDITIONS = _words_of(
    "asthma diabetes diabetic hypertension depression anxiety bipolar schizophrenia ptsd ocd adhd autism anorexia "
    "bulimia cancer leukemia lymphoma melanoma stroke seizure seizures epilepsy migraine migraines gout reflux gerd "
    "copd emphysema pneumonia tuberculosis hiv aids hepatitis cirrhosis jaundice gallstones kidney dialysis transplant "
    "lupus psoriasis eczema shingles scoliosis hernia fracture concussion dementia alzheimer parkinson ms sclerosis "
    "anemia anaemia thyroid hypothyroidism hyperthyroidism obesity apnea insomnia menopause endometriosis infertility "
    "miscarriage abortion angina murmur fibrillation pacemaker stent bypass embolism thrombosis aneurysm glaucoma "
    "cataracts macular deaf blind alcoholism alcoholic heroin cocaine methadone overdose suicide suicidal crohn celiac "
    "coeliac ibs colitis diverticulitis appendicitis pancreatitis vertigo tinnitus neuropathy sciatica carpal rotator "
    "meniscus acl amputation paralysis cerebral palsy syndrome cystic fibrosis sickle hemophilia haemophilia "
    "chlamydia gonorrhea herpes syphilis lyme malaria covid polio measles mumps"
)
_CONDITION_ENDINGS = re.compile(r"\w{3,}(?:itis|osis|omas?|aemia|emia|pathy|algia|ectomy|plasty|otomy|plegia|phobia)$")
_MEDICINES = _words_of(
    "metformin insulin aspirin ibuprofen tylenol advil aleve motrin warfarin coumadin eliquis xarelto plavix "
    "lisinopril norvasc lasix digoxin amiodarone prednisone albuterol ventolin flonase synthroid levothyroxine zoloft "
    "prozac lexapro celexa paxil effexor cymbalta wellbutrin buspirone lithium depakote lamictal seroquel abilify "
    "risperdal zyprexa xanax ativan klonopin valium ambien trazodone adderall ritalin vyvanse gabapentin lyrica "
    "tramadol oxycodone hydrocodone percocet vicodin morphine fentanyl codeine naproxen celebrex humira enbrel "
    "methotrexate tamoxifen allopurinol colchicine protonix nexium prilosec pepcid zantac lipitor crestor zocor "
    "viagra flomax ozempic jardiance januvia lantus keppra dilantin tegretol topamax sumatriptan imitrex"
)
_MEDICINE_ENDINGS = re.compile(
    r"\w{2,}(?:pril|olol|statin|sartan|prazole|oxetine|ipram|opram|azepam|zolam|gliptin|gliflozin|cillin|mycin|floxacin|"
    r"cycline|triptan|thiazide|dipine|tidine|setron|tinib|mab|parin|xaban|profen|codone|azine|apine|idone)$"
)
_JOB_BEFORE = frozenset({"a", "an", "the", "as", "former", "retired", "am", "was", "school", "student", "construction"})
_COMMON_AFTER = _words_of(
    "the and but that this with what when where how just here there not for you your our okay going doing having "
    "calling about really very still also because speaking again then well now home work school hospital college "
    "bed sleep time today tomorrow yesterday doctor nurse patient everything something anything nothing someone "
    "see him her them his she they all from into some any more much good better bad pain"
)
_CUES = {
    "introduced": ("my name is", "name is", "call me", "named", "called", "mr", "mrs", "ms", "miss", "doctor", "nurse"),
    "addressed": ("hi", "hello", "hey", "good morning", "good afternoon", "thanks", "thank you", "goodbye", "bye"),
    "placed": ("from", "live in", "lived in", "living in", "moved to", "born in", "grew up in", "trip to", "went to"),
    "employed": ("work at", "works at", "working at", "worked at", "work for", "works for", "worked for"),
}
_CUE_WORDS = tuple(tuple(cue.split()) for group in _CUES.values() for cue in group)
_LONGEST_CUE = max(map(len, _CUE_WORDS))
_CUE_SET = frozenset(_CUE_WORDS)
# Capitalised where no sentence begins: the writer held it for a name.
_CAPITALISED = re.compile(r"(?<=[\w,;'’-])\s+((?:[^\W\d_a-zß-ÿ][a-zß-ÿ'’-]{2,}\s?)+)")


def facts(dialogue: Dialogue) -> frozenset[str]:
    """Everything that may identify its patient, each as ``kind:value``; normalised, so that spellings agree."""
    found: set[str] = set()
    quasi: set[str] = set()
    for turn in dialogue.turns:
        own, described = _of_utterance(turn.text)
        found |= own
        quasi |= described
    telling = ("condition:", "medicine:", "occupation:")
    found.update(_WORD + fact.partition(":")[2] for fact in quasi if fact.startswith(telling))
    leading = ("age:", "occupation:", "household:")
    found.update(
        f"{_PAIR}{a}+{b}"
        for a, b in combinations(sorted(quasi), 2)
        if a.partition(":")[0] != b.partition(":")[0] and (a.startswith(leading) or b.startswith(leading))
    )
    return frozenset(found)


@lru_cache(maxsize=2**15)
def _of_utterance(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names, dates and numbers; and what describes a person."""
    tokens = list(words(text))
    return frozenset((*_names(text, tokens), *_numbers(tokens))), frozenset((*_ages(tokens), *_described(tokens)))


def _names(text: str, tokens: Sequence[str]) -> Iterator[str]:
    for match in _CAPITALISED.finditer(text):
        yield from (_WORD + word for word in words(match[1]) if _may_name(word))
    for i in range(1, len(tokens)):
        cued = any(tuple(tokens[max(0, i - n) : i]) in _CUE_SET for n in range(1, _LONGEST_CUE + 1))
        if cued and _may_name(tokens[i]):
            yield _WORD + tokens[i]


def _may_name(word: str) -> bool:
    return len(word) > 2 and not word.isdigit() and word not in _COMMON_AFTER | _WEEKDAYS and word not in _MONTH


def _numbers(tokens: Sequence[str]) -> Iterator[str]:
    """Dates, numbers with their unit, and numbers of three digits and more."""
    tokens = [ORDINAL_WORDS[word] if _day_of_month(tokens, i) else word for i, word in enumerate(tokens)]
    i = 0
    while i < len(tokens):
        if not (tokens[i].isdigit() or tokens[i] in _MONTH):
            i += 1
            continue
        start = i
        parts: list[str] = []
        month = ""
        while i < len(tokens) and (tokens[i].isdigit() or tokens[i] in _HUNDREDS or tokens[i] in _ORDINALS):
            parts += [tokens[i]] if tokens[i] not in _ORDINALS else []
            i += 1
        after = tokens[i + 1] if i + 1 < len(tokens) and tokens[i] == "of" else tokens[i] if i < len(tokens) else ""
        if after in _MONTH and (parts or i == start):
            month = _MONTH[after]
            i += 2 if i < len(tokens) and tokens[i] == "of" else 1
            later = i
            while i < len(tokens) and i - later < 3 and (tokens[i].isdigit() or tokens[i] in _ORDINALS):
                parts += [tokens[i]] if tokens[i] not in _ORDINALS else []
                i += 1
        number = _joined(parts)
        unit = _UNITS.get(after) or _UNITS.get(after.removesuffix("s"), "")
        if month and number:
            yield f"date:{month} {' '.join(sorted(number.split('.')))}"
        elif number and unit and not month:
            yield f"number:{number} {unit}"
        elif sum(map(len, parts)) > 2 and number:
            yield f"number:{number}"


def _day_of_month(tokens: Sequence[str], i: int) -> bool:
    """Whether an ordinal counts days: "the third of march", "march third"."""
    if tokens[i] not in ORDINAL_WORDS:
        return False
    after = tokens[i + 1 : i + 3]
    return any(word in _MONTH for word in (*tokens[max(0, i - 1) : i], *after[: 1 + (after[:1] == ["of"])]))


def _joined(parts: Sequence[str]) -> str:
    """ "1 hundred 30" is 130; other numbers in a row are kept apart: "130.80"."""
    numbers: list[int | str] = []
    scaled = False
    for part in parts:
        if part in _HUNDREDS:
            last = numbers.pop() if numbers and isinstance(numbers[-1], int) else 1
            numbers.append(int(last) * _HUNDREDS[part])
            scaled = True
        elif scaled and numbers and isinstance(numbers[-1], int) and len(part) < 3:
            numbers[-1] = int(numbers[-1]) + int(part)
            scaled = False
        else:
            numbers.append(int(part) if len(part) < 10 else part)
            scaled = False
    return ".".join(map(str, numbers))


def _ages(tokens: Sequence[str]) -> Iterator[str]:
    for i, token in enumerate(tokens):
        if not token.isdigit() or not 0 < int(token[:4]) < 120:
            continue
        following = tuple(tokens[i + 1 : i + 3])
        old = following in {("year", "old"), ("years", "old"), ("y", "o")}
        turned = i > 0 and tokens[i - 1] in {"aged", "turned", "age"}
        if old or turned:
            yield f"age:{int(token)}"


def _described(tokens: Sequence[str]) -> Iterator[str]:
    for i, token in enumerate(tokens):
        if token in _SEX and i > 0 and tokens[i - 1] in {"old", "a", "am", "black", "white", "asian", "hispanic"}:
            yield f"sex:{_SEX[token]}"
        if token in _HOUSEHOLD:
            yield f"household:{token}"
        if token in _CONDITIONS or _CONDITION_ENDINGS.match(token):
            yield f"condition:{token}"
        elif token in _MEDICINES or _MEDICINE_ENDINGS.match(token):
            yield f"medicine:{token}"
        elif token in _OCCUPATIONS and i > 0 and tokens[i - 1] in _JOB_BEFORE:
            yield f"occupation:{token}"


@dataclass(frozen=True, slots=True)
class Told:
    """What one patient's dialogues say: the facts, and every word, since a name is only as rare as it is as a word."""

    facts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    @classmethod
    def by(cls, dialogue: Dialogue) -> Self:
        said = frozenset(words(dialogue.text))
        return cls(facts(dialogue), said)

    def and_also(self, other: Told) -> Told:
        return Told(self.facts | other.facts, self.words | other.words)


@dataclass(frozen=True)
class RareFacts:
    """The facts of the training patients; a column of the gate.

    Attributes:
        by_patient: everything that a patient's dialogues say. Private.
    """

    by_patient: Mapping[str, Told]

    name = "rare_facts"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        return cls(_gathered({}, dialogues, patients))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same column, protecting these dialogues too."""
        return type(self)(_gathered(self.by_patient, dialogues, patients))

    @cached_property
    def _owners(self) -> Mapping[str, tuple[str, ...]]:
        """Who said each fact, for facts that are rare even when one of the patients is left out."""
        telling = {fact for told in self.by_patient.values() for fact in told.facts if fact.startswith(_WORD)}
        said: defaultdict[str, list[str]] = defaultdict(list)
        for patient, told in sorted(self.by_patient.items()):
            for fact in told.facts | (_said(told) & telling):
                said[fact].append(patient)
        return {fact: tuple(patients) for fact, patients in said.items() if len(patients) <= RARE + 1}

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Shape [N], in (0, 1], larger is safer: how unlikely it is that one patient owns so many of the rare facts.

        Were the rare facts of a dialogue dealt to the P patients at random, each patient would own the same expected
        share m of them; that one of P owns L has at most the probability p = P exp(L - m - L log(L / m)), L > m
        (Chernoff's bound for a Poisson sum, times P). The score is 1 / (1 - log p), and 1 where p is 1 or more. It
        grows with what one patient owns alone, and relatives in T who share their facts do not hide each other.

        Args:
            exclude: for each dialogue a patient who is left out, from the counts too.
        """
        left_out = exclude if exclude is not None else [None] * len(dialogues)
        return np.array([self._score(d, own) for d, own in zip(dialogues, left_out, strict=True)], np.float64)

    def _score(self, dialogue: Dialogue, own: str | None) -> float:
        patients = len(self.by_patient) - (own in self.by_patient)
        owned: defaultdict[str, float] = defaultdict(float)
        pairs: defaultdict[str, int] = defaultdict(int)
        told = Told.by(dialogue)
        # A telling word of T is recognised wherever it is said, with or without the capital that gave it away.
        for fact in (told.facts | _said(told)) & self._owners.keys():
            owners = [patient for patient in self._owners[fact] if patient != own]
            for owner in owners if len(owners) <= RARE else ():
                if fact.startswith(_PAIR):
                    pairs[owner] += 1
                else:
                    owned[owner] += 1.0
        for owner, count in pairs.items():  # one age in common makes a pair with every common complaint
            owned[owner] += math.log1p(count)
        if not owned:
            return 1.0
        most, expected = max(owned.values()), math.fsum(owned.values()) / patients
        surprise = most * math.log(most / expected) - most + expected - math.log(patients)
        return 1.0 / (1.0 + max(0.0, surprise))


def _said(told: Told) -> set[str]:
    return {_WORD + word for word in told.words}


def _gathered(before: Mapping[str, Told], dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Mapping[str, Told]:
    gathered = dict(before)
    for dialogue, patient in zip(dialogues, patients, strict=True):
        gathered[patient] = gathered.get(patient, Told()).and_also(Told.by(dialogue))
    return gathered
