"""A small report and a small release, as a run would hand them over."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from synthgen.records import Estimate, Skipped
from synthgen.report import (
    CalibrationFacts,
    Column,
    DatasetFacts,
    GeneratorTest,
    Limits,
    Outcome,
    PlantedResult,
    PrivacyReport,
    Provenance,
    ReleaseReport,
    ScreeningFacts,
)

LABELS = (("No Finding",), ("Effusion", "Nodule"), ("Pneumonia",))


@pytest.fixture
def write_data() -> Callable[[Path], DatasetFacts]:
    """A writer of another modality's kind: the package under test knows nothing of X-rays."""

    def write(folder: Path) -> DatasetFacts:
        media = folder / "data" / "train"
        media.mkdir(parents=True)
        rows = []
        for index in range(12):
            Image.new("L", (16, 16), index * 9).save(media / f"{index:06d}.png")
            labels = list(LABELS[index % 3])
            rows.append(
                {
                    "file_name": f"{index:06d}.png",
                    "id": f"SYNTHETIC-{index:06d}",
                    "labels": labels,
                    "age": None if index == 4 else 40 + index,
                }
            )
        (media / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return DatasetFacts(
            modality="cxr",
            title="Synthetic chest X-rays",
            description="12 synthetic frontal chest radiographs, each with the findings that it was generated for.",
            samples=12,
            columns=(
                Column("file_name", "sc:Text", "The image file."),
                Column("id", "sc:Text", "The sample's name."),
                Column("labels", "sc:Text", "The findings asked for.", repeated=True),
                Column("age", "sc:Integer", "Years."),
            ),
            metadata_file="data/train/metadata.jsonl",
            media_glob="data/train/*.png",
            media_type="image/png",
            media_column="file_name",
            counts=(("Effusion", 4), ("No Finding", 4), ("Nodule", 4), ("Pneumonia", 4)),
            task_categories=("image-classification",),
            modality_tags=("chest-x-ray",),
        )

    return write


@pytest.fixture
def make_report() -> Callable[..., ReleaseReport]:
    """The report on ``dataset`` with a chosen outcome."""

    def make(dataset: DatasetFacts, outcome: Outcome = Outcome.PASS, reasons: tuple[str, ...] = ()) -> ReleaseReport:
        return replace(_REPORT, dataset=dataset, privacy=replace(_REPORT.privacy, outcome=outcome, reasons=reasons))

    return make


@pytest.fixture
def sheet() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 32), 128).save(buffer, format="PNG")
    return buffer.getvalue()


_REPORT = ReleaseReport(
    provenance=Provenance(
        synthgen_version="0.1.0",
        preset="demo",
        config_digest="c0ffee" * 8,
        model_digest="deadbeef" * 8,
        source="demo phantom",
        source_licence="CC0-1.0",
        generator="latent diffusion, 64 px, DPM-Solver++ in 25 steps",
        skipped=(Skipped("lateral views", 3),),
    ),
    dataset=DatasetFacts("", "", "", 0, (), "", "", "", "", (), (), ()),
    privacy=PrivacyReport(
        outcome=Outcome.PASS,
        reasons=(),
        claim=(
            "Under filters near_copy, identity, every released record scores farther from all 240 training patients "
            "than the 3rd closest of 200 held-out patients; planted-copy miss rate ≤ 4.95% (95%) for the listed "
            "perturbations; this is screening, not DP and not anonymity."
        ),
        filters=("near_copy", "identity"),
        calibration=CalibrationFacts(
            patients_train=240,
            patients_calibration=200,
            patients_audit=100,
            alpha=0.01,
            k=2,
            expected_block_rate=2 / 201,
            block_rate_ci95=(0.0012, 0.0275),
            attainable_alpha=1 / 201,
            filter_shares=(("near_copy", 0.5), ("identity", 0.5)),
            dropped_filters=(),
            audit_block_rate=Estimate("audit_block_rate", 0.01, (0.0003, 0.0545), 100, "lower"),
            audit_limit=5,
        ),
        generator_test=GeneratorTest(
            attempts=64,
            rejected=1,
            limit=6,
            expected_block_rate=2 / 201,
            detectable_share=0.04,
            conditions_tested=3,
            conditions_memorised=(),
            memorises=False,
            train_share=Estimate("train_share", 0.52, (0.39, 0.64), 64, "0.5"),
        ),
        planted=(
            PlantedResult("exact", "exact", 59, 59, 0.0495),
            PlantedResult("jpeg_q50", "perturbed", 59, 59, 0.0495),
            PlantedResult("rotation_3", "perturbed", 59, 58, 0.0779),
            PlantedResult("crop_5", "perturbed", 59, 57, 0.103),
            PlantedResult("autoencoder", "generator", 59, 59, 0.0495),
            PlantedResult("another_visit", "perturbed", 59, 31, 0.58),
        ),
        screening=ScreeningFacts(slots=12, attempts=13, rejected=1, exhausted=0),
        attacks=(
            Estimate("nn_membership_auc", 0.51, (0.44, 0.57), 100, "0.5"),
            Estimate("domias_auc", 0.53, (0.46, 0.6), 100, "0.5"),
            Estimate("identity_attack_auc", 0.49, (0.42, 0.56), 100, "0.5", "an embedder that no filter used"),
            Estimate("nn_membership_tpr_at_fpr_0.01", 0.01, (0.0, 0.05), 100, "lower"),
        ),
        limits=Limits(),
    ),
    evaluation=(
        Estimate("fid", 61.8, (55.1, 69.4), 100, "lower", "random convolutional features, 64 px"),
        Estimate("ms_ssim", 0.31, (0.28, 0.34), 100, "0.29", "within condition; real: 0.29 | same size"),
        Estimate("tstr_auc", 0.78, (0.71, 0.84), 100, "higher"),
        Estimate("authenticity", 0.94, (float("nan"), float("nan")), 64, "higher", "no interval"),
    ),
)
