"""The command line. Each command is a few lines; the work is in the pipeline."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from synthgen import __version__, commands, modality
from synthgen.config import RunConfig
from synthgen.digests import keyed
from synthgen.engines.local import LocalEngine
from synthgen.errors import ReleaseRefusedError, SynthgenError, UserError
from synthgen.files import disk_errors
from synthgen.modality import Modality
from synthgen.pipeline import CONFIG, Plan, release_from
from synthgen.progress import bars
from synthgen.release import check_output
from synthgen.report import Outcome
from synthgen.run import Run
from synthgen.seeds import stage_seed
from synthgen.workfolder import Workfolder, key_of, opened, recorded_seed

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

ModalityName = Annotated[str, typer.Option("--modality", help="Kind of data: cxr, dialogue or speech.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the real cohort; without it a demo cohort is written.")]
RealData = Annotated[Path, typer.Option("--data", help="Folder of the real cohort.")]
Work = Annotated[Path, typer.Option(help="Private work folder (mode 0700); the same one resumes.")]
Config = Annotated[str | None, typer.Option(help="Preset by name, or a YAML file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value, e.g. gate.alpha=0.02; repeatable.")]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of everything but the split. Random if left out, as it should be for what is released."),
]


@app.command()
def generate(
    modality_name: ModalityName,
    data: Data = None,
    model: Annotated[
        Path | None, typer.Option(help="Fitted model folder; without it one is fitted. Without --data: NO_COHORT.")
    ] = None,
    samples: Annotated[int | None, typer.Option("-n", "--samples", help="Samples in the release.")] = None,
    out: Annotated[Path, typer.Option(help="Release folder; must not exist.")] = Path("release"),
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    engine: Annotated[str, typer.Option(help="Where shards are computed: local.")] = "local",
    seed: Seed = None,
    formats: Annotated[list[str] | None, typer.Option("--format", help="Further release format, e.g. dicom.")] = None,
    accept: Annotated[list[str] | None, typer.Option(help="Seal this verdict too (never REFUSE); repeatable.")] = None,
    vouch_for_model: Annotated[
        bool,
        typer.Option("--vouch-for-model", help="State that a --model that does not say so saw no held-out patient."),
    ] = False,
) -> None:
    """Makes a sealed release: fits if need be, generates, screens every sample, evaluates, seals."""
    kind = modality.load(modality_name)
    demo = data is None and model is None
    preset = config or kind.presets[0 if demo else 1]
    settled = _settled(kind, preset, settings, work, samples=samples, seed=seed)
    verdicts = _accepted(accept or ())
    wanted = _formats(kind, formats or ())
    if engine != "local":
        raise UserError(f"no engine {engine!r}: give local")
    key = key_of(work, modality=kind.name, config_digest=settled.digest())
    check_output(out, config_digest=keyed(key or b"", CONFIG, settled.digest()))
    _threads(settled)
    with _opened(work, kind, settled) as folder, bars(_console()) as progress:
        if demo:
            data = folder.demo
            if not data.exists():
                kind.cohorts.write_demo(data, settled.modality, stage_seed(settled.seed, "demo"), progress)
            progress.say(f"no --data: using the demo cohort, simulated and free of any patient ({data})")
        name = Path(preset).stem
        plan = Plan(data, model, out, name, wanted, verdicts, demo, vouched=vouch_for_model)
        sealed = release_from(Run(kind, settled, folder, progress), plan, LocalEngine())
    if sealed.quarantined:
        raise ReleaseRefusedError(
            f"Privacy: {sealed.outcome}: nothing was released; the reasons are in {sealed.folder}/README.md"
        )
    print(f"Privacy: {sealed.outcome}: sealed {sealed.folder} (sha256 {sealed.digest[:16]}…)")  # noqa: T201
    print(f"{sealed.fitness}.")  # noqa: T201


@app.command()
def fit(
    modality_name: ModalityName,
    data: RealData,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Fits a generator on the training part of a cohort; run again, it resumes."""
    kind = modality.load(modality_name)
    settled = _settled(kind, config or kind.presets[1], settings, work, seed=seed)
    _threads(settled)
    with _opened(work, kind, settled) as folder, bars(_console()) as progress:
        commands.fit(Run(kind, settled, folder, progress), data, out)
    print(f"fitted {out}: synthgen generate --modality {kind.name} --data … --model {out}")  # noqa: T201


