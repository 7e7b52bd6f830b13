"""The wheel, built from the sdist, where the checkout is not: the command starts, and a missing extra is named."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_installs_and_runs_elsewhere(tmp_path: Path) -> None:
    def run(*command: str | Path, status: int = 0) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    run(sys.executable, "-m", "build", "--outdir", tmp_path / "dist", ROOT)  # the wheel is built from the sdist
    (wheel,) = (tmp_path / "dist").glob("synthgen_medical-*.whl")
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    command = tmp_path / "clean" / "bin" / "synthgen"
    assert "generate" in run(command, "--help")
    message = run(command, "generate", "--modality", "cxr", status=2)
    assert f"pip install '{wheel}[cxr]'" in message
    assert "Traceback" not in message
    assert not {"work", "release"} & {path.name for path in tmp_path.iterdir()}, "nothing is left by the refusal"
    places = run(python, "-c", "import synthgen.generators.cxr, synthgen.configs; print(synthgen.__file__)")
    assert str(tmp_path / "clean") in places
    listed = run(python, "-c", "from synthgen.config import presets; print(presets('cxr'))")
    assert "demo" in listed
