"""What can be chosen about the dialogue generator. Lengths are in words or tokens, times in seconds."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from synthgen.config import Section
from synthgen.generators.dialogue.plan.config import PlanConfig

RealiserName = Literal["template", "transformers", "vllm", "openai"]


class SamplingConfig(Section):
    """How a language model is sampled."""

    max_tokens: int = Field(160, ge=8, le=4096, description="Most tokens of one utterance")
    temperature: float = Field(0.8, ge=0, le=2, description="0 is greedy: retries then do not help")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus sampling")


class ConductConfig(Section):
    """How sessions are conducted, and when one is given up."""

    tries: int = Field(8, ge=1, le=100, description="Tries per utterance, each with its own seed")
    told_for: int = Field(
        4, ge=0, le=100, description="Try from which a due fact that the model does not tell is put first; 0 never"
    )
    warmer: float = Field(
        0.05, ge=0, le=1, description="Share of the temperature that every further try at an utterance adds"
    )
    restarts: int = Field(2, ge=0, le=20, description="New starts of a session that was given up")
    max_words: int = Field(160, ge=10, le=2000, description="Longest utterance, words")
    batch: int = Field(64, ge=1, le=4096, description="Most sessions that advance together")
    relevance: bool = Field(
        True, description="Ask a model in this process (transformers) whether its utterances answer what was said"
    )


class ServerConfig(Section):
    """An OpenAI-compatible server, on this machine unless another host is allowed by name."""

    url: str = Field("http://127.0.0.1:8000/v1", description="Base URL, the part before /chat/completions")
    allow_remote: str = Field("", description="The one remote host that may be sent prompts; empty: this machine only")
    timeout: float = Field(300.0, gt=0, le=86_400, description="Longest wait for one answer, seconds")
    concurrency: int = Field(32, ge=1, le=4096, description="Requests under way at once")
    retries: int = Field(6, ge=0, le=100, description="Further tries after a failed request, with growing pauses")
    draws: bool = Field(
        False,
        description="Have transformers serve draw its words, which it does only where its model's settings say so",
    )
    key_variable: str = Field("", description="Environment variable with the server's API key; empty: none is sent")


class InProcessConfig(Section):
    """A chat model in this process, by transformers or vLLM."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the GPU where there is one")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="auto takes the checkpoint's")
    context: int = Field(0, ge=0, description="Most tokens of prompt and answer; 0 takes the model's own limit")
    reuse_cache: bool = Field(True, description="Keep keys and values of the transcript between turns (transformers)")
    kept_tokens: int = Field(
        131_072,
        ge=0,
        description="Most tokens whose keys and values are kept: two sides of every session that advances",
    )
    segment: int = Field(
        16, ge=1, description="Turns after which kept keys and values are dropped: a killed run resumes from there"
    )
    memory: float = Field(0.9, gt=0, le=1, description="Share of the GPU's memory that vLLM takes")


class GeneratorConfig(Section):
    """The dialogue generator: a plan without a model, and a realiser that puts it into words."""

    realiser: RealiserName = Field("template", description="template needs no weights")
    base: str = Field("", description="Chat model: hub name or folder; for openai the name that the server knows")
    plan: PlanConfig = PlanConfig()
    sampling: SamplingConfig = SamplingConfig()
    conduct: ConductConfig = ConductConfig()
    server: ServerConfig = ServerConfig()
    in_process: InProcessConfig = InProcessConfig()
    few_shot: bool = Field(False, description="Show the model excerpts of training transcripts, kept in its folder")
    follow_cohort: bool = Field(
        False,
        description="Plans follow counts of the cohort (what sessions are about, setting, length), each shared by at "
        "least five patients; a chat model has its plans as configured",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_model(cls, values: Any) -> Any:
        """A chat model that is named is run in this process unless another realiser is."""
        if isinstance(values, dict) and values.get("base") and "realiser" not in values:
            return {**values, "realiser": "transformers"}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.realiser != "template" and not self.base:
            raise ValueError(f"base must name a chat model for the realiser {self.realiser}")
        return self


def follows_cohort(config: GeneratorConfig) -> bool:
    """Whether the plans follow counts of the cohort: they do where a grammar puts them into words."""
    return config.follow_cohort and config.realiser == "template"


class DemoCohortConfig(Section):
    """The simulated cohort."""

    patients: int = Field(400, ge=1, le=1_000_000, description="Simulated patients.")
    sessions: int = Field(1, ge=1, le=12, description="Sessions of each patient.")
    utterances: tuple[int, int] = Field((62, 86), description="Least and most utterances planned for a session.")

    @model_validator(mode="after")
    def _plannable(self) -> Self:
        try:
            PlanConfig(sessions=self.sessions, utterances=self.utterances)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return self
