"""croissant.json: the release as Croissant 1.0 with the responsible-AI fields, built and checked by mlcroissant."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from synthgen.records import JsonValue
from synthgen.release import words
from synthgen.report import AnonymisationReport, Column, DatasetFacts, Provenance, ReleaseReport

_RECORDS = "samples"
_CITATION = "@misc{synthgen, title={synthgen: synthetic medical data, screened and sealed}, note={version %s}}"
_LICENCE_PAGES = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://opensource.org/license/mit",
}


@dataclass(frozen=True)
class Said:
    """What the responsible-AI fields say.

    Attributes:
        kind: ``"Synthetic"``, or how else records came to be.
        limitations: the first is of the labels, the next two of whom the records stand for.
    """

    kind: str
    records: str
    collection: str
    manipulation: str
    limitations: tuple[str, ...]
    is_not: tuple[str, ...]
    uses: tuple[str, ...]
    personal: tuple[str, ...]


def croissant(folder: Path, report: ReleaseReport) -> dict[str, JsonValue]:
    """The description as JSON-LD. No date stands in it, so that the same samples give the same bytes.

    Args:
        folder: the release, whose data files are complete.

    Raises:
        mlcroissant.ValidationError: the facts do not make a valid description (a writer's mistake).
    """
    privacy, provenance = report.privacy, report.provenance
    said = Said(
        kind="Synthetic",
        records="The synthetic samples.",
        collection=words.collection(provenance),
        manipulation=words.screening(privacy),
        limitations=words.limitations(provenance, privacy),
        is_not=words.what_it_is_not(privacy),
        uses=words.USES,
        personal=(
            words.whose_records(provenance),
            f"Verdict, on privacy alone: {privacy.outcome.value}. {words.MEANING[privacy.outcome]}",
            privacy.claim,
        ),
    )
    return _described(folder, report.dataset, provenance, said)


def croissant_of_changed(folder: Path, report: AnonymisationReport) -> dict[str, JsonValue]:
    """The same for real records that were changed."""
    privacy, provenance = report.privacy, report.provenance
    said = Said(
        kind="Anonymised",
        records="The changed records.",
        collection=f"Records of patients ({provenance.source}), each changed: {provenance.generator}.",
        manipulation=f"Operator {privacy.operator} at strength {privacy.strength:g}, record for record.",
        limitations=words.LIMITATIONS_OF_CHANGED,
        is_not=words.CHANGED_IS_NOT,
        uses=words.USES,
        personal=(
            "Every record is one of a person, changed.",
            f"Verdict, on privacy alone: {privacy.outcome.value}. {words.MEANING_OF_CHANGED[privacy.outcome]}",
            privacy.claim,
        ),
    )
    return _described(folder, report.dataset, provenance, said)


def _described(folder: Path, dataset: DatasetFacts, provenance: Provenance, said: Said) -> dict[str, JsonValue]:
    import mlcroissant as mlc

    if dataset.tables:
        distribution, fields = _tables(mlc, dataset)
    else:
        distribution, fields = _table_and_media(mlc, folder, dataset)
    metadata = mlc.Metadata(
        name=dataset.title,
        description=dataset.description,
        conforms_to=["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        version="1.0.0",
        license=[_LICENCE_PAGES.get(provenance.source_licence.lower().replace(" ", "-"), provenance.source_licence)],
        cite_as=_CITATION % provenance.synthgen_version,
        keywords=[said.kind.lower(), "medical", *dataset.modality_tags],
        distribution=distribution,
        record_sets=[mlc.RecordSet(id=_RECORDS, name=_RECORDS, description=said.records, fields=fields)],
        data_collection=said.collection,
        data_collection_type=[said.kind],
        data_manipulation_protocol=said.manipulation,
        data_annotation_protocol=[said.limitations[0]],
        data_biases=[said.limitations[1], said.limitations[2]],
        data_limitations=[*said.limitations, *said.is_not],
        data_use_cases=list(said.uses),
        personal_sensitive_information=list(said.personal),
    )
    return cast("dict[str, JsonValue]", metadata.to_json())


def _table_and_media(mlc: Any, folder: Path, dataset: DatasetFacts) -> tuple[list[Any], list[Any]]:
    """One table, and the media files that it names."""
    with (folder / dataset.metadata_file).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    distribution: list[Any] = [
        mlc.FileObject(
            id="metadata",
            name="metadata",
            description="One row per sample.",
            content_url=dataset.metadata_file,
            encoding_formats=[_encoding(dataset.metadata_file)],
            sha256=digest,
        )
    ]
    fields = [_field(mlc, column, {"file_object": "metadata"}) for column in dataset.columns]
    if dataset.media_glob:
        media = mlc.FileSet(
            id="media",
            name="media",
            description="The media file of each sample.",
            encoding_formats=[dataset.media_type],
            includes=[dataset.media_glob],
        )
        distribution.append(media)
        for field in fields:
            if field.name == dataset.media_column:
                field.references = mlc.Source(file_set="media", extract=mlc.Extract(file_property="filename"))
        fields.append(_media_field(mlc, dataset.media_type))
    return distribution, fields


def _tables(mlc: Any, dataset: DatasetFacts) -> tuple[list[Any], list[Any]]:
    """Parquet files by split, with the split as one more field, read off the file's name."""
    tables = mlc.FileSet(
        id="tables",
        name="tables",
        description="One row per sample; SHA256SUMS holds the digest of each file.",
        encoding_formats=["application/x-parquet"],
        includes=[glob for _, glob in dataset.tables],
    )
    names = "|".join(re.escape(name) for name, _ in dataset.tables)
    split = mlc.Field(
        id=f"{_RECORDS}/split",
        name="split",
        description="The split that the sample belongs to.",
        data_types=[_type("sc:Text")],
        source=mlc.Source(
            file_set="tables",
            extract=mlc.Extract(file_property="filename"),
            transforms=[mlc.Transform(regex=f"({names})-.*")],
        ),
    )
    return [tables], [split, *(_field(mlc, column, {"file_set": "tables"}) for column in dataset.columns)]


def _field(mlc: Any, column: Column, table: dict[str, str]) -> Any:
    name = f"{_RECORDS}/{column.name}"
    if column.fields:
        return mlc.Field(
            id=name,
            name=column.name,
            description=column.description,
            repeated=column.repeated,
            sub_fields=[
                mlc.Field(
                    id=f"{name}/{re.sub(r'[^A-Za-z0-9_.-]+', '_', inner.name)}",  # no white space in an @id
                    name=inner.name,
                    description=inner.description,
                    data_types=[_type(inner.data_type)],
                    source=mlc.Source(
                        **table,
                        extract=mlc.Extract(column=column.name),
                        transforms=[mlc.Transform(json_path=f'"{inner.name}"')],
                    ),
                )
                for inner in column.fields
            ],
        )
    return mlc.Field(
        id=name,
        name=column.name,
        description=column.description,
        data_types=[_type(column.data_type)],
        repeated=column.repeated,
        source=mlc.Source(**table, extract=mlc.Extract(column=column.name)),
    )


def _media_field(mlc: Any, media_type: str) -> Any:
    kind = media_type.split("/")[0]
    known = {"image": "sc:ImageObject", "audio": "sc:AudioObject", "video": "sc:VideoObject"}
    return mlc.Field(
        id=f"{_RECORDS}/{kind}",
        name=kind,
        description="The content of the media file.",
        data_types=[_type(known.get(kind, "sc:Text"))],
        source=mlc.Source(file_set="media", extract=mlc.Extract(file_property="content")),
    )


def _type(name: str) -> str:
    return name.replace("sc:", "https://schema.org/", 1)


def _encoding(name: str) -> str:
    suffix = Path(name).suffix
    return {".csv": "text/csv", ".jsonl": "application/jsonlines", ".parquet": "application/x-parquet"}[suffix]
