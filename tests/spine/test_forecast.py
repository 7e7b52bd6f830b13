"""What a run is said to cost: scaled from what was measured, and no more exact than that."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from synthgen.arguments import asked
from synthgen.config import presets
from synthgen.forecast import AS_MEASURED, SCALED, Cost, Scale, costs, forecast, scale_of, seconds, size_of
from synthgen.pipeline import Plan

COST = Cost.model_validate(
    {
        "people": 500,
        "size": 50,
        "samples": 40,
        "planted": 60,
        "seconds": {"cohort": 10, "fit": 100, "calibrate": 60, "generate": 20, "evaluate": 5, "release": 1},
        "memory_mib": 1024,
        "cohort_mib": 10,
        "rest_mib": 20,
    }
)

KNOWN = {("dialogue", "demo"): COST, ("cxr", "demo"): COST}


def plan(data: Path | None = None, model: Path | None = None) -> Plan:
    return Plan(data, model, Path("release"), "demo", (), (), data is None)


def test_every_measured_run_is_of_a_preset_that_ships() -> None:
    for (modality, preset), cost in costs().items():
        assert preset in presets(modality)
        assert cost.samples == asked(modality, preset, ()).config.samples or cost.size
        assert seconds(cost, Scale(1, 1, 1)) > 0 and cost.memory_mib > 0


def test_a_measured_demo_is_estimated() -> None:
    line = forecast(asked("dialogue", None, (), demo=True), plan(), KNOWN)
    assert line.startswith("estimate: ") and "GiB of memory" in line and "of disk" in line


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.1, 10))
def test_what_grows_costs_more(size: float, samples: float, planted: float) -> None:
    one, more = Scale(size, samples, planted), Scale(size * 2, samples * 2, planted * 2)
    assert seconds(COST, one) < seconds(COST, more) < 2 * seconds(COST, one)
    assert seconds(COST, Scale(1, 1, 1)) == 196


def test_a_run_of_another_size_is_less_certain() -> None:
    assert 1 < AS_MEASURED < SCALED
    same, changed, larger = (
        forecast(asked("dialogue", "demo", settings, demo=True), plan(), KNOWN)
        for settings in ((), ("modality.generator.plan.sessions=5",), ("modality.demo.patients=5000",))
    )
    assert same != changed and same.split("(")[0] == changed.split("(")[0]
    assert larger.split(" ")[1] > same.split(" ")[1]


def test_a_cohort_is_sized_by_its_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.dcm", "metadata.csv"):
        (tmp_path / name).write_bytes(b"12345")
    assert size_of("cxr", tmp_path) == 2 and size_of("dialogue", tmp_path) == 15
    assert size_of("dialogue", tmp_path / "metadata.csv") == 5
    assert scale_of(COST, asked("cxr", "cpu", ()), tmp_path).size == 2 / 50


def test_what_was_never_measured_is_not_estimated(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("samples: 3\n")
    assert "no run with the settings of own was measured" in forecast(asked("cxr", str(own), ()), plan(tmp_path), KNOWN)
    given_model = forecast(asked("cxr", "demo", ()), plan(tmp_path, tmp_path), KNOWN)
    assert "not estimated: no run with a given model" in given_model
