"""Card, Croissant and page: valid for the tools that read them, and saying what the report says."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from PIL import Image

from synthgen.origin import Origin
from synthgen.records import Estimate
from synthgen.release import seal, staged, words
from synthgen.release.card import hub_licence, size_category
from synthgen.release.words import metric_name, percent
from synthgen.report import DatasetFacts, DeniableFacts, Floor, GuaranteeFacts, Outcome, Preview, ReleaseReport
from synthgen.steward import Steward, checklist

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def release(
    tmp_path: Path,
    write_data: Callable[[Path], DatasetFacts],
    make_report: Callable[..., ReleaseReport],
    sheet: bytes,
) -> Path:
    with staged(tmp_path / "release") as staging:
        report = make_report(write_data(staging.folder))
        return seal(staging, report, work=tmp_path / "work", preview=Preview(sheet)).folder


def test_datasets_reads_it_through_the_cards_header(tmp_path: Path, release: Path) -> None:
    pytest.importorskip("datasets")
    script = (
        "import sys; from datasets import load_dataset\n"
        "data = load_dataset(sys.argv[1], cache_dir=sys.argv[2])\n"
        "assert list(data) == ['train'], data\n"
        "assert data['train'].column_names == ['image', 'id', 'labels', 'age'] and data['train'].num_rows == 12\n"
        "assert data['train'][1]['labels'] == ['Effusion', 'Nodule'] and data['train'][4]['age'] is None\n"
        "assert data['train'][1]['image'].getpixel((0, 0)) == 9\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", script, str(release), str(tmp_path / "cache")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_the_card(release: Path, make_report: Callable[..., ReleaseReport]) -> None:
    text = (release / "README.md").read_text()
    _, header, body = text.split("---\n", 2)
    fields = yaml.safe_load(header)
    assert fields["license"] == "cc0-1.0" and fields["size_categories"] == ["n<1K"]
    assert fields["tags"][:2] == ["synthetic", "medical"] and fields["task_categories"] == ["image-classification"]
    assert make_report(DatasetFacts("", "", "", 0, (), "", "", "", "", (), (), ())).privacy.claim in body
    assert "| TSTR AUC | 0.780 | 0.710 to 0.840 | 100 | higher is better |  |" in body
    assert "| authenticity | 0.940 | – | 64 |" in body
    assert "real: 0.29 \\| same size" in body
    assert "It is not differential privacy" in body and "It is not anonymisation" in body
    assert not re.search(r"\n\n\n|{{|{%|None|nan\b", body)
    tables = re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE)
    assert len(tables) == 6
    for table in tables:  # every row of a table has as many cells as its head
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


def test_hub_terms() -> None:
    assert hub_licence("CC BY 4.0") == "cc-by-4.0"
    assert hub_licence("free use, cite Wang et al. 2017") == "other"
    assert [size_category(n) for n in (0, 999, 1_000, 10_000)] == ["n<1K", "n<1K", "1K<n<10K", "10K<n<100K"]


def test_words() -> None:
    assert [percent(share) for share in (0.0, 0.00995, 0.05, 1.0, float("nan"))] == ["0%", "1.00%", "5.0%", "100%", "–"]
    assert metric_name("verification_auc") == "verification AUC" and metric_name("map_at_r") == "mAP at r"


UTILITY = (
    Estimate("tstr_auc_macro", 0.712, (0.65, 0.77), 100),
    Estimate("trtr_auc_macro", 0.783, (0.72, 0.84), 100),
    Estimate("tstr_gap", 0.071, (0.02, 0.12), 100, "lower"),
)


def gain(low: float, high: float) -> Estimate:
    return Estimate("augmentation_gain", (low + high) / 2, (low, high), 100)


def test_fitness_stands_beside_privacy_and_neither_speaks_for_the_other(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    with staged(tmp_path / "release") as staging:
        report = replace(make_report(write_data(staging.folder)), evaluation=(*UTILITY, gain(-0.05, -0.01)))
        sealed = seal(staging, report, work=tmp_path / "work")
    card, page = ((sealed.folder / name).read_text() for name in ("README.md", "report.html"))
    assert "**Privacy: PASS**" in card and "Privacy: PASS" in page
    assert sealed.fitness in card and "AUC 0.712 (95%: 0.650 to 0.770)" in sealed.fitness and "0.783" in sealed.fitness
    for text in (card, page):
        assert "Lost against real data: 0.071 (95%: 0.020 to 0.120)" in text
        assert "harms: a classifier trained on both is worse" in text and "−0.030, 95%: −0.050 to −0.010" in text
    assert '<section class="verdict bad">' in page and '<section class="verdict good">' in page


def test_samples_that_are_not_fit_for_use_are_said_to_be_so_and_privacy_keeps_its_verdict(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    floors = (Floor(Estimate("neutral_coverage", 0.1, (0.05, 0.16), 80), 0.3, 0.9),)
    with staged(tmp_path / "release") as staging:
        report = make_report(write_data(staging.folder))
        privacy = replace(report.privacy, outcome=Outcome.INCONCLUSIVE, private=Outcome.PASS, floors=floors)
        sealed = seal(staging, replace(report, privacy=privacy), work=tmp_path / "work")
    assert sealed.quarantined and sealed.verdict == "Privacy: PASS. Not fit for use: INCONCLUSIVE"
    card, page = ((sealed.folder / name).read_text() for name in ("README.md", "report.html"))
    for text in (card, page):
        assert "Privacy: PASS. Not fit for use: INCONCLUSIVE – in quarantine, do not share" in text
        assert "neutral coverage 0.100 (95%: 0.050 to 0.160), at least 0.300 is asked for" in text
    assert '<section class="verdict bad">' in page and '<section class="verdict unsure">' in page
    told = json.loads((sealed.folder / "privacy_report.json").read_text())["privacy"]
    assert told["floors"][0]["least"] == 0.3 and told["private"] == "PASS"


def test_pretraining_is_judged_by_its_own_interval() -> None:
    first = Estimate("pretraining_gain", 0.03, (0.01, 0.05), 100)
    said = words.fitness_details([*UTILITY, gain(-0.05, -0.01), first])
    assert "harms" in said[-2]
    assert said[-1].startswith("Training on the samples first and on real data then helps") and "+0.030" in said[-1]


def test_an_augmentation_is_judged_by_its_own_interval() -> None:
    assert words.harms([gain(-0.05, -0.01)]) and not words.harms([gain(-0.05, 0.0)]) and not words.harms([])
    said = [words.fitness_details([*UTILITY, gain(*ends)])[-1] for ends in ((0.01, 0.05), (-0.02, 0.05))]
    assert "helps" in said[0] and "makes no difference that could be shown" in said[1]
    assert words.fitness(()) == "Fitness for use: not measured"
    assert "try them before you rely on them" in words.fitness_details(())[0]
    assert "nan" not in words.fitness([Estimate("tstr_auc_macro", float("nan"), (float("nan"),) * 2, 0)])


def test_a_classifier_at_chance_says_nothing_of_the_samples() -> None:
    synthetic, real, gap = UTILITY
    blind = [synthetic, replace(real, value=0.52, ci95=(0.44, 0.6)), gap]
    assert words.fitness(blind).startswith("Fitness for use: not shown")
    assert not any("Lost against" in line for line in words.fitness_details(blind))
    assert "not shown" not in words.fitness(UTILITY)


def test_a_generator_that_read_nobody_is_not_said_to_have_been_trained(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    texts = {}
    for reads in (True, False):
        with staged(tmp_path / f"release-{reads}") as staging:
            report = make_report(write_data(staging.folder))
            report = replace(report, provenance=replace(report.provenance, reads_cohort=reads))
            folder = seal(staging, report, work=tmp_path / "work").folder
        texts[reads] = [(folder / name).read_text() for name in ("README.md", "report.html", "croissant.json")]
    for said in texts[True]:
        assert "o record of a patient entered" not in said and "read no" not in said
    for said in texts[False]:
        assert "fitted to" not in said and "patients trained the generator" not in said
        assert "inherit the source" not in said and "o record of a patient entered the generator" in said


@pytest.mark.parametrize(("number", "said"), [(3, "This is try 3 on this cohort"), (None, "is not known")])
def test_the_try_is_told(make_report: Callable[..., ReleaseReport], number: int | None, said: str) -> None:
    privacy = make_report(DatasetFacts("", "", "", 0, (), "", "", "", "", (), (), ())).privacy
    assert said in words.tries(replace(privacy, tries=number))[0]
    assert words.tries(replace(privacy, tries=number, calibration=None)) == []


def test_a_note_on_the_model_is_in_card_and_page(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    with staged(tmp_path / "release") as staging:
        report = make_report(write_data(staging.folder))
        report = replace(report, provenance=replace(report.provenance, model_note=str(Origin.VOUCHED)))
        folder = seal(staging, report, work=tmp_path / "work").folder
    for name in ("README.md", "report.html", "privacy_report.json"):
        assert "the publisher states that no other patient entered it" in (folder / name).read_text()


def test_croissant_is_valid_and_yields_the_records(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    mlc = pytest.importorskip("mlcroissant")
    with caplog.at_level(logging.WARNING):
        dataset = mlc.Dataset(str(release / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    # No date: a release is the same bytes whenever it is made. Nothing else is missed.
    assert [issue for issue in dataset.metadata.ctx.issues.warnings if "datePublished" not in str(issue)] == []
    records = list(dataset.records("samples"))
    assert len(records) == 12
    assert records[1]["samples/id"] == b"SYNTHETIC-000001"
    assert records[1]["samples/labels"] == [b"Effusion", b"Nodule"]
    assert records[4]["samples/age"] is None and records[5]["samples/age"] == 45
    assert isinstance(records[1]["samples/image"], Image.Image)
    assert records[1]["samples/image"].getpixel((0, 0)) in {9, (9, 9, 9)}
    raw = json.loads((release / "croissant.json").read_text())
    for field in ("dataCollection", "dataLimitations", "personalSensitiveInformation", "dataUseCases", "dataBiases"):
        assert raw[f"rai:{field}"], field


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "img", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(release: Path) -> None:
    page = _Page()
    text = (release / "report.html").read_text()
    page.feed(text)
    assert page.open == []
    assert not page.seen & {"script", "link", "iframe"}
    assert all(source.startswith("data:image/png;base64,") for source in page.sources) and len(page.sources) == 1
    assert "url(" not in text and "@import" not in text
    assert "59 of 59" in text and "planted-copy miss rate" in text


def test_the_page_escapes_what_it_is_given(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    with staged(tmp_path / "release") as staging:
        report = make_report(write_data(staging.folder), Outcome.REFUSE, ("<script>alert(1)</script>",))
        folder = seal(staging, report, work=tmp_path / "work").folder
    assert "<script" not in (folder / "report.html").read_text()
    assert "<script" not in (folder / "README.md").read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to render the page with")
def test_the_page_renders(tmp_path: Path, release: Path) -> None:
    picture = tmp_path / "page.png"
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--hide-scrollbars", "--window-size=1100,2400",
        f"--screenshot={picture}", (release / "report.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    colours = {colour for _, colour in Image.open(picture).convert("RGB").getcolors(1 << 24) or []}
    assert (0xEA, 0xF6, 0xEF) in colours, "the verdict's banner"
    assert (0x2B, 0x6C, 0xB0) in colours, "the bars"


GUARANTEE = GuaranteeFacts(3.0, 1e-3, 409, "votes", "Differentially private, in words.", screened=False, release="dp")


@pytest.mark.parametrize(
    ("guarantee", "heading", "says"),
    [
        (replace(GUARANTEE, most_caught=0.2019), "epsilon 3, not screened", "could catch more than 20.2%"),
        (replace(GUARANTEE, most_caught=1.0), "epsilon 3, not screened", "sets no limit to how many copies"),
        (
            replace(GUARANTEE, deniable=DeniableFacts(10, 16, 4.0, 0.0122, 64, 2.4, "pitch"), release="dp+deniable"),
            "epsilon 3, plausibly deniable",
            "All 64 samples that were judged are paid for, whether they passed or not: the model alone has ε = 2.4",
        ),
    ],
)
def test_a_release_by_its_guarantee_says_what_it_rests_on_and_what_it_is_not(
    tmp_path: Path,
    write_data: Callable[[Path], DatasetFacts],
    make_report: Callable[..., ReleaseReport],
    guarantee: GuaranteeFacts,
    heading: str,
    says: str,
) -> None:
    with staged(tmp_path / "release") as staging:
        report = make_report(write_data(staging.folder), Outcome.DIFFERENTIALLY_PRIVATE)
        unseen = replace(
            report.privacy,
            guarantee=guarantee,
            filters=(),
            calibration=None,
            generator_test=None,
            planted=(),
            attacks=(),
        )
        sealed = seal(staging, replace(report, privacy=unseen, evaluation=()), work=tmp_path / "work")
    assert not sealed.quarantined and sealed.verdict == f"Privacy: DIFFERENTIALLY PRIVATE, {heading}"
    card, page = ((sealed.folder / name).read_text() for name in ("README.md", "report.html"))
    for text in (card, page):
        assert f"Privacy: DIFFERENTIALLY PRIVATE, {heading}" in text
        assert "Differentially private, in words." in text and says in text
        assert "No filter compared a sample with a patient" in text and "It is not screening." in text
        for of_the_gate in ("Filters:", "calibrated", "Screening removes", "What screening is not", "memoris"):
            assert of_the_gate not in text
    assert not re.search(r"\n\n\n|{{|{%|None|nan\b", card.replace("None was run.", "Nothing."))
    assert '<section class="verdict plain">' in page


def test_what_the_steward_states_stands_on_page_one_and_the_card_and_does_nothing(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    stated = Steward(
        holder="<script>alert(1)</script> & <img src=x>",
        controller="[us](https://elsewhere.example) ![x](https://elsewhere.example/x.png) | `code` <b>",
        forms={"hipaa.expert": "</table><h1>Dr <i>X</i>"},
    )
    folders = []
    for name in ("one", "two"):
        with staged(tmp_path / name) as staging:
            report = replace(make_report(write_data(staging.folder)), checklist=checklist(stated))
            folders.append(seal(staging, report, work=tmp_path / "work").folder)
    page, card = ((folders[0] / name).read_text() for name in ("report.html", "README.md"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img src=x&gt;" in page
    assert "<script" not in page and "<img" not in page and "&lt;/table&gt;&lt;h1&gt;Dr" in page
    assert page.index("Who answers for it") < page.index("Planted copies") < page.index("HIPAA, expert determination")
    assert "no legal advice" in page and page.count("left open") == 6 + 19
    assert "<script" not in card and "](https" not in card and "<img" not in card and "<b>" not in card
    rows = [row for row in card.splitlines() if row.startswith(("| Controller", "| Purpose"))]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3, 3] and "(left open)" in rows[1]
    first, second = ((folder / "SHA256SUMS").read_text() for folder in folders)
    assert first == second


def test_where_nothing_was_stated_the_lines_are_open(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> None:
    with staged(tmp_path / "release") as staging:
        report = replace(make_report(write_data(staging.folder)), checklist=checklist(Steward()))
        folder = seal(staging, report, work=tmp_path / "work").folder
    for name in ("README.md", "report.html"):
        text = (folder / name).read_text()
        assert "Nothing was stated (--steward FILE)" in text and "left open" in text