@app.command()
def screen(
    candidates: Annotated[Path, typer.Argument(help="Folder of somebody else's synthetic records.")],
    modality_name: ModalityName,
    data: RealData,
    work: Work = Path("work"),
    out: Annotated[Path, typer.Option(help="Report to write (JSON).")] = Path("screening.json"),
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Judges synthetic records that were made elsewhere, with the same gate."""
    kind = modality.load(modality_name)
    settled = _settled(kind, config or kind.presets[1], settings, work, seed=seed)
    if out.exists():
        raise UserError(f"--out {out} exists: choose another name")
    _threads(settled)
    with _opened(work, kind, settled) as folder, bars(_console()) as progress:
        outcome = commands.screen(Run(kind, settled, folder, progress), data, candidates, out)
    if outcome is Outcome.REFUSE:
        raise ReleaseRefusedError(f"Privacy: {outcome}: the reasons are in {out}")
    print(f"Privacy: {outcome}: the report is {out}")  # noqa: T201


@app.command()
def evaluate(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    data: RealData,
    modality_name: ModalityName = "cxr",
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Attacks and evaluates a release against the cohort behind it."""
    kind = modality.load(modality_name)
    settled = _settled(kind, config or kind.presets[1], settings, work, seed=seed)
    _threads(settled)
    with _opened(work, kind, settled) as folder, bars(_console()) as progress:
        found = commands.evaluate(Run(kind, settled, folder, progress), release, data)
    table = Table("metric", "value", "95% interval", "n", "better")
    for estimate in (*found.attacks, *found.quality):
        low, high = estimate.ci95
        table.add_row(
            estimate.metric, f"{estimate.value:.3f}", f"{low:.3f} to {high:.3f}", str(estimate.n), estimate.better
        )
    Console().print(table)


@app.command(name="demo-cohort")
def demo_cohort(
    modality_name: ModalityName,
    out: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Writes a simulated cohort like the one that `generate` uses when no --data is given."""
    kind = modality.load(modality_name)
    settled = kind.config(config or kind.presets[0], settings or (), seed=seed)
    drawn = settled.seed if "seed" in settled.model_fields_set else 0  # nobody's secret: the same cohort every time
    with bars(_console()) as progress:
        kind.cohorts.write_demo(out, settled.modality, stage_seed(drawn, "demo"), progress)
    print(f"wrote {out}")  # noqa: T201


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Synthetic medical data that can leave the building: generated, screened against the real patients, sealed."""
    if version:
        print(__version__)  # noqa: T201
        raise typer.Exit


@contextmanager
def _opened(work: Path, kind: Modality[Any, Any, Any], config: RunConfig[Any]) -> Iterator[Workfolder]:
    """The work folder, with a full disk anywhere in the run turned into one line."""
    with disk_errors(work), opened(work, modality=kind.name, config_digest=config.digest(), seed=config.seed) as folder:
        yield folder


def _settled(
    kind: Modality[Any, Any, Any],
    preset: str,
    settings: list[str] | None,
    work: Path,
    *,
    seed: int | None,
    samples: int | None = None,
) -> RunConfig[Any]:
    """The configuration; where it gives no seed, with that of the run that the work folder holds, or a random one."""
    config = kind.config(preset, settings or (), samples=samples, seed=seed)
    recorded = None if "seed" in config.model_fields_set else recorded_seed(work)
    return config if recorded is None else config.model_copy(update={"seed": recorded})


def _console() -> Console:
    return Console(stderr=True)


def _threads(config: RunConfig[Any]) -> None:
    if config.threads:
        os.environ["OMP_NUM_THREADS"] = str(config.threads)


def _accepted(names: list[str] | tuple[str, ...]) -> tuple[Outcome, ...]:
    choices = [outcome for outcome in Outcome if outcome not in {Outcome.PASS, Outcome.REFUSE}]
    for name in names:
        if name == Outcome.REFUSE:
            raise UserError("--accept REFUSE: a refused generator cannot be released")
        if name not in choices:
            raise UserError(f"--accept {name}: give one of {', '.join(choices)}")
    return tuple(Outcome(name) for name in names)


def _formats(kind: Modality[Any, Any, Any], names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in kind.releases.formats:
            raise UserError(f"--format {name}: {kind.name} has {', '.join(kind.releases.formats)}")
    return tuple(dict.fromkeys((kind.releases.formats[0], *names)))


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except SynthgenError as error:
        print(f"synthgen: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("synthgen: interrupted; the same command resumes", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def main() -> None:
    """Entry point of the command ``synthgen``."""
    with _one_line_errors():
        app()
