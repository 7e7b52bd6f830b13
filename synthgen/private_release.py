"""What is released of a private model: the three ways by their names, and what is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

from synthgen.config import PrivacyConfig, ReleaseMode
from synthgen.dp.guarantee import Guarantee, read_guarantee
from synthgen.errors import UserError

UNPRIVATE = "was fitted without differential privacy"


def release_mode(privacy: PrivacyConfig, model: Path | None, *, cohort: bool) -> ReleaseMode | None:
    """What is released of the private model of a run; None where its model is not private.

    Where nothing was chosen, a cohort screens (``dp+screen``), and without one nothing can (``dp``).

    Args:
        model: the model that was given; None where one is fitted.
        cohort: whether patients are there to hold samples against.

    Raises:
        UserError: the choice makes no sense with this model, or without a cohort.
    """
    promised = None if model is None else read_guarantee(model)
    if promised is None and (model is not None or privacy.epsilon is None):
        _refuse_for_want_of_a_guarantee(privacy, model)
        return None
    asked: ReleaseMode = privacy.release or ("dp+screen" if cohort else "dp")
    if asked == "dp+screen" and not cohort:
        raise UserError("privacy.release=dp+screen holds samples against patients: give --data, or --dp-release dp")
    if asked == "dp+deniable" and not cohort:
        raise UserError(
            "privacy.release=dp+deniable counts the patients who could explain a sample: give --data, or "
            "--dp-release dp"
        )
    if asked != "dp+screen" and promised is not None:
        _refuse_beyond(privacy.budget, promised)
    return asked


def guarantee_of(model: Path) -> Guarantee:
    """The guarantee in a model's folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    promised = read_guarantee(model)
    if promised is None:
        raise UserError(f"{model} {UNPRIVATE}: fit it with --dp-epsilon")
    return promised


def _refuse_for_want_of_a_guarantee(privacy: PrivacyConfig, model: Path | None) -> None:
    if model is not None and privacy.epsilon is not None:
        raise UserError(
            f"privacy.epsilon={privacy.epsilon:g}: --model {model} {UNPRIVATE}, and is not fitted again: leave out "
            "--model, or --dp-epsilon"
        )
    if privacy.release is None:
        return
    if model is not None:
        raise UserError(
            f"privacy.release={privacy.release}: --model {model} {UNPRIVATE}: fit one with synthgen fit --dp-epsilon, "
            "or leave out --dp-release"
        )
    raise UserError(
        f"privacy.release={privacy.release} needs a private model: give --dp-epsilon, or --model with one that was "
        "fitted so"
    )


def _refuse_beyond(budget: float, promised: Guarantee) -> None:
    """A guarantee is no seal by itself: one that is weaker than the budget has to be chosen."""
    if promised.epsilon > budget * (1 + 1e-9):
        raise UserError(
            f"the model has epsilon {promised.epsilon:.3g}, and privacy.budget={budget:g} lets no more be released: "
            f"fit another, or raise it knowingly (--set privacy.budget={promised.epsilon:.3g})"
        )
