"""Who is who after the change: relatives, short forms, titles and surnames over the sessions of a patient.

    python benchmarks/kept_straight.py --out kept_straight.json [--patients 300]

Invented patients with three sessions each, names from Faker's British and Irish lists (half of the surnames from
syllables that no list has). Counted, where the rules found the names at all, under ``consistent`` and ``markov``: a
relative's name is the same in every session, and a woman's where a sister is meant; a short form is a short form of the
name's surrogate; "Mr Wood" has the surname of "Kelly Wood"; two people do not get one name.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthgen.estimates import proportion
from synthgen.generators.dialogue.demo_cohort import cohort_words
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, surrogates
from synthgen.privacy_filters.dialogue.identifiers.invent import surrogate_words
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded, given_names, names
from synthgen.records import Estimate

SESSIONS = (
    (
        "My name is {full} {family}. {short} is what they call me.",
        "My {kin} {relative} drove me here.",
        "Dr {doctor} sent me.",
    ),
    (
        "Good morning, {title} {family}.",
        "{relative} has been ill.",
        "I saw Dr {doctor} again.",
        "I am {full} {family}.",
    ),
    ("It is {short} again.", "My {kin} {relative} is well.", "Dr {doctor} has rung, and {title} {family} is me."),
)
KIN = {"female": ("sister", "mother", "daughter", "wife"), "male": ("brother", "father", "son", "husband")}


def people(rng: random.Random) -> dict[str, str]:
    """A patient with a short form, a relative and a doctor."""
    from faker.providers.person.en_GB import Provider

    words = surrogate_words()
    gender = rng.choice(("female", "male"))
    kin = rng.choice(("female", "male"))
    group = rng.choice(words.women_short if gender == "female" else words.men_short).split()
    listed = [sorted(names_of) for names_of in (Provider.first_names_female, Provider.first_names_male)]
    syllables = cohort_words()

    def family() -> str:
        made = rng.choice(syllables.family_first) + rng.choice(syllables.family_last)
        return rng.choice((str(rng.choice(sorted(Provider.last_names))), made))

    return {
        "full": group[0].title(),
        "short": rng.choice(group[1:]).title(),
        "family": family(),
        "title": "Ms" if gender == "female" else "Mr",
        "kin": rng.choice(KIN[kin]),
        "gender": kin,
        "relative": str(rng.choice(listed[kin == "male"])),
        "doctor": family(),
    }


def read_back(template: str, text: str) -> Iterator[tuple[str, str]]:
    """What stands in a changed utterance where each name stood; nothing where the words around them are others."""
    pattern = re.sub(
        r"\\\{(\w+)\\\}", lambda m: rf"(?P<{m[1]}_{m.start()}>[^\W\d_'-]+(?:['-][^\W\d_]+)*)", re.escape(template)
    )
    found = re.fullmatch(pattern, text)
    for name, value in (found.groupdict() if found else {}).items():
        yield name.partition("_")[0], value


def measured(policy: str, patients: int) -> list[Estimate]:
    config = IdentifierConfig.model_validate({"policy": policy})
    women = frozenset().union(*(given_names(locale)[0] for locale in names().locales))
    men = frozenset().union(*(given_names(locale)[1] for locale in names().locales))
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(metric: str, good: bool) -> None:
        counts[metric][0] += good
        counts[metric][1] += 1

    groups = [line.split() for line in (*surrogate_words().women_short, *surrogate_words().men_short)]
    for number in range(patients):
        own = people(random.Random(f"straight {number}"))  # noqa: S311
        sessions = [[line.format(**own) for line in session] for session in SESSIONS]
        changed = surrogates([Dialogue(tuple(Turn("patient", t) for t in said)) for said in sessions], number, config)
        found: dict[str, list[str]] = defaultdict(list)
        for session, dialogue in zip(SESSIONS, changed, strict=True):
            for line, turn in zip(session, dialogue.turns, strict=True):
                templates = line.replace("{kin}", own["kin"]).replace("{title}", own["title"])
                for name, value in read_back(templates, turn.text):
                    count("name_replaced", value != own[name])
                    if value != own[name]:
                        found[name].append(value)
        for name in ("relative", "family", "doctor"):
            if len(found[name]) > 1:
                count(f"{name}_is_one_name", len(set(found[name])) == 1)
        for value in found["relative"]:
            count("relative_has_the_gender", folded(value) in (women if own["gender"] == "female" else men))
        for full in found["full"][:1]:
            for short in found["short"][:1]:
                count("short_form_joined", any(full.lower() in g and short.lower() in g for g in groups))
        for relative in found["relative"][:1]:
            count("people_have_names_of_their_own", relative not in {*found["full"], *found["short"]})
    return [proportion(metric, good, of) for metric, (good, of) in sorted(counts.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=300)
    given = parser.parse_args()
    results: list[dict[str, Any]] = []
    for policy in ("consistent", "markov"):
        figures = measured(policy, given.patients)
        results.append({"policy": policy, "patients": given.patients, "figures": figures})
        for one in figures:
            print(policy, one.metric, f"{one.value:.3f}", one.ci95, one.n, flush=True)
    given.out.write_text(json.dumps(results, indent=1, default=Estimate.as_dict) + "\n")


if __name__ == "__main__":
    main()
