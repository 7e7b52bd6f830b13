"""Samples that the data steward takes out by hand: a list in the work folder, which the release honours.

Their slots stay empty, and every figure is of what the gate kept, those samples among it: taking samples out can turn
no verdict into a better one, so that nobody can fish for a PASS. More than a few turn a PASS into INCONCLUSIVE: then
the gate does not see what a person sees.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Final, TypeVar

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.records import C
from synthgen.sampling import Generated
from synthgen.workfolder import Workfolder

T = TypeVar("T")

LIST: Final = "withheld.json"


def read_withheld(work: Workfolder) -> frozenset[int]:
    """The slots that are to stay out; none where nobody marked any.

    Raises:
        UserError: the list is damaged, or of another run.
    """
    path = work.folder / LIST
    if not path.exists():
        return frozenset()
    try:
        told = json.loads(path.read_bytes())
        run, slots = told["run"], frozenset(told["slots"])
        sound = all(type(slot) is int and slot >= 0 for slot in slots)
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise UserError(f"{path} is damaged: delete it, and mark again with synthgen review {work.folder}")
    if run != work.noted("run"):
        raise UserError(f"{path} is of another run: delete it, and mark again with synthgen review {work.folder}")
    return slots


def write_withheld(work: Workfolder, slots: Collection[int]) -> None:
    """Keeps the list (mode 0600), in place of an earlier one."""
    told = {"run": work.noted("run"), "slots": sorted(slots)}
    write_atomically(work.folder / LIST, (json.dumps(told) + "\n").encode())


def withhold(generated: Generated[T, C], slots: Collection[int]) -> Generated[T, C]:
    """Takes the samples of ``slots`` out of what would be released; those that are out already count no second time."""
    kept = {row.slot for row in generated.rows() if row.kept} if slots else set[int]()
    out = frozenset(kept & set(slots)) - generated.withheld
    facts = replace(generated.facts, withheld_by_steward=len(out))
    return replace(generated, facts=facts, withheld=generated.withheld | out)
