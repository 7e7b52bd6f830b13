"""What happens to a disk while a run is on it: the rerun ends as if nothing had been, or one line names what is lost.

The figures of ``-m slow`` are quoted in docs/results/benchmarks.md.
"""

import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from flow_command import CXR, DIALOGUE, command, contents, result_of

VITALS = ("generate", "--modality", "vitals", "--seed", "1", "-n", "40")
LEFT_ALONE = {".lock", "seconds.jsonl"}
ADVICE = re.compile(r"(/\S+) is .*: delete it and run the same command again")


@dataclass(frozen=True)
class Work:
    """Runs of one command, in folders of their own, on one state folder.

    Attributes:
        whole: a folder in which the command ran to its end.
    """

    arguments: Sequence[str | Path]
    environment: dict[str, str]
    whole: Path
    code: int

    @classmethod
    def done(cls, arguments: Sequence[str | Path], environment: dict[str, str], folder: Path) -> "Work":
        environment = {**environment, "SYNTHGEN_STATE": str(folder / "state")}
        whole = folder / "whole"
        whole.mkdir()
        ran = subprocess.run(command(*arguments), cwd=whole, env=environment, capture_output=True, check=False)
        assert ran.returncode in {0, 3}, ran.stderr
        return cls(arguments, environment, whole, ran.returncode)

    def run(self, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
        arguments = (*before, *command(*self.arguments))
        return subprocess.run(
            arguments, cwd=folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )

    def struck(self, folder: Path) -> Path:
        """A run that was killed as soon as its first shard was written."""
        folder.mkdir()
        process = subprocess.Popen(
            command(*self.arguments),
            cwd=folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not list((folder / "work" / "shards").glob("*.parquet")):
            time.sleep(0.02)
        process.kill()
        process.wait()
        return folder

    def unsealed(self, folder: Path) -> Path:
        """The whole run, but for its result."""
        shutil.copytree(self.whole, folder)
        shutil.rmtree(result_of(folder))
        return folder

    def ended(self, folder: Path, ran: subprocess.CompletedProcess[str]) -> str:
        """``identical`` to the whole run, or ``refused`` by one line.

        Raises:
            AssertionError: it ended in any other way.
        """
        if ran.returncode == self.code and contents(result_of(folder)) == contents(result_of(self.whole)):
            return "identical"
        assert "Traceback" not in ran.stderr, ran.stderr
        assert ran.returncode == 2, f"another result: {ran.stderr}"
        lines = [line for line in ran.stderr.splitlines() if line.startswith("synthgen: ")]
        assert len(lines) == 1, ran.stderr
        return "refused"


@pytest.fixture(scope="module")
def vitals(installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Work:
    return Work.done(VITALS, installed, tmp_path_factory.mktemp("vitals"))


def flipped(path: Path, rng: random.Random) -> None:
    """One bit of the file is another."""
    data = bytearray(path.read_bytes())
    at = rng.randrange(8 * len(data))
    data[at // 8] ^= 1 << at % 8
    path.write_bytes(data)


def files(folder: Path) -> list[Path]:
    found = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size]
    return [path for path in found if path.name not in LEFT_ALONE and "demo-cohort" not in path.parts]


def bits(work: Work, times: int, tmp_path: Path) -> Counter[str]:
    """Flips a bit of every file of a run that was struck and of one that was to be sealed, and runs the command again.

    Where the line says what to delete, it is deleted, and the run then ends as the whole one did.
    """
    rng, counts = random.Random(times), Counter[str]()  # noqa: S311
    for source in (work.struck(tmp_path / "struck"), work.unsealed(tmp_path / "unsealed")):
        for file in [file for file in files(source) for _ in range(times)]:
            folder = tmp_path / "try"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            flipped(folder / file, rng)
            ran = work.run(folder)
            how = work.ended(folder, ran)
            if how == "refused" and (told := ADVICE.search(ran.stderr)):
                Path(told[1]).unlink()
                how = f"after the advice {work.ended(folder, work.run(folder))}"
                assert how == "after the advice identical", f"{file}: {ran.stderr}"
            counts[how] += 1
    print(dict(counts))
    return counts


def test_a_flipped_bit_of_a_shard_is_told_and_the_advice_works(vitals: Work, tmp_path: Path) -> None:
    folder = vitals.struck(tmp_path / "struck")
    (shard, *_) = sorted((folder / "work" / "shards").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    ran = vitals.run(folder)
    if vitals.ended(folder, ran) == "refused":
        told = ADVICE.search(ran.stderr)
        assert told is not None and Path(told[1]) == shard, ran.stderr
        shard.unlink()
        assert vitals.ended(folder, vitals.run(folder)) == "identical"


def test_a_damaged_key_is_told(vitals: Work, tmp_path: Path) -> None:
    folder = vitals.unsealed(tmp_path / "unsealed")
    flipped(folder / "work" / "key", random.Random(0))  # noqa: S311
    ran = vitals.run(folder)
    assert vitals.ended(folder, ran) == "refused" and "begun with another key" in ran.stderr


@pytest.mark.slow
def test_a_flipped_bit_of_any_file_of_vital_signs(vitals: Work, tmp_path: Path) -> None:
    assert sum(bits(vitals, 4, tmp_path).values()) > 60


@pytest.mark.slow
@pytest.mark.parametrize("flow", [DIALOGUE, CXR], ids=lambda flow: flow.finished)
def test_a_flipped_bit_of_any_file(flow, installed: dict[str, str], tmp_path: Path) -> None:
    work = Work.done(flow.arguments, installed, tmp_path)
    assert sum(bits(work, 1, tmp_path).values()) > 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 16 KiB; ``remount`` makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts a disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.slow
def test_a_full_disk(vitals: Work, small_disk: Path) -> None:
    """At sixteen sizes of the disk, each a little larger: refused by one line, until there is room."""
    ends = []
    for size in (*range(16, 400, 24), 16384):
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(small_disk)], check=True)
        ran = vitals.run(small_disk)
        ends.append(vitals.ended(small_disk, ran))
        if ends[-1] == "identical":
            break
    print(Counter(ends))
    assert ends[-1] == "identical" and len(ends) > 3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("to", ["-400d", "+400d", "@2038-01-19 03:14:00"])
def test_the_clock_jumps(vitals: Work, tmp_path: Path, to: str) -> None:
    """A run that was struck goes on at another time. Its papers bear the day on which it was sealed."""
    folder = vitals.struck(tmp_path / "struck")
    ran = vitals.run(folder, "faketime", "-f", to)
    assert ran.returncode == vitals.code, ran.stderr
    ours, whole = contents(result_of(folder)), contents(result_of(vitals.whole))
    assert ours.keys() == whole.keys()
    assert {name for name in ours if ours[name] != whole[name]} <= {"README.md", "SHA256SUMS", "croissant.json"}


@pytest.mark.slow
def test_two_runs_on_one_work_folder(vitals: Work, tmp_path: Path) -> None:
    """One goes on to its end; the other says who is there."""
    both = [
        subprocess.Popen(
            command(*vitals.arguments), cwd=tmp_path, env=vitals.environment, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=600)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) in ([vitals.code, 2], [0, vitals.code]), told
    if 2 in codes:
        assert "another process is using the work folder" in told[codes.index(2)]
    assert contents(result_of(tmp_path)) == contents(result_of(vitals.whole))
