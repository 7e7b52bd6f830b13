"""The commands as functions: what the command line does, called from Python.

Arguments are checked first; what is heavy is loaded when they hold. A user's mistake is a
:class:`synthgen.errors.UserError` of one line; a verdict is a value, never an exception. ``progress`` is where long
work reports to: nowhere by default, on standard error where it is None.

>>> import synthgen
>>> synthgen.generate("tabular")  # nothing is loaded for a wrong word
Traceback (most recent call last):
...
synthgen.errors.UserError: no modality 'tabular': give one of cxr, dialogue, speech
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen import arguments
from synthgen.errors import NotAsSealedError, UserError
from synthgen.offer import Offer
from synthgen.progress import Progress, Silent

if TYPE_CHECKING:
    from synthgen.modality import Modality
    from synthgen.release import Sealed
    from synthgen.release.verifying import Verified
    from synthgen.report import Comparison, Evaluation, Outcome
    from synthgen.signing import Signature

_SILENT = Silent()


def generate(
    modality: str | Modality[Any, Any, Any] = "cxr",
    *,
    data: str | Path | None = None,
    out: str | Path = "release",
    work: str | Path = "work",
    model: str | Path | None = None,
    samples: int | None = None,
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    formats: Sequence[str] = (),
    accept: Sequence[str] = (),
    vouch_for_model: bool = False,
    steward: str | Path | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    workers: int = 0,
    progress: Progress | None = _SILENT,
) -> Sealed:
    """Makes a sealed release: fits if need be, generates, screens every sample, evaluates, seals.

    Args:
        modality: a name, or a bundle in which parts are your own (``replace(load_modality("cxr"), generator=…)``).
        data: folder of the real cohort; without it, and without ``model``, a simulated one.
        out: release folder; must not exist.
        work: private work folder (mode 0700); the same one resumes.
        model: fitted model folder; without it one is fitted. Without ``data`` the verdict is NO_COHORT,
            or DIFFERENTIALLY_PRIVATE where the model is private.
        samples: samples in the release.
        config: preset by name, or a YAML file.
        settings: ``key=value``, e.g. ``"gate.alpha=0.02"``.
        seed: of everything but the split. Random if left out, as it should be for what is released.
        formats: further release formats.
        accept: seal these verdicts too; never REFUSE.
        vouch_for_model: states that a ``model`` that does not say so saw no held-out patient.
        steward: YAML file of what the data steward states of the release.
        engine: ``"local"``, in this process, or ``"ray"``, by many workers; the release is the same.
        ray_address: ``host:port`` of a cluster of which this machine is a part, or ``"auto"``; without it one is
            started on 127.0.0.1.
        workers: at most; 0 for as many as there is a place for.

    Returns:
        Where the result stands. ``quarantined`` is True where the verdict seals no release; reasons lie beside it.

    Raises:
        UserError: for whatever the user must put right.
    """
    demo = data is None and model is None
    offer, kind = _offered(modality)
    asked = arguments.asked(offer, config, settings, work=Path(work), seed=seed, samples=samples, demo=demo)
    where = arguments.engine(engine, ray_address, workers)
    wanted, verdicts = arguments.formats(asked.offer, formats), arguments.accepted(accept)
    arguments.present(_path(data), "--data")
    arguments.apart(_path(data), work=Path(work), out=Path(out))
    arguments.present(_path(model), "--model")
    from synthgen.steward import read_steward

    stated = read_steward(_path(steward))
    from synthgen import session
    from synthgen.pipeline import Plan

    name = Path(asked.preset).stem
    plan = Plan(_path(data), _path(model), Path(out), name, wanted, verdicts, demo, vouch_for_model, stated)
    return session.generate(asked, plan, Path(work), progress, kind, where)


def anonymize(
    modality: str | Modality[Any, Any, Any],
    *,
    data: str | Path,
    out: str | Path = "release",
    work: str | Path = "work",
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    accept: Sequence[str] = (),
    steward: str | Path | None = None,
    progress: Progress | None = _SILENT,
) -> Sealed:
    """Changes every record of a cohort, lets trained attackers try to find its patients again, and seals the release.

    Args:
        data: folder of the real cohort.
        settings: ``key=value``; ``anonymise.operator``, ``anonymise.strength``, ``anonymise.hold`` and
            ``anonymise.eer`` say what is changed and which attacks must fail.
        accept: seal these verdicts too; never REFUSE.
        steward: YAML file of what the data steward states of the release.

    Returns:
        Where the result stands. ``quarantined`` is True where the verdict seals no release.

    Raises:
        UserError: for whatever the user must put right.
    """
    offer, kind = _offered(modality)
    asked = arguments.asked(offer, config, settings, work=Path(work), seed=seed)
    verdicts = arguments.accepted(accept)
    arguments.present(Path(data), "--data")
    arguments.apart(Path(data), work=Path(work), out=Path(out))
    from synthgen.steward import read_steward

    stated = read_steward(_path(steward))
    from synthgen import session
    from synthgen.anonymising import ChangePlan

    plan = ChangePlan(Path(data), Path(out), Path(asked.preset).stem, verdicts, stated)
    return session.anonymise(asked, plan, Path(work), progress, kind)


def compare(
    modality: str | Modality[Any, Any, Any],
    *,
    data: str | Path,
    out: str | Path = "comparison",
    work: str | Path = "work",
    operators: Sequence[tuple[str, float]] = (),
    model: str | Path | None = None,
    samples: int | None = None,
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = _SILENT,
) -> Comparison:
    """Anonymise or synthesise: a cohort's training records as they are, changed, and synthesised, in one table.

    Args:
        data: folder of the real cohort.
        out: folder for the comparison; must not exist.
        operators: names and strengths; each operator of the kind of data at strength 1 where none is given.
        model: fitted generator; without it one is fitted.
        samples: of the generator; as many as there are training records where that is not said.

    Raises:
        UserError: for whatever the user must put right.
    """
    offer, kind = _offered(modality)
    asked = arguments.asked(offer, config, settings, work=Path(work), seed=seed)
    arguments.present(Path(data), "--data")
    arguments.apart(Path(data), work=Path(work), out=Path(out))
    arguments.present(_path(model), "--model")
    from synthgen import session
    from synthgen.comparing import ComparePlan, Way

    ways = tuple(Way(name, strength) for name, strength in operators)
    plan = ComparePlan(Path(data), Path(out), Path(asked.preset).stem, ways, _path(model), samples)
    return session.compare(asked, plan, Path(work), progress, kind)


def fit(
    modality: str | Modality[Any, Any, Any],
    *,
    data: str | Path,
    out: str | Path,
    work: str | Path = "work",
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = _SILENT,
) -> Path:
    """Fits a generator on the training part of a cohort into ``out``, and returns it; run again, it resumes."""
    offer, kind = _offered(modality)
    asked = arguments.asked(offer, config, settings, work=Path(work), seed=seed)
    arguments.present(Path(data), "--data")
    arguments.apart(Path(data), work=Path(work), out=Path(out))
    from synthgen import commands
    from synthgen.session import session

    with session(asked, Path(work), progress, kind) as run:
        commands.fit(run, Path(data), Path(out))
    return Path(out)


def pretrain(
    modality: str | Modality[Any, Any, Any],
    *,
    out: str | Path,
    work: str | Path = "work",
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = _SILENT,
) -> Path:
    """Trains a base on what belongs to nobody and writes it to ``out``, which is returned; run again, it resumes."""
    offer, kind = _offered(modality)
    asked = arguments.asked(offer, config or arguments.base_of(offer), settings, work=Path(work), seed=seed)
    from synthgen import commands
    from synthgen.session import session

    with session(asked, Path(work), progress, kind) as run:
        commands.pretrain(run, Path(out))
    return Path(out)


def screen(
    candidates: str | Path,
    modality: str | None = None,
    *,
    data: str | Path,
    out: str | Path = "screening.json",
    work: str | Path = "work",
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    held_out: str | Path | None = None,
    unfiltered: bool = False,
    progress: Progress | None = _SILENT,
) -> Outcome:
    """Judges synthetic records that were made elsewhere, with the same gate; the report goes to ``out``.

    Args:
        held_out: file of ids of patients whom the generator has not seen: declared, and needed for a PASS.
        unfiltered: declared likewise: the candidates are all that was made, and nobody chose among them.
    """
    folder = Path(work)
    name = arguments.modality_of(modality, Path(candidates), folder)
    # Not the settings of the candidates: who made them must not set the gate.
    preset = config or arguments.settings_of(None, folder, name, settings)
    asked = arguments.asked(name, preset, settings, work=folder, seed=seed)
    arguments.present(Path(candidates), "CANDIDATES")
    arguments.present(_path(held_out), "--held-out")
    arguments.present(Path(data), "--data")
    arguments.apart(Path(data), work=folder, out=Path(out))
    if Path(out).exists():
        raise UserError(f"--out {out} exists: choose another name")
    from synthgen import commands
    from synthgen.session import session

    with session(asked, folder, progress) as run:
        return commands.screen(
            run, Path(data), Path(candidates), Path(out), held_out=_path(held_out), unfiltered=unfiltered
        )


def evaluate(
    release: str | Path,
    modality: str | None = None,
    *,
    data: str | Path,
    work: str | Path = "work",
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = _SILENT,
) -> Evaluation:
    """Attacks and evaluates a release against the cohort behind it."""
    arguments.present(Path(release), "RELEASE")
    arguments.synthetic(Path(release))
    arguments.present(Path(data), "--data")
    arguments.apart(Path(data), work=Path(work))
    folder = Path(work)
    name = arguments.modality_of(modality, Path(release), folder)
    preset = config or arguments.settings_of(Path(release), folder, name, settings)
    asked = arguments.asked(name, preset, settings, work=folder, seed=seed)
    from synthgen import commands
    from synthgen.session import session

    with session(asked, folder, progress) as run:
        return commands.evaluate(run, Path(release), Path(data))


def verify(release: str | Path, *, key: str | Path | None = None) -> Verified:
    """Checks that a release is what was sealed: every byte, the report's form, Croissant, and the signature.

    Args:
        key: public key of OpenSSH, or an allowed-signers file, of whom the release must be signed by.

    Returns:
        What was checked. ``problems`` is empty where all holds.

    Raises:
        UserError: the folder is no release, or ``key`` no public key.
    """
    arguments.sealed_folder(Path(release))
    public = _path(key)
    if public is not None:
        from synthgen import signing

        signing.check_public_key(public)
    from synthgen.release import verifying

    return verifying.verify(Path(release), public)


def sign(release: str | Path, *, key: str | Path, name: str = "data-steward") -> tuple[Signature, str]:
    """Signs a sealed release: a detached signature of OpenSSH over ``SHA256SUMS``, beside it as ``SHA256SUMS.sig``.

    Args:
        key: private key of OpenSSH, or the public one whose private half an agent or a token holds.
        name: by which recipients shall know the key.

    Returns:
        The signature, and the line by which recipients know the key: of an allowed-signers file.

    Raises:
        UserError: the folder is no release, or the key cannot sign.
        NotAsSealedError: it was not sealed, or is not what was sealed.
    """
    folder, private = Path(release), Path(key)
    arguments.sealed_folder(folder)
    from synthgen import signing

    signing.check_name(name)
    signing.check_private_key(private)
    from synthgen.release import verifying

    problems = verifying.verify_unsigned(folder).problems
    if problems:
        raise NotAsSealedError(f"{folder} is not signed: {verifying.first_of(problems)}")
    signature = signing.sign(folder / arguments.SUMS, private)
    return signature, signing.allowed_signer(name, signature.public)


def demo_cohort(
    modality: str,
    out: str | Path,
    *,
    config: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = _SILENT,
) -> Path:
    """Writes a simulated cohort like the one that :func:`generate` uses when no data is given, and returns it."""
    asked = arguments.asked(modality, config, settings, seed=seed, demo=True)
    from synthgen import session

    session.write_demo_cohort(asked, Path(out), progress)
    return Path(out)


def _offered(modality: str | Modality[Any, Any, Any]) -> tuple[str | Offer, Modality[Any, Any, Any] | None]:
    if isinstance(modality, str):
        return modality, None
    kind = modality
    return Offer(kind.name, kind.section, kind.presets, kind.releases.formats, kind.configs), kind


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
