"""Gathers what reports of `synthgen anonymize` say of attacks and of use, for the tables of the documentation.

    for o in warp:1 warp:3 warp:5 dp-pix:1 dp-pix:3; do
      synthgen anonymize --modality cxr --data NIH --config cpu --operator ${o%:*} --strength ${o#*:} --seed 0 \\
        --set split.train=0.4 --set split.calibration=0.3 --set split.audit=0.3 \\
        --set modality.evaluation.classifier_steps=150 --out R-$o --work W-$o
    done
    python benchmarks/anonymised_reports.py W-*/quarantine --out anonymised_nih14.json

A run that is refused has its report in the quarantine; one that passes, in the release.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

KEPT = ("attack", "level", "attacker", "auc", "eer", "rank1", "gallery", "untouched")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    told = [gathered(folder) for folder in given.folders]
    told.sort(key=lambda one: (one["operator"] != "warp", one["operator"], one["strength"]))
    given.out.write_text(json.dumps(told, indent=1) + "\n")


def gathered(folder: Path) -> dict[str, Any]:
    """One report, without its words."""
    report = json.loads((folder / "privacy_report.json").read_text("utf-8"))
    privacy = report["privacy"]
    return {
        "operator": privacy["operator"],
        "strength": privacy["strength"],
        "outcome": privacy["outcome"],
        "people": privacy["people"],
        "attacks": [{key: fact[key] for key in KEPT} for fact in privacy["attacks"]],
        "evaluation": report["evaluation"],
    }


if __name__ == "__main__":
    main()
