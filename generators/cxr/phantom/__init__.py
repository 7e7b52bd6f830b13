"""A digital phantom of the chest: simulated radiographs of simulated people, with known identity and known findings.

``sample_patient(seed)`` draws an anatomy, ``sample_visit(seed, patient)`` the circumstances of one exposure, and
``render(patient, visit, findings, view, size)`` integrates the attenuation along the beam and develops the film;
``masks`` tells where heart, lungs, ribs and lesions lie on it, and ``render_with_masks`` gives both.
"""

from synthgen.generators.cxr.phantom.anatomy import Patient, Visit, sample_patient, sample_visit
from synthgen.generators.cxr.phantom.findings import FINDINGS
from synthgen.generators.cxr.phantom.render import Masks, masks, render, render_with_masks

__all__ = [
    "FINDINGS",
    "Masks",
    "Patient",
    "Visit",
    "masks",
    "render",
    "render_with_masks",
    "sample_patient",
    "sample_visit",
]
