"""From accepted samples and a report to a sealed public folder."""

from synthgen.release.checks import assert_public
from synthgen.release.comparison import write_comparison
from synthgen.release.seal import Sealed, seal, seal_changed
from synthgen.release.staging import Staging, check_new, check_output, staged

__all__ = [
    "Sealed",
    "Staging",
    "assert_public",
    "check_new",
    "check_output",
    "seal",
    "seal_changed",
    "staged",
    "write_comparison",
]
