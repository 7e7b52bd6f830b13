"""Clinical facts are found by lists of words, and a name, a street or an age is none."""

import pytest

from synthgen.privacy_filters.dialogue.clinical import clinical_facts


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("I take 20 mg of citalopram.", {"20 mg", "citalopram", "mg"}),
        ("Blood pressure 120 over 80, and 38.5 degrees.", {"blood", "pressure", "over 80", "38.5 degrees"}),
        ("The one for mood comes to 13.", {"mood", "comes to 13"}),
        ("Swollen ankles and a seizure since then.", {"swollen", "ankles", "seizure"}),
        ("I live at 12 Stone Lane with two sons, aged 7.", set()),
        ("Thomas rang on Monday, 3 March.", set()),
    ],
)
def test_facts_are_those_of_the_illness(text: str, facts: set[str]) -> None:
    assert set(clinical_facts(text)) == facts


def test_a_fact_that_is_told_twice_counts_twice() -> None:
    assert clinical_facts("Pain, and more pain.")["pain"] == 2
    assert clinical_facts("Take 20 mg.") != clinical_facts("Take 30 mg.")
