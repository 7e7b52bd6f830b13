"""The steward's review of a run: a page of pairs, and a list of what is withheld, both in the work folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.workfolder import Workfolder, reopened

PAGE: Final = "index.html"


def review(
    folder: Path,
    *,
    static: bool = False,
    port: int = 0,
    withhold: Collection[int] = (),
    give_back: Collection[int] = (),
    say: Callable[[str], None] = print,
) -> frozenset[int]:
    """Shows the samples of a run beside their nearest patients, and keeps what is marked; the slots that are withheld.

    With ``withhold`` or ``give_back`` it marks and ends; with ``static`` it writes ``audit/index.html``; with neither
    it serves the page on 127.0.0.1 until the review is ended there, or by Ctrl-C.

    Args:
        port: 0 takes a free one.
        say: is told the address, and what came of it.

    Raises:
        UserError: the folder is no work folder, is in use, or holds no screened samples; a slot holds nothing that
            could be withheld; the port is in use.
    """
    with reopened(folder) as work:
        from synthgen.audit import PAIRS, Pairs, read_pairs  # which need what a wrong folder does not wait for
        from synthgen.review_page import Page, review_page
        from synthgen.review_server import serving, until_ended
        from synthgen.withholding import read_withheld, write_withheld

        if not (work.audit / PAIRS).is_file():
            raise UserError(
                f"{folder} holds no screened samples: they are there once synthgen generate has screened samples "
                "against a cohort, to its end, with this --work"
            )
        found: Pairs = read_pairs(work.audit / PAIRS)
        if found.run != work.noted("run"):
            raise UserError(
                f"what is to be reviewed in {folder} is of another run: run synthgen generate with this --work again"
            )
        _check(work, found.slots, {*withhold, *give_back})
        if withhold or give_back:
            write_withheld(work, (read_withheld(work) | set(withhold)) - set(give_back))
        elif not static:
            on_page = {pair.slot for pair in found.pairs if pair.kept}

            def page() -> Page:
                return review_page(found, read_withheld(work), work=str(folder), served=True)

            def save(slots: frozenset[int]) -> None:
                write_withheld(work, (read_withheld(work) - on_page) | (slots & on_page))

            page()
            with serving(port, page, save) as server:
                say(f"review {server.address} (this machine alone; end it there, or with Ctrl-C)")
                until_ended(server)
        held = read_withheld(work)
        if static:
            made = review_page(found, held, work=str(folder), served=False)
            write_atomically(work.audit / PAGE, made.html)
            say(f"wrote {work.audit / PAGE} (private)")
        say(_told(held))
        return held


def _told(held: frozenset[int]) -> str:
    again = "; the same synthgen generate with a new --out seals without them" if held else ""
    return f"{len(held)} {'sample is' if len(held) == 1 else 'samples are'} withheld{again}"


def _check(work: Workfolder, places: int, slots: Collection[int]) -> None:
    """Only what the gate kept can be withheld.

    Raises:
        UserError: naming a slot that holds nothing of the kind.
    """
    from synthgen.ledger import read_ledger

    if not slots:
        return
    entries, _ = read_ledger(work.folder / "ledger.jsonl")
    kept = {int(str(entry["slot"])) for entry in entries if entry["kept"]} & set(range(places))
    if strange := sorted(set(slots) - kept):
        raise UserError(
            f"{strange[0]} is the number of no sample that the gate kept: the numbers stand on the page, and in the "
            "names of the release's records"
        )
