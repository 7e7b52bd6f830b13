"""The judge of the evaluation: the language model of the run itself, where it has one and a judge is asked for."""

from __future__ import annotations

from pathlib import Path

from synthgen.eval.dialogue.judge import LanguageModel
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import check_folder
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Sampling
from synthgen.generators.dialogue.sampler import open_realiser, realiser_of

_ANSWER = Sampling(max_tokens=400, temperature=0.0)
_ROWS = 16


def judge_of(model: Path | None, config: GeneratorConfig, seed: int) -> LanguageModel | None:
    """Prompts to answers of the model behind ``model``; None where there is no model, or it is a grammar.

    Transcripts of real patients stand in the prompts: they go where the run's own prompts go, and nowhere else.
    """
    if model is None:
        return None
    card = check_folder(model)
    name = realiser_of(card, config)
    if name == "template":
        return None
    realiser = open_realiser(name, model, card, config, _ROWS)

    def judge(prompts: list[str]) -> list[str]:
        requests = [Prompt(seed + i, (Message("user", prompt),), _ANSWER) for i, prompt in enumerate(prompts)]
        return [response.text for response in realiser.generate(requests)]

    return judge
