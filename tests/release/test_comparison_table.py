"""What the table of a comparison takes for the strongest of each kind."""

from synthgen.records import Estimate
from synthgen.release.comparison import table
from synthgen.report import Compared, Comparison


def way(*figures: tuple[str, float]) -> Compared:
    attacks = tuple(Estimate(name, value, (value, value), 50) for name, value in figures)
    return Compared("synthetic", "", "", 10, attacks, (), ())


def test_what_is_told_of_an_attribute_is_no_other_gain() -> None:
    figures = (("privacy_gain", 0.99), ("attribute_inference_sex_gain", 0.04), ("attribute_inference_age_gain", 0.01))
    (told,) = [
        row
        for row in table(Comparison("0", "vitals", "demo", (5, 5, 5), 10, 0.4, (way(*figures),)))
        if row.asked.startswith("told of one attribute")
    ]
    assert told.answers[0].startswith("0.040")
