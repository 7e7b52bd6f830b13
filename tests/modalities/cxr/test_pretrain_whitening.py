"""The public whitening is made by one command, of phantoms."""

import json
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from synthgen.privacy_filters.cxr.whitening import CARD, WEIGHTS


def test_the_command_makes_every_band_and_says_how(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "synthgen.modalities.cxr.pretrain_whitening", "--phantoms", "6", "--seed", "1"]
    subprocess.run([*command, "--work", str(tmp_path / "w"), "--out", str(tmp_path / "base")], check=True)
    bands = load_file(tmp_path / "base" / WEIGHTS)
    shapes = {name: tuple(band.shape) for name, band in bands.items()}
    assert shapes == {
        "detail_128": (64, 256, 256),
        "detail_64": (64, 64, 64),
        "detail_32": (64, 16, 16),
        "coarse": (64, 4, 4),
        "blurred": (64, 64, 64),
    }
    assert json.loads((tmp_path / "base" / CARD).read_text())["made_by"]["phantoms"] == 6


def test_a_folder_of_other_phantoms_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "synthgen.modalities.cxr.pretrain_whitening", "--work", str(tmp_path / "w")]
    places = ["--out", str(tmp_path / "base"), "--phantoms"]
    subprocess.run([*command, *places, "2"], check=True)
    again = subprocess.run([*command, *places, "3"], capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "other settings" in again.stderr and "Traceback" not in again.stderr
