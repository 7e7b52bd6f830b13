"""The steward's review: what the page shows and to whom, and what becomes of samples that are withheld."""

import csv
import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from click.testing import Result
from flow_command import EXAMPLES
from typer.testing import CliRunner
from vitals_command import Vitals

from synthgen.audit import Pair, Pairs, read_pairs
from synthgen.cli import app
from synthgen.errors import UserError
from synthgen.report import ShownPair
from synthgen.review_page import Page, review_page
from synthgen.review_server import ReviewServer, serving
from synthgen.workfolder import reopened

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'{{ 7*7 }}"
SAMPLES = 400


def review(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["review", *map(str, arguments)])


@pytest.fixture(scope="module")
def finished_vitals(vitals_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose patients have names that a page must not run."""
    folder = tmp_path_factory.mktemp("reviewed")
    with pytest.MonkeyPatch.context() as patch:
        for place in (vitals_site, EXAMPLES / "vitals"):
            patch.syspath_prepend(str(place))
        patch.setenv("SYNTHGEN_STATE", str(folder / "state"))
        patch.chdir(folder)
        asked = ("--modality", "vitals", "--seed", "1")
        assert CliRunner().invoke(app, ["demo-cohort", "--out", "data", *asked]).exit_code == 0
        table = folder / "data" / "vitals.csv"
        with table.open(newline="") as file:
            head, *rows = csv.reader(file)
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([head, *([f"{HOSTILE}{row[0]}", *row[1:]] for row in rows)])
        done = CliRunner().invoke(app, ["generate", "--data", "data", "-n", str(SAMPLES), "--out", "release", *asked])
        assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def work(vitals: Vitals, finished_vitals: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder, and its work folder."""
    shutil.copytree(finished_vitals, tmp_path, dirs_exist_ok=True)
    return Path("work")


def generate(vitals: Vitals, out: str) -> Result:
    return vitals("generate", "--data", "data", "-n", str(SAMPLES), "--out", out)


def report(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "privacy_report.json").read_text())["privacy"]
    return found


