"""The rooms of the package and their order: a room imports only rooms before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from helpers.places import ROOT

PACKAGE = ROOT / "deblurgan_tf"
ROOMS = [
    "errors",
    "storage",
    "config",
    "devices",
    "keras_settings",
    "cli",
    "images",
    "blur",
    "deconvolution",
    "data",
    "models",
    "inference",
    "metrics",
    "plates",
    "training",
    "video",
    "restoring",
    "evaluation",
    "preparation",
    "exporting",
    "batching",
    "web",
    "benchmarking",
]
VERBS = [
    "train",
    "predict",
    "evaluate",
    "export",
    "prepare",
    "batch",
    "convert",
    "benchmark",
    "demo",
]
TOP = {"__init__", "__main__"}


def room_of(module: str) -> str:
    """The room of `deblurgan_tf.room.module`; verbs and the package itself: "verbs"."""
    name = module.split(".")[1] if "." in module else "__init__"
    return "verbs" if name in (*VERBS, *TOP) else name


def imports_of(source: str, module: str, modules: set[str]) -> set[str]:
    """The modules of this package that a module's source imports, lazily too.

    Imports for type checkers alone count as well: they are arrows for a reader.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports in full"
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                found.add(inner if inner in modules else str(node.module))
    return {name for name in found if name.split(".")[0] == "deblurgan_tf"} - {module}


def forbidden(sources: dict[str, str]) -> list[str]:
    """`a -> b` for each import that goes from a room to a later one."""
    order = {room: number for number, room in enumerate([*ROOMS, "verbs"])}
    wrong = []
    for module, source in sorted(sources.items()):
        for target in sorted(imports_of(source, module, set(sources))):
            # The version may be asked for everywhere.
            if target == "deblurgan_tf":
                continue
            if order[room_of(target)] > order[room_of(module)]:
                wrong.append(f"{module} -> {target}")
    return wrong


def read_sources() -> dict[str, str]:
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        sources[name] = path.read_text(encoding="utf-8")
    return sources


def test_a_room_imports_only_rooms_before_it():
    assert forbidden(read_sources()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("deblurgan_tf.blur.kernels", "from deblurgan_tf.data.source import samples"),
        ("deblurgan_tf.blur.kernels", "from deblurgan_tf.data import source"),
        ("deblurgan_tf.blur.kernels", "import deblurgan_tf.data.source"),
        ("deblurgan_tf.models.layers", "def f():\n    from deblurgan_tf import train"),
        ("deblurgan_tf.errors", "from deblurgan_tf.storage import atomic"),
    ],
)
def test_a_planted_import_of_a_later_room_is_found(module, line):
    sources = read_sources()
    before = forbidden(sources)
    sources[module] += "\n" + line + "\n"
    [found] = set(forbidden(sources)) - set(before)
    assert found.startswith(f"{module} -> deblurgan_tf.")


def test_at_the_top_lie_the_verbs_and_little_else():
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules == {
        *(*VERBS, "__init__", "devices", "errors", "keras_settings"),
    } | ({"__main__"} & modules)
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms | {"errors", "devices", "keras_settings"} == set(ROOMS)


def test_a_test_lies_in_the_folder_of_what_it_tests():
    folders = {
        path.parent.relative_to(ROOT / "tests") for path in ROOT.glob("tests/**/*.py")
    }
    for folder in folders - {Path("helpers"), Path(".")}:
        assert (PACKAGE / folder).is_dir(), f"tests/{folder}: no such room"
