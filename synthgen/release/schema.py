"""The JSON Schema of ``privacy_report.json``, made from the dataclasses that the report is written from.

It lies beside this module, and in docs/schema/ for whoever has no synthgen. After a change of the report:

    python -m synthgen.release.schema > synthgen/release/privacy_report.schema.json
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from synthgen.records import JsonValue
from synthgen.report import AnonymisationReport, ReleaseReport

SCHEMA = "privacy_report.schema.json"


class _AsWritten(GenerateJsonSchema):
    """What ``to_json`` writes: every field, no other, and null where a figure could not be had (NaN)."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"type": ["number", "null"]}

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return {**super().dataclass_schema(schema), "additionalProperties": False}

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # a reader of a report has no use for the writer's defaults


def schema_of_reports() -> dict[str, JsonValue]:
    """The schema, draft 2020-12: of a release of synthetic records, or of changed ones."""
    kinds = {kind.__name__: TypeAdapter[object](kind) for kind in (ReleaseReport, AnonymisationReport)}
    _, whole = TypeAdapter.json_schemas(
        [(name, "serialization", adapter) for name, adapter in kinds.items()], schema_generator=_AsWritten
    )
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": "urn:synthgen:privacy_report",
        "title": "privacy_report.json of a release made by synthgen",
        # Told apart first, so that what is wrong is said of the one kind and not of both.
        "if": {"properties": {"privacy": {"required": ["operator"]}}},
        "then": {"$ref": "#/$defs/AnonymisationReport"},
        "else": {"$ref": "#/$defs/ReleaseReport"},
        "$defs": whole["$defs"],
    }


def shipped() -> dict[str, Any]:
    """The schema as it was published with this version."""
    found: dict[str, Any] = json.loads(resources.files("synthgen.release").joinpath(SCHEMA).read_text("utf-8"))
    return found


def text() -> str:
    """The schema as its file holds it."""
    return json.dumps(schema_of_reports(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