class Seen(HTMLParser):
    """Elements, and attributes that run or fetch something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.active: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            fetches = name in {"src", "href", "srcset", "action"} and value and not value.startswith("data:")
            if name.startswith("on") or name == "style" or fetches:
                self.active.append((name, value))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_pairs_and_runs_nothing_that_stands_in_them(work: Path) -> None:
    done = review(work, "--static")
    assert done.exit_code == 0, done.stderr
    page = work / "audit" / "index.html"
    assert page.stat().st_mode & 0o077 == 0 and work.stat().st_mode & 0o777 == 0o700
    seen = Seen(page.read_text())
    assert seen.tags.count("article") == len(read_pairs(work / "audit" / "pairs.parquet").pairs) > 24
    assert not {"script", "link", "iframe", "form", "base", "object"} & set(seen.tags)
    assert seen.active == []
    assert HOSTILE in seen.text and "rejected: nearest row" in seen.text
    policy = unescape(page.read_text().partition('Security-Policy" content="')[2].partition('"')[0])
    assert policy.startswith("default-src 'none'; img-src data:") and "unsafe" not in policy and "script" not in policy


def test_every_text_of_a_pair_is_escaped() -> None:
    pair = Pair(3, 0, False, (HOSTILE,), HOSTILE, json.dumps({HOSTILE: HOSTILE}), 1, ((HOSTILE, "1%"),), HOSTILE, HOSTILE, ShownPair("a", "b"))  # fmt: skip # noqa: E501
    for served in (True, False):
        page = review_page(Pairs("r", 9, 1, 5, 4, 1, (pair,)), {3}, work=HOSTILE, served=served)
        seen = Seen(page.html.decode())
        assert "script" not in seen.tags and "img" not in seen.tags
        assert [name for name, value in seen.active] == []
        assert "49" not in seen.text and "alert" not in page.policy


def test_nothing_of_a_review_is_in_a_release(work: Path) -> None:
    texts = b"".join(path.read_bytes() for path in Path("release").rglob("*") if path.is_file())
    assert b"onerror" not in texts and b"pairs.parquet" not in texts


def test_what_is_withheld_leaves_the_release_and_no_figure_gets_better(work: Path, vitals: Vitals) -> None:
    before = report(Path("release"))
    slots = [pair.slot for pair in read_pairs(work / "audit" / "pairs.parquet").pairs if pair.kept]
    assert review(work, "--withhold", slots[0], "--withhold", slots[1]).exit_code == 0
    assert generate(vitals, "fewer").exit_code == 0
    after = report(Path("fewer"))
    assert after["screening"] == {**before["screening"], "withheld_by_steward": 2}  # type: ignore[dict-item]
    for part in ("outcome", "attacks", "generator_test", "planted", "exposure"):
        assert after[part] == before[part]
    assert "The data steward withheld 2 of the samples that the gate kept" in str(after["claim"])
    assert "Withheld by the data steward by hand: 2" in (Path("fewer") / "report.html").read_text()
    rows = [(Path(out) / "data" / "vitals.csv").read_text().splitlines() for out in ("release", "fewer")]
    assert len(rows[0]) - len(rows[1]) == 2 and set(rows[1]) < set(rows[0])
    assert review(work, "--give-back", slots[0], "--give-back", slots[1]).stdout.startswith("0 samples are withheld")


def test_many_withheld_are_no_pass(work: Path, vitals: Vitals) -> None:
    """Whoever takes out what an attack would find gets no PASS for it."""
    slots = [pair.slot for pair in read_pairs(work / "audit" / "pairs.parquet").pairs if pair.kept][:5]
    assert review(work, *(word for slot in slots for word in ("--withhold", slot))).exit_code == 0
    done = generate(vitals, "fewer")
    assert done.exit_code == 3 and "the data steward withheld 5 of 400 samples by hand" in done.stderr
    assert not Path("fewer").exists()


@contextmanager
def reviewed(page: Callable[[], Page], save: Callable[[frozenset[int]], None]) -> Iterator[ReviewServer]:
    with serving(0, page, save) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server: ReviewServer, verb: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(verb, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_only_who_has_the_address_is_answered_and_nothing_is_stored() -> None:
    saved: list[frozenset[int]] = []
    with reviewed(lambda: Page(b"private", "default-src 'none'"), saved.append) as server:
        path = urlsplit(server.address).path
        assert server.server_address[0] == "127.0.0.1" and len(server.token) >= 32
        good = asked(server, "GET", path)
        assert good.status == 200 and good.headers["Cache-Control"] == "no-store"
        policy = good.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
        assert good.headers["Access-Control-Allow-Origin"] is None
        for wrong in ("/", "/index.html", path[:-2] + "/", f"{path}x", path.rstrip("/")):
            assert asked(server, "GET", wrong).status == 404
        assert asked(server, "GET", path, Host="evil.example").status == 404
        form = urlencode([("slot", 3), ("slot", 5), ("end", 0)])
        assert asked(server, "POST", path, form).status == 403
        assert asked(server, "POST", path, form, Origin="http://evil.example").status == 403
        assert asked(server, "POST", "/", form, Origin=server.origin).status == 404
        assert asked(server, "POST", path, "slot=x", Origin=server.origin).status == 400
        assert not saved
        assert asked(server, "POST", path, form, Origin=server.origin).status == 303
        assert saved == [frozenset({3, 5})]
        assert asked(server, "POST", path, "end=1", Origin=server.origin).status == 200
        assert saved[1:] == [frozenset()]


def test_a_port_in_use_is_one_line_and_the_advice_works() -> None:
    page = Page(b"", "")
    with (
        serving(0, lambda: page, lambda slots: None) as first,
        pytest.raises(UserError, match=f"port {first.server_port} of 127.0.0.1 is in use: leave --port out"),
        serving(first.server_port, lambda: page, lambda slots: None),
    ):
        pass


def test_what_is_no_run_to_review_is_one_line(work: Path, tmp_path: Path) -> None:
    def refused(*arguments: str | Path) -> str:
        done = review(*arguments)
        assert done.exit_code == 2, done.output
        (line,) = done.stderr.strip().splitlines()
        return line

    (tmp_path / "empty").mkdir()
    assert "is no work folder of synthgen" in refused("empty")
    assert "is no work folder of synthgen" in refused("nowhere")
    with reopened(work):
        assert "another process is using the work folder work: wait until it has ended" in refused(work)
    assert "999 is the number of no sample that the gate kept" in refused(work, "--withhold", "999")
    (work / "withheld.json").write_text('{"run": "another", "slots": [1]}')
    assert "withheld.json is of another run: delete it" in refused(work, "--static")
    (work / "withheld.json").write_text("[")
    assert "withheld.json is damaged: delete it" in refused(work, "--static")
    (work / "withheld.json").unlink()
    (work / "audit" / "pairs.parquet").write_bytes(b"PAR1")
    assert "pairs.parquet is damaged: delete it, and run the same synthgen generate" in refused(work)
    (work / "audit" / "pairs.parquet").unlink()
    assert "holds no screened samples" in refused(work)
