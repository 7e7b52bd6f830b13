"""The card of a finished run, in each format: its lines run as they are written."""

import shutil
from pathlib import Path

import pytest
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


@pytest.mark.field("loading", "read")
def test_the_card_of_the_model_too(finished: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(finished / "work" / "model", tmp_path / "model"))
    run_blocks(blocks_of(model / "README.md"), tmp_path, tmp_path / "home")
    assert (tmp_path / "radiograph.png").is_file()
