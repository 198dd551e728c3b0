"""One stay on a lent card: measures, trains and brings everything back in time.

    python session.py DATA START.npz OUT --seconds 545 [--reader FOLDER]

Starts everything side by side as processes of their own: for each training one that
begins at once and one that compiles and takes over (train.py), the cases of bench.py,
and whatever run.sh in --reader does. Once the cases are compiled, or late, all else is
halted for the timing of one case after another. Whoever does not stop in time is
killed; OUT holds what there is at every moment, in few files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEGUN = time.time()
# In the order in which they are timed.
CASES = (
    "paper1",
    "u64",
    "u64_float32",
    "u64_bfloat16",
    "u128",
    "paper16",
    "u64_deterministic",
)


def say(*parts) -> None:
    print(f"[{time.time() - BEGUN:6.1f}]", *parts, flush=True)


class Children:
    """Processes with a name, each the head of a group."""

    def __init__(self, logs: Path):
        self.logs, self.running = logs, {}

    def start(self, name: str, command: list[str], nice: int = 0, **more) -> None:
        with open(self.logs / f"{name}.log", "ab") as file:
            self.running[name] = subprocess.Popen(
                ["nice", "-n", str(nice), *command],
                stdout=file,
                stderr=file,
                start_new_session=True,
                env=os.environ | more,
            )

    def alive(self, name: str) -> bool:
        return name in self.running and self.running[name].poll() is None

    def send(self, number: int, *names: str) -> None:
        for name in names:
            if name in self.running:
                signal_session(self.running[name].pid, number)


def signal_session(session: int, number: int) -> None:
    """Signals all processes of a session: `timeout` puts some into other groups."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(folder.name), number)
        except OSError:
            continue  # it is gone


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data", type=Path)
    options.add_argument("start", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--seconds", type=float, default=545)
    options.add_argument("--timing", type=float, default=170, help="begins at latest")
    options.add_argument("--bench-seconds", type=float, default=2.5)
    options.add_argument("--reader", type=Path)
    options.add_argument("--cases", default=",".join(CASES))
    options.add_argument("--names", default="photos,plates")
    options.add_argument("--small", action="store_true", help="a trial on a CPU")
    options.add_argument("--pid", type=int, nargs="*", default=[], help="of renderers")
    options = options.parse_args()
    out, work = options.out, Path("/tmp/session")
    shutil.rmtree(work, ignore_errors=True)
    logs, bench = work / "logs", work / "bench"
    for folder in (logs, bench, out):
        folder.mkdir(parents=True, exist_ok=True)
    deadline = BEGUN + options.seconds
    trained = deadline - 14  # the trainings' deadline: they still have to save
    cases = [x for x in options.cases.split(",") if x]
    memory = card(out)
    children = Children(logs)
    python = sys.executable

    def train(name: str, how: str, *more: str) -> None:
        command = [python, str(HERE / "train.py"), name, str(options.data)]
        command += [str(options.start), str(work / "weights"), "--how", how]
        command += ["--deadline", str(trained)]
        if options.small:
            more = (*more, "--batch", "2", "--crop", "96x128", "--tiny")
        elif 0 < memory < 100_000:
            more = (*more, "--batch", {"photos": "24", "plates": "48"}[name])
        children.start(f"{name}-{how}", command + list(more))

    names = options.names.split(",")
    trainings = [(n, how) for n in names for how in ("graph", "xla")]
    for name, how in trainings:
        train(name, how, "--hand-over", str(work / f"meet-{name}"))
    if options.reader:
        reader_out = work / "reader"
        reader_out.mkdir()
        left = str(int(options.seconds - 22))
        children.start(
            "reader",
            ["bash", str(options.reader / "run.sh")],
            SECONDS_LEFT=left,
            OUT_DIR=str(reader_out),
        )
    each = 8000 if memory > 100_000 else 5000
    for place, case in enumerate(cases):
        command = [python, str(HERE / "bench.py"), case, str(bench / f"{case}.json")]
        command += ["--ready", str(bench / f"{case}.ready")]
        command += ["--go", str(bench / f"{case}.go")]
        command += ["--seconds", str(options.bench_seconds), "--memory", str(each)]
        children.start(f"bench-{case}", command, nice=0 if place < 2 else 5)
    say("started", list(children.running))

    # Until all cases are compiled or it is late; a dead training begins again, smaller.
    others = [f"{n}-{how}" for n, how in trainings] + ["reader"]
    restarted: set[str] = set()
    ticks = 0

    def watch() -> None:
        nonlocal ticks
        ticks += 1
        for name in names:
            graph = children.running[f"{name}-graph"]
            died = graph.poll() not in (None, 0)
            if died and name not in restarted and time.time() < trained - 60:
                restarted.add(name)
                say(name, "died and begins again with half of the batch")
                half = {"photos": "16", "plates": "32"}[name]
                children.send(signal.SIGKILL, f"{name}-xla")
                train(name, "graph", "--batch", half)
        if ticks % 15 == 0:
            collect(out, work, logs, bench)

    timing = BEGUN + options.timing
    while time.time() < timing:
        time.sleep(1)
        watch()
        if all(not children.alive(f"bench-{c}") or ready(bench, c) for c in cases):
            break
    say("timing begins; ready:", [c for c in cases if ready(bench, c)])
    waiting = [c for c in cases if not ready(bench, c)]
    # Those that still compile are halted too, and timed by themselves if they can.
    halted = [*others, *(f"bench-{c}" for c in waiting)]
    for pid in options.pid:
        signal_session(pid, signal.SIGSTOP)
    children.send(signal.SIGSTOP, *halted)
    time.sleep(0.5)
    for case in cases:
        if case in waiting or not children.alive(f"bench-{case}"):
            continue
        measure(children, bench, case, 14 + 4 * options.bench_seconds)
    children.send(signal.SIGCONT, *others)
    for pid in options.pid:
        signal_session(pid, signal.SIGCONT)
    children.send(signal.SIGCONT, *(f"bench-{c}" for c in waiting))
    say("timing is over")
    collect(out, work, logs, bench)

    # A second chance for the late ones, if there is any by half of the time.
    second = BEGUN + 0.5 * options.seconds
    while waiting and time.time() < second:
        time.sleep(1)
        watch()
        if all(not children.alive(f"bench-{c}") or ready(bench, c) for c in waiting):
            break
    late = [c for c in waiting if children.alive(f"bench-{c}") and ready(bench, c)]
    for case in waiting:
        if case not in late:
            children.send(signal.SIGKILL, f"bench-{case}")
    if late:
        children.send(signal.SIGSTOP, *others)
        time.sleep(0.5)
        for case in late:
            measure(children, bench, case, 14 + 4 * options.bench_seconds)
        children.send(signal.SIGCONT, *others)
        say("the late ones are timed:", late)
    for case in cases:
        children.send(signal.SIGKILL, f"bench-{case}")

    while time.time() < deadline - 8 and any(children.alive(x) for x in others):
        time.sleep(0.5)
        watch()
    collect(out, work, logs, bench)
    while time.time() < deadline - 2 and any(children.alive(x) for x in others):
        time.sleep(0.5)
    children.send(signal.SIGKILL, *children.running)
    collect(out, work, logs, bench)
    say("over", sorted((x.name, x.stat().st_size) for x in out.iterdir()))


def measure(children: Children, bench: Path, case: str, patience: float) -> None:
    begun = time.time()
    (bench / f"{case}.go").touch()
    while time.time() < begun + patience and children.alive(f"bench-{case}"):
        if (bench / f"{case}.done").exists():
            break
        time.sleep(0.05)
    children.send(signal.SIGKILL, f"bench-{case}")
    say("timed", case, f"{time.time() - begun:.1f} s")


def ready(bench: Path, case: str) -> bool:
    return (bench / f"{case}.ready").exists()


def card(out: Path) -> int:
    """The card's memory in megabytes; 0: there is none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm",
             "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return 0
    (out / "card.txt").write_text(told + "\n")
    say(told)
    return int(told.split(",")[2])


def collect(out: Path, work: Path, logs: Path, bench: Path) -> None:
    """Copies what there is to OUT: whole files only, few of them."""
    for folder in (work / "weights", work / "reader"):
        if not folder.is_dir():
            continue
        for file in sorted(folder.glob("[a-z]*.*")):
            known = out / file.name
            fresh = not known.exists() or known.stat().st_mtime < file.stat().st_mtime
            if file.suffix in (".npz", ".json", ".keras") and fresh:
                partial = out / f".{file.name}"
                shutil.copy(file, partial)
                os.replace(partial, known)
    facts = {}
    for file in sorted(bench.glob("*.json")):
        facts[file.stem] = json.loads(file.read_text())
    for file in sorted(work.glob("meet-*/*.json")):
        if file.name != "state.json":
            facts[f"{file.parent.name}/{file.stem}"] = json.loads(file.read_text())
    (out / "bench.json").write_text(json.dumps(facts, indent=1))
    partial = out / ".logs.tgz"
    with tarfile.open(partial, "w:gz") as packed:
        for file in [*sorted(logs.iterdir()), *sorted(work.glob("reader/*.[lt]*"))]:
            packed.add(file, arcname=file.name)
    os.replace(partial, out / "logs.tgz")


if __name__ == "__main__":
    main()
