"""The command line. Each command is a few lines: it checks its arguments, and only then loads what does the work."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from synthgen import __version__, completion
from synthgen.errors import NotAsSealedError, ReleaseRefusedError, SynthgenError

if TYPE_CHECKING:
    from synthgen.release import Sealed
    from synthgen.report import Remedy

INTERRUPTED: Final = 130
"""Exit status of a command that was stopped by Ctrl-C: 128 and the signal's number."""
_UsageError: Any = typer.BadParameter.__mro__[1]  # typer carries a click of its own, and exports no more of it
_RESUMES: Final = {"generate", "anonymize", "compare", "fit", "pretrain", "screen", "evaluate"}


class _Commands(TyperGroup):
    """Ends a command with one line instead of a traceback, whatever it was that ended it."""

    def invoke(self, ctx: Any) -> Any:
        with _one_line_errors(ctx):
            return super().invoke(ctx)


@contextmanager
def _one_line_errors(context: Any) -> Iterator[None]:
    try:
        yield
    except SynthgenError as error:
        print(f"synthgen: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(error.exit_code) from None
    except _UsageError as error:
        print(f"synthgen: {_usage(error)}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        resumes = "; the same command resumes" if context.invoked_subcommand in _RESUMES else ""
        print(f"synthgen: interrupted{resumes}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(INTERRUPTED) from None


def _usage(error: Any) -> str:
    """What is wrong with the words of a command line, what a missing option is for, and where all of them stand."""
    text = error.format_message().strip().rstrip(".")
    missing = getattr(error, "param", None) if text.startswith("Missing") else None
    meaning = getattr(missing, "help", None) or ""
    said = f"{text[0].lower()}{text[1:]}" + (f": {meaning[0].lower()}{meaning[1:].rstrip('.')}" if meaning else "")
    return f"{said} ({error.ctx.command_path} -h)" if error.ctx else said


def _what_next(reasons: Sequence[str], remedies: Sequence[Remedy], next_run: str) -> None:
    """Says what was missed, what that means and what to do about it."""
    from synthgen.release import words

    for line in words.what_next(reasons, remedies, next_run):
        print(line, file=sys.stderr)  # noqa: T201


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ModalityName = Annotated[
    str,
    typer.Option("--modality", help="Kind of data: cxr, dialogue or speech.", autocompletion=completion.modalities),
]
ReadModality = Annotated[
    str | None,
    typer.Option(
        "--modality",
        help="Kind of data; read from the release or the work folder if left out.",
        autocompletion=completion.modalities,
    ),
]
Data = Annotated[Path | None, typer.Option(help="Folder of the real cohort; without it a demo cohort is written.")]
RealData = Annotated[Path, typer.Option("--data", help="Folder of the real cohort.")]
Work = Annotated[Path, typer.Option(help="Private work folder (mode 0700); the same one resumes.")]
Config = Annotated[
    str | None, typer.Option(help="Preset by name, or a YAML file.", autocompletion=completion.presets_of)
]
ReadConfig = Annotated[
    str | None,
    typer.Option(
        help="Preset by name, or a YAML file; that of the work folder or the release if left out.",
        autocompletion=completion.presets_of,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="key=value, e.g. gate.alpha=0.02; repeatable; synthgen config lists the keys.",
        autocompletion=completion.keys,
    ),
]
Exclude = Annotated[
    Path | None,
    typer.Option("--exclude", help="File of patient ids, one a line: people left out of the cohort (people.exclude)."),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of everything but the split. Random if left out, as it should be for what is released."),
]


DpEpsilon = Annotated[
    float | None,
    typer.Option("--dp-epsilon", help="Fit with differential privacy, the patient being the unit (privacy.epsilon)."),
]
DpMethod = Annotated[
    str | None, typer.Option("--dp-method", help="evolution or sgd; by the cohort's size if left out (privacy.method).")
]
DpRelease = Annotated[
    str | None,
    typer.Option(
        "--dp-release",
        help="What of a private model is released: dp, dp+screen or dp+deniable (privacy.release); dp+screen if left "
        "out, without --data dp.",
        autocompletion=completion.release_modes,
    ),
]


StewardFile = Annotated[
    Path | None,
    typer.Option(
        "--steward",
        help="YAML file of what the data steward states: holder, controller, legal_basis, ethics_vote, …; shown on "
        "the report, never checked.",
    ),
]


@app.command(short_help="Makes a sealed release from a cohort, or from a simulated one.")
def generate(
    modality_name: ModalityName,
    data: Data = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Fitted model folder; without it one is fitted. Without --data: NO_COHORT; private: dp."),
    ] = None,
    samples: Annotated[int | None, typer.Option("-n", "--samples", help="Samples in the release.")] = None,
    out: Annotated[Path, typer.Option(help="Release folder; must not exist.")] = Path("release"),
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    exclude: Exclude = None,
    engine: Annotated[
        str, typer.Option(help="Where shards are computed: local, in this process, or ray, by many workers.")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="host:port of a Ray cluster that this machine is a part of, or auto; without it --engine ray starts "
            "one on 127.0.0.1."
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            help="Workers of --engine ray at most; 0: one a GPU, or as many as the cores hold.",
        ),
    ] = 0,
    seed: Seed = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="Further release format, e.g. dicom.", autocompletion=completion.formats),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Seal this verdict too (never REFUSE); repeatable.", autocompletion=completion.verdicts),
    ] = None,
    vouch_for_model: Annotated[
        bool,
        typer.Option("--vouch-for-model", help="State that a --model that does not say so saw no held-out patient."),
    ] = False,
    dp_epsilon: DpEpsilon = None,
    dp_method: DpMethod = None,
    dp_release: DpRelease = None,
    steward: StewardFile = None,
) -> None:
    """Makes a sealed release: fits if need be, generates, screens every sample, evaluates, seals."""
    from synthgen import api, arguments

    left = arguments.without(settings, exclude)
    sealed = api.generate(
        modality_name, data=data, out=out, work=work, model=model, samples=samples, config=config,
        settings=arguments.private(left, dp_epsilon, dp_method, dp_release), seed=seed, formats=formats or (),
        accept=accept or (), vouch_for_model=vouch_for_model, steward=steward, progress=None,
        engine=engine, ray_address=ray_address, workers=workers,
    )  # fmt: skip
    _end(sealed)
    print(f"{sealed.fitness}.")  # noqa: T201


