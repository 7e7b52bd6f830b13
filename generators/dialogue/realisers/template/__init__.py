"""The realiser that needs no weights: a varied grammar over what a side can see."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.generators.dialogue.realisers.protocol import Prompt, Response
from synthgen.generators.dialogue.realisers.template.clinician import clinician_says
from synthgen.generators.dialogue.realisers.template.patient import patient_says
from synthgen.generators.dialogue.views import ClinicianView


class TemplateRealiser:
    """Answers each request from its view and its seed alone; messages, sampling and schemas are not read."""

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        """One utterance per request, in order. A request without a view fails: a grammar cannot judge or summarise."""
        return [self._one(request) for request in requests]

    def _one(self, request: Prompt) -> Response:
        if request.view is None:
            return Response("", "failed", "a grammar answers views alone")
        if isinstance(request.view, ClinicianView):
            return Response(clinician_says(request.view, request.seed))
        return Response(patient_says(request.view, request.seed))
