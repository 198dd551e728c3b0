"""One stay on a lent card: trains, measures and brings everything back in time.

    python session.py DATA START.npz OUT --until UNIX_SECONDS [--guest FOLDER]

The training (train.py) begins at once with the plain step. A second process compiles
the step and takes over where it is faster; where it is not done in time, it tries again
with other flags. FOLDER/run.sh shares the card. Then come the cases of bench.py: plain
ones two at a time, compiled ones one after another, all else halted while one is timed.
Whoever does not stop in time is killed; OUT holds what there is at every moment, in few
files.
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
# In this order, two at a time; then those to compile, with the flags of FLAGS.
PLAIN = (
    ("u64", "u64_bfloat16"),
    ("u256", "u64_float32"),
    ("u64_nhwc", "paper16"),
    ("u64_deterministic", "u128"),
)
COMPILED = (
    ("u64", "tuned"),
    ("u64_bfloat16", "tuned"),
    ("u64", "untuned"),
    ("paper16", "tuned"),
)
# The search among variants of products and fusions of Triton's takes longer than the
# training; that among cuDNN's convolutions is worth it.
FLAGS = {
    "tuned": "--xla_gpu_enable_triton_gemm=false --xla_gpu_autotune_level=1 "
    "--xla_gpu_experimental_enable_fusion_autotuner=false "
    "--xla_gpu_cudnn_gemm_fusion_level=0",
    "untuned": "--xla_gpu_enable_triton_gemm=false --xla_gpu_autotune_level=0 "
    "--xla_gpu_experimental_enable_fusion_autotuner=false "
    "--xla_gpu_cudnn_gemm_fusion_level=0",
}
# Seconds that a compiled training has until it takes over, with each set of flags.
PATIENCE = {"tuned": 240.0, "untuned": 150.0}
HALF = {"photos": "24"}  # batch after running out of memory


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


class Stay:
    """What runs, and what is known of it."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.out = options, options.out
        self.work = Path("/tmp/session")
        shutil.rmtree(self.work, ignore_errors=True)
        self.logs, self.bench = self.work / "logs", self.work / "bench"
        for folder in (self.logs, self.bench, self.out, self.work / "guest"):
            folder.mkdir(parents=True, exist_ok=True)
        self.children = Children(self.logs)
        self.deadline = options.until
        self.name = options.name
        self.meeting = self.work / f"meet-{self.name}"
        self.flags = os.environ.get("XLA_FLAGS", "")
        self.memory = card(self.out)
        self.facts: dict = {"plain_alone": []}
        self.ticks, self.restarted = 0, False
        self.attempts = list(PATIENCE)
        self.attempt_until = 0.0

    def xla(self, kind: str, of: str) -> str:
        file = self.work / f"autotune-{of}-{kind}.txt"
        results = f"--xla_gpu_dump_autotune_results_to={file}"
        return f"{self.flags} {FLAGS[kind]} {results}"

    def train(self, how: str, *more: str, start: Path | None = None, **env) -> None:
        command = [sys.executable, str(HERE / "train.py"), self.name]
        command += [str(self.options.data), str(start or self.options.start)]
        command += [str(self.work / "weights"), "--how", how]
        command += ["--deadline", str(self.deadline - 12)]  # it still has to save
        if self.options.small:
            more = (*more, "--batch", "2", "--crop", "96x128", "--tiny")
        elif 0 < self.memory < 100_000 and "--batch" not in more:
            more = (*more, "--batch", "32")
        nice = -10 if how == "graph" else 0
        self.children.start(f"{self.name}-{how}", command + list(more), nice, **env)

    def compile_training(self) -> None:
        kind = self.attempts.pop(0)
        self.attempt_until = time.time() + PATIENCE[kind]
        say("compiles the training,", kind)
        self.train(
            "xla", "--hand-over", str(self.meeting), XLA_FLAGS=self.xla(kind, self.name)
        )

    def took_over(self) -> bool:
        return (self.meeting / "running").exists()

    def watch(self) -> None:
        """Once a second: restarts what died, gives up what takes too long."""
        self.ticks += 1
        if self.ticks % 12 == 0:
            collect(self.out, self.work, self.logs, self.bench, self.facts)
        left = self.deadline - time.time()
        graph, xla = f"{self.name}-graph", f"{self.name}-xla"
        if self.took_over():
            if not self.children.alive(xla) and left > 60 and not self.restarted:
                self.begin_again()
        elif not self.children.alive(graph) and left > 60 and not self.restarted:
            self.begin_again()
        elif self.attempt_until and not self.took_over():
            ended = not self.children.alive(xla)
            late = time.time() > self.attempt_until and not self.is_meeting()
            if (ended or late) and not self.restarted:
                self.children.send(signal.SIGKILL, xla)
                self.attempt_until = 0.0
                say("the compiled training", "ended" if ended else "is late")
                judged = (self.meeting / "xla.json").exists()
                if self.attempts and left > 240 and not judged:
                    self.compile_training()

    def is_meeting(self) -> bool:
        return any((self.meeting / x).exists() for x in ("wait", "give"))

    def begin_again(self) -> None:
        """From what was saved, with half of the batch and of the rate."""
        self.restarted = True
        say("the training died and begins again with half of the batch")
        self.children.send(signal.SIGKILL, f"{self.name}-xla", f"{self.name}-graph")
        saved = self.work / "weights" / f"{self.name}.npz"
        start = saved if saved.exists() else None
        half = ("--batch", HALF[self.name], "--peak", "2e-4")
        self.train("graph", *half, start=start)

    def others(self) -> list[str]:
        return [f"{self.name}-graph", f"{self.name}-xla", "guest"]

    def halt(self, *names: str) -> None:
        for pid in self.options.pid:
            signal_session(pid, signal.SIGSTOP)
        self.children.send(signal.SIGSTOP, *names)

    def go_on(self, *names: str) -> None:
        self.children.send(signal.SIGCONT, *names)
        for pid in self.options.pid:
            signal_session(pid, signal.SIGCONT)

    def wait(self, seconds: float, done) -> bool:
        """Watches until `done()`; False: the seconds or the stay are over first."""
        end = min(time.time() + seconds, self.deadline - 14)
        while time.time() < end:
            if done():
                return True
            time.sleep(1)
            self.watch()
        return False


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data", type=Path)
    options.add_argument("start", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--until", type=float, required=True)
    options.add_argument("--name", default="photos")
    options.add_argument("--guest", type=Path, help="a folder with run.sh")
    options.add_argument("--bench-seconds", type=float, default=1.5)
    options.add_argument("--small", action="store_true", help="a trial on a CPU")
    options.add_argument("--pid", type=int, nargs="*", default=[], help="of renderers")
    stay = Stay(options.parse_args())
    stay.train("graph", "--hand-over", str(stay.meeting))
    stay.compile_training()
    if stay.options.guest:
        left = int(stay.deadline - time.time() - 20)
        stay.children.start(
            "guest",
            ["bash", str(stay.options.guest / "run.sh")],
            SECONDS_LEFT=str(left),
            OUT_DIR=str(stay.work / "guest"),
        )
    say("started", list(stay.children.running), f"until {stay.deadline:.0f}")
    if stay.wait(200, (stay.meeting / "losses.json").exists):
        say("the first step is done")
        plain_alone(stay)
    for cases in PLAIN:
        if time.time() < stay.deadline - 200:
            plain_cases(stay, cases)
    stay.wait(600, lambda: stay.took_over() or not stay.attempt_until)
    for case, kind in COMPILED:
        if time.time() < stay.deadline - 250:
            compiled_case(stay, case, kind)
    stay.wait(900, lambda: not any(stay.children.alive(x) for x in stay.others()))
    finish(stay)


def plain_alone(stay: Stay) -> None:
    """Two parts of the training's own log with the card for itself."""
    halted = [f"{stay.name}-xla", "guest"]
    stay.halt(*halted)
    known, begun = "", time.time()
    while len(stay.facts["plain_alone"]) < 2 and time.time() < begun + 30:
        time.sleep(0.2)
        file = stay.meeting / "speed.json"
        text = file.read_text() if file.exists() else ""
        if text and text != known:
            known = text
            stay.facts["plain_alone"].append(json.loads(text)["crops_a_second"])
    stay.go_on(*halted)
    say("plain step, alone:", stay.facts["plain_alone"], "the first is not")


def start_case(stay: Stay, case: str, tag: str, variants: str, **env) -> str:
    name = f"{case}-{tag}"
    command = [sys.executable, str(HERE / "bench.py"), case]
    command += [str(stay.bench / f"{name}.json"), "--variants", variants]
    command += ["--ready", str(stay.bench / f"{name}.ready")]
    command += ["--go", str(stay.bench / f"{name}.go")]
    command += ["--seconds", str(stay.options.bench_seconds)]
    if stay.options.small:
        command += ["--small"]
    stay.children.start(f"bench-{name}", command, 5, **env)
    return name


def plain_cases(stay: Stay, cases: tuple[str, ...]) -> None:
    names = [start_case(stay, case, "plain", "graph") for case in cases]
    stay.wait(120, lambda: all(ready(stay, x) for x in names))
    timed(stay, names)


def compiled_case(stay: Stay, case: str, kind: str) -> None:
    name = start_case(stay, case, kind, "xla", XLA_FLAGS=stay.xla(kind, case))
    patience = min(200.0, stay.deadline - time.time() - 40)
    stay.wait(patience, lambda: ready(stay, name))
    timed(stay, [name])


def timed(stay: Stay, names: list[str]) -> None:
    """Times what is ready while all else is halted; kills the rest."""
    late = [x for x in names if not (stay.bench / f"{x}.ready").exists()]
    if late:
        say("not ready in time:", late)
        stay.children.send(signal.SIGKILL, *(f"bench-{x}" for x in late))
    names = [x for x in names if x not in late]
    names = [x for x in names if stay.children.alive(f"bench-{x}")]
    if not names:
        return
    stay.halt(*stay.others())
    time.sleep(0.5)
    for name in names:
        patience = 6 + 3 * stay.options.bench_seconds
        measure(stay.children, stay.bench, name, patience)
    stay.go_on(*stay.others())


def ready(stay: Stay, name: str) -> bool:
    """Whether a case can be timed, or never will be."""
    file = stay.bench / f"{name}.ready"
    return file.exists() or not stay.children.alive(f"bench-{name}")


def finish(stay: Stay) -> None:
    def alive() -> bool:
        return any(stay.children.alive(x) for x in stay.others())

    for until in (6, 2):
        while time.time() < stay.deadline - until and alive():
            time.sleep(0.3)
        collect(stay.out, stay.work, stay.logs, stay.bench, stay.facts)
    stay.children.send(signal.SIGKILL, *stay.children.running)
    collect(stay.out, stay.work, stay.logs, stay.bench, stay.facts)
    say("over", sorted((x.name, x.stat().st_size) for x in stay.out.iterdir()))


def measure(children: Children, bench: Path, case: str, patience: float) -> None:
    begun = time.time()
    (bench / f"{case}.go").touch()
    while time.time() < begun + patience and children.alive(f"bench-{case}"):
        if (bench / f"{case}.done").exists():
            break
        time.sleep(0.05)
    children.send(signal.SIGKILL, f"bench-{case}")
    say("timed", case, f"{time.time() - begun:.1f} s")


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


def collect(out: Path, work: Path, logs: Path, bench: Path, facts: dict) -> None:
    """Copies what there is to OUT: whole files only, few of them."""
    for folder in (work / "weights", work / "guest"):
        if not folder.is_dir():
            continue
        for file in sorted(folder.glob("[a-z]*.*")):
            known = out / file.name
            fresh = not known.exists() or known.stat().st_mtime < file.stat().st_mtime
            if file.suffix in (".npz", ".json", ".keras", ".onnx") and fresh:
                partial = out / f".{file.name}"
                shutil.copy(file, partial)
                os.replace(partial, known)
    facts = dict(facts)
    for file in sorted(bench.glob("*.json")):
        facts[file.stem] = json.loads(file.read_text())
    for file in sorted(work.glob("meet-*/*.json")):
        if file.name != "state.json":
            facts[f"{file.parent.name}/{file.stem}"] = json.loads(file.read_text())
    (out / "bench.json").write_text(json.dumps(facts, indent=1))
    partial = out / ".logs.tgz"
    with tarfile.open(partial, "w:gz") as packed:
        more = [*work.glob("guest/*.[lt]*"), *work.glob("autotune*")]
        for file in [*sorted(logs.iterdir()), *sorted(more)]:
            packed.add(file, arcname=file.name)
    os.replace(partial, out / "logs.tgz")


if __name__ == "__main__":
    main()