def _end(sealed: Sealed) -> None:
    """Says where the result stands, and what was missed."""
    _what_next(sealed.reasons, sealed.remedies, sealed.next_run)
    if sealed.quarantined:
        raise ReleaseRefusedError(
            f"{sealed.verdict}: nothing was released; the reasons are in {sealed.folder}/README.md"
        )
    print(f"{sealed.verdict}: sealed {sealed.folder} (sha256 {sealed.digest[:16]}…)")  # noqa: T201


@app.command(short_help="Changes real records until trained attackers lose them.")
def anonymize(
    modality_name: ModalityName,
    data: RealData,
    out: Annotated[Path, typer.Option(help="Release folder; must not exist.")] = Path("release"),
    work: Work = Path("work"),
    operator: Annotated[
        str | None, typer.Option(help="What changes the records; the kind of data has a default (anonymise.operator).")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How much is changed: 0 nothing, 1 the default (anonymise.strength).")
    ] = None,
    config: Config = None,
    settings: Settings = None,
    exclude: Exclude = None,
    seed: Seed = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Seal this verdict too (never REFUSE); repeatable.", autocompletion=completion.verdicts),
    ] = None,
    steward: StewardFile = None,
) -> None:
    """Changes every record of a cohort, attacks the changed ones, and seals what the attackers lose."""
    from synthgen import api, arguments

    changes = arguments.changes(arguments.without(settings, exclude), operator, strength)
    _end(
        api.anonymize(
            modality_name, data=data, out=out, work=work, config=config, settings=changes, seed=seed,
            accept=accept or (), steward=steward, progress=None,
        )
    )  # fmt: skip


