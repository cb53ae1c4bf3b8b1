"""The layout of the repository is its architecture; these tests keep it so."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = [
    "kernel",
    "rules",
    "config",
    "telemetry",
    "receivers",
    "connectors",
    "processors",
    "exporters",
    "pipeline",
    "cli",
]
MAY_IMPORT = {
    "kernel": {"kernel"},
    "telemetry": {"telemetry", "kernel"},
    "rules": {"rules", "kernel"},
    "config": {"config", "rules", "telemetry", "kernel"},
    "receivers": {"receivers", "rules", "config", "telemetry", "kernel"},
    "connectors": {"connectors", "rules", "config", "telemetry", "kernel"},
    "processors": {"processors", "connectors", "rules", "config", "telemetry", "kernel"},
    "exporters": {"exporters", "rules", "config", "telemetry", "kernel"},
    "pipeline": {"receivers", "processors", "exporters", "rules", "config", "telemetry", "kernel"},
}
BASES_FOR_CONFIG = {"receivers.base", "processors.base", "connectors.base", "exporters.base"}


def packages() -> dict[str, Path]:
    found = {
        ".".join(("tailgate", *path.parent.relative_to(ROOT).parts)): path.parent
        for path in ROOT.rglob("__init__.py")
        if not {"build", ".venv", "target", "tests", "benchmarks"} & set(path.relative_to(ROOT).parts)
    }
    return dict(sorted(found.items()))


def modules() -> list[tuple[str, Path]]:
    out = []
    for name, folder in packages().items():
        if name == "tailgate":
            out += [("pipeline", ROOT / "pipeline.py")]
        else:
            out += [(f"{name.removeprefix('tailgate.')}.{p.stem}", p) for p in sorted(folder.glob("*.py"))]
    return out


def test_listed_packages_are_the_folders() -> None:
    """Scenario: a package folder is added or removed. Guarantees: the wheel ships exactly what there is."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(packages())


def test_root_modules() -> None:
    """Every root `*.py` ships in the wheel, so there are exactly three."""
    assert sorted(p.name for p in ROOT.glob("*.py")) == ["__init__.py", "__main__.py", "pipeline.py"]


def test_no_root_name_shadows_the_standard_library() -> None:
    names = {p.stem for p in ROOT.iterdir() if not p.name.startswith((".", "__"))}
    assert not names & set(sys.stdlib_module_names)


def test_tests_are_no_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not (ROOT / "setup.py").exists()


def relative_imports(path: Path, module: str) -> set[str]:
    """The project's modules that a file imports, as dotted names below `tailgate`."""
    parts = module.split(".")[:-1] if path.name != "pipeline.py" else []
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level + 1]
            target = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join([*target, a.name]) for a in node.names}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not [n for n in names if n.split(".")[0] == "tailgate"], f"{path}: absolute import of the package"
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda v: v if isinstance(v, str) else "")
def test_imports_point_one_way(module: str, path: Path) -> None:
    """Guarantees: cli -> pipeline -> parts -> rules, config, telemetry -> kernel; the kernel imports nothing else."""
    layer = module.split(".")[0]
    if layer == "cli":
        return
    for target in relative_imports(path, module):
        top = target.split(".")[0]
        if layer == "config" and any(target.startswith(base) for base in BASES_FOR_CONFIG):
            continue
        if top in LAYERS:
            assert top in MAY_IMPORT[layer], f"{module} imports {target}"


def test_no_processor_imports_another() -> None:
    """Guarantees: a processor is one module or folder that only the table in `processors/__init__.py` knows."""
    shared = {"base", "row", "remote"}
    for module, path in modules():
        parts = module.split(".")
        if (
            parts[0] != "processors"
            or len(parts) < 2
            or parts[1] in {"__init__", "row", "segments", "building", "following"}
        ):
            continue
        for target in relative_imports(path, module):
            names = target.split(".")
            if names[0] == "processors" and len(names) > 1:
                assert names[1] in {parts[1], *shared}, f"{module} imports {target}"


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda v: v if isinstance(v, str) else "")
def test_rooms_are_small(module: str, path: Path) -> None:
    """Guarantees: files of at most 400 lines, functions of at most 70."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, f"{path} is too long"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 70, f"{path}:{node.lineno} {node.name} is too long"


def test_rust_files_are_small() -> None:
    for path in (ROOT / "kernel/rust/src").rglob("*.rs"):
        assert path.read_text(encoding="utf-8").count("\n") <= 400, f"{path} is too long"
