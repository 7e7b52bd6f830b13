"""Opens a chat model in vLLM by the adapter, prints its answers as JSON: ``python vllm_answers.py MODEL [ADAPTER]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from synthgen.errors import UserError
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Sampling
from synthgen.generators.dialogue.realisers.vllm import open_vllm

if __name__ == "__main__":
    config = InProcessConfig(dtype="float32", context=512, memory=0.1)
    try:
        realiser = open_vllm(sys.argv[1], config, *map(Path, sys.argv[2:]))
    except UserError as error:
        sys.exit(f"UserError: {error}")
    asked = [
        Prompt(
            2**40 + seed,
            (Message("system", "you are a doctor"), Message("user", f"i feel tired {seed % 4}")),
            Sampling(24),
        )
        for seed in range(8)
    ]
    sys.stdout.write("\n" + json.dumps([[one.text, one.finish] for one in realiser.generate(asked)]) + "\n")