@app.command(short_help="Compares a cohort as it is, changed and synthesised.")
def compare(
    modality_name: ModalityName,
    data: RealData,
    out: Annotated[Path, typer.Option(help="Folder for the comparison; must not exist.")] = Path("comparison"),
    work: Work = Path("work"),
    operator: Annotated[
        list[str] | None,
        typer.Option(help="What changes the records and how much, e.g. warp:3; repeatable; all at 1 if left out."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Fitted model folder; without it one is fitted.")] = None,
    samples: Annotated[
        int | None, typer.Option("-n", "--samples", min=1, help="Synthetic records; as many as real ones if left out.")
    ] = None,
    config: Config = None,
    settings: Settings = None,
    exclude: Exclude = None,
    seed: Seed = None,
) -> None:
    """Anonymise or synthesise? One cohort both ways, under the same attacks and for the same use: one table."""
    from synthgen import api, arguments

    found = api.compare(
        modality_name, data=data, out=out, work=work, operators=arguments.ways(operator), model=model, samples=samples,
        config=config, settings=arguments.without(settings, exclude), seed=seed, progress=None,
    )  # fmt: skip
    from synthgen import tables

    tables.comparison(found)
    print(f"compared: {out}/README.md, {out}/comparison.html")  # noqa: T201


@app.command(short_help="Fits a generator on the training part of a cohort.")
def fit(
    modality_name: ModalityName,
    data: RealData,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    exclude: Exclude = None,
    seed: Seed = None,
    dp_epsilon: DpEpsilon = None,
    dp_method: DpMethod = None,
) -> None:
    """Fits a generator on the training part of a cohort; run again, it resumes."""
    from synthgen import api, arguments

    private = arguments.private(arguments.without(settings, exclude), dp_epsilon, dp_method)
    api.fit(modality_name, data=data, out=out, work=work, config=config, settings=private, seed=seed, progress=None)
    print(f"fitted {out}: synthgen generate --modality {modality_name.lower()} --data … --model {out}")  # noqa: T201


@app.command(short_help="Trains a public base on simulated data alone.")
def pretrain(
    modality_name: ModalityName,
    out: Annotated[Path, typer.Option(help="Base to write; must be new or empty.")],
    work: Work = Path("work"),
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Trains a base that `fit` can start from, on data that belong to nobody; run again, it resumes."""
    from synthgen import api

    api.pretrain(modality_name, out=out, work=work, config=config, settings=settings or (), seed=seed, progress=None)
    name = modality_name.lower()
    print(f"trained {out}: synthgen fit --modality {name} --set modality.generator.base={out} …")  # noqa: T201


@app.command(short_help="Judges synthetic records made elsewhere by the same gate.")
def screen(
    candidates: Annotated[Path, typer.Argument(help="Folder of somebody else's synthetic records.")],
    data: RealData,
    modality_name: ReadModality = None,
    work: Work = Path("work"),
    out: Annotated[Path, typer.Option(help="Report to write (JSON).")] = Path("screening.json"),
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out",
            help="File of patient ids, one a line: you declare that the generator has not seen them. A PASS needs it.",
        ),
    ] = None,
    unfiltered: Annotated[
        bool,
        typer.Option("--unfiltered", help="You declare that the candidates are all that was made. A PASS needs it."),
    ] = False,
    config: ReadConfig = None,
    settings: Settings = None,
    exclude: Exclude = None,
    seed: Seed = None,
) -> None:
    """Judges synthetic records that were made elsewhere, with the same gate, attacks and verdict."""
    from synthgen import api, arguments

    outcome = api.screen(
        candidates, modality_name, data=data, out=out, work=work, config=config,
        settings=arguments.without(settings, exclude), seed=seed, held_out=held_out, unfiltered=unfiltered,
        progress=None,
    )  # fmt: skip
    from synthgen.report import Outcome, remedies_in

    _what_next(*remedies_in(out))
    if outcome is Outcome.REFUSE:
        raise ReleaseRefusedError(f"Privacy: {outcome}: the reasons are in {out}")
    print(f"Privacy: {outcome}: the report is {out}")  # noqa: T201


@app.command()
def evaluate(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    data: RealData,
    modality_name: ReadModality = None,
    work: Work = Path("work"),
    config: ReadConfig = None,
    settings: Settings = None,
    exclude: Exclude = None,
    seed: Seed = None,
) -> None:
    """Attacks and evaluates a release against the cohort behind it."""
    from synthgen import api, arguments

    found = api.evaluate(
        release, modality_name, data=data, work=work, config=config, settings=arguments.without(settings, exclude),
        seed=seed, progress=None,
    )  # fmt: skip
    from synthgen import tables

    tables.risks(found.exposure.risks)
    tables.estimates((*found.attacks, *found.quality))
    tables.floors(found.floors)


@app.command(short_help="Shows the closest samples beside real patients, to the data steward alone.")
def review(
    work: Annotated[Path, typer.Argument(help="The private work folder of a run that has screened samples.")],
    static: Annotated[
        bool, typer.Option("--static", help="Write the page to audit/index.html in the work folder; serve nothing.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    withhold: Annotated[
        list[int] | None, typer.Option("--withhold", min=0, help="Number of a sample to withhold; repeatable.")
    ] = None,
    give_back: Annotated[
        list[int] | None,
        typer.Option("--give-back", min=0, help="Number of a sample to release after all; repeatable."),
    ] = None,
) -> None:
    """Serves a private page, to this machine alone, on which samples are withheld from the next sealing."""
    from synthgen.reviewing import review as reviewed

    reviewed(
        work, static=static, port=port, withhold=withhold or (), give_back=give_back or (),
        say=lambda line: print(line, flush=True),  # noqa: T201
    )  # fmt: skip


@app.command(short_help="Checks that a release is what was sealed, and who signed it.")
def verify(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", help="Public key (.pub) or allowed-signers file of whom it must be signed by."),
    ] = None,
) -> None:
    """Checks every byte of a release, the form of its report, its Croissant, and its signature."""
    from synthgen import api

    found = api.verify(release, key=key)
    from synthgen.release import verifying

    if found.problems:
        raise NotAsSealedError(f"{release} does not hold: {verifying.first_of(found.problems)}")
    print(verifying.told(found))  # noqa: T201


@app.command(short_help="Signs a sealed release with a key of OpenSSH.")
def sign(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    key: Annotated[
        Path, typer.Option("--key", help="Private key of OpenSSH, or the public one of a key that an agent holds.")
    ],
    name: Annotated[
        str, typer.Option("--as", help="By whose name recipients shall know the key: one word.")
    ] = "data-steward",
) -> None:
    """Signs a sealed release; anybody can check the signature, with synthgen verify or ssh-keygen."""
    from synthgen import api

    signature, line = api.sign(release, key=key, name=name)
    print(f"signed {release} with {signature.key}; publish this line where recipients look you up:")  # noqa: T201
    print(line)  # noqa: T201


@app.command(name="demo-cohort", short_help="Writes a simulated cohort to try things on.")
def demo_cohort(
    modality_name: ModalityName,
    out: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    config: Config = None,
    settings: Settings = None,
    seed: Seed = None,
) -> None:
    """Writes a simulated cohort like the one that `generate` uses when no --data is given."""
    from synthgen import api

    api.demo_cohort(modality_name, out, config=config, settings=settings or (), seed=seed, progress=None)
    print(f"wrote {out}")  # noqa: T201


@app.command(name="config", short_help="Prints every setting with its bounds and its meaning.")
def show_config(
    modality_name: ModalityName,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", "--config", help="Preset by name, or a YAML file.", autocompletion=completion.presets_of
        ),
    ] = None,
    settings: Settings = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, for --config.")] = False,
) -> None:
    """Prints every setting with its value, what it may be, and what it means."""
    from synthgen import arguments
    from synthgen.settings import as_yaml as text_of
    from synthgen.settings import keys_of

    asked = arguments.asked(modality_name, preset, settings)
    if as_yaml:
        print(text_of(asked.config), end="")  # noqa: T201
        return
    from synthgen import tables

    tables.settings(keys_of(asked.config))


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
) -> None:
    """Synthetic medical data that can leave the building: generated, screened against the real patients, sealed."""
    if version:
        print(__version__)  # noqa: T201
        raise typer.Exit


def main() -> None:
    """Entry point of the command ``synthgen``."""
    app(prog_name="synthgen")
