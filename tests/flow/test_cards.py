"""The card of a finished run, in each format: its lines run as they are written."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from card_blocks import blocks_of, run_blocks
from flow_command import CXR, DIALOGUE, SPEECH, Flow, result_of

pytest.importorskip("datasets")


@pytest.mark.parametrize("flow", [CXR, DIALOGUE, SPEECH], ids=["cxr with dicom", "dialogue", "speech"])
@pytest.mark.field("loading", "read")
def test_every_block_runs(flow: Flow, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    release = Path(shutil.copytree(result_of(request.getfixturevalue(flow.finished)), tmp_path / "release"))
    blocks = blocks_of(release / "README.md")
    assert len(blocks) == (3 if flow is CXR else 2)
    if flow is DIALOGUE:
        from tiny_chat import save_tiny_chat

        save_tiny_chat(tmp_path / "chat-model")
    assert run_blocks(blocks, tmp_path, tmp_path / "home")
    # The demo's own licence, and whose it is, in every document of the release.
    header = yaml.safe_load((release / "README.md").read_text().split("---\n")[1])
    assert header["license"] == "cc0-1.0"
    croissant = json.loads((release / "croissant.json").read_text())
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in str(croissant["license"])
    provenance = json.loads((release / "privacy_report.json").read_text())["provenance"]
    assert provenance["source_licence"] == "CC0-1.0"
    assert provenance["source"] == "simulated demo cohort, made by synthgen: nobody is in it"
