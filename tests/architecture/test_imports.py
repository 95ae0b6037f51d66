"""The import contracts of pyproject.toml hold, and cover every package there is."""

import subprocess
import sys
import tomllib
from typing import Any

from tests.architecture.sources import ROOT

PURE = {"domain", "strategy", "options", "risk", "checks", "core", "exchange"}
STORAGE_MAY_SEE = {"domain", "ports", "errors"}


def contract(contract_id: str) -> dict[str, Any]:
    """One import contract as pyproject.toml states it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return next(found for found in contracts if found["id"] == contract_id)


def parts_of(layers: list[str]) -> set[str]:
    """The modules that a list of layers names, without the signs between them."""
    words = " ".join(layers).replace("|", " ").replace(":", " ").split()
    return {word.strip("()") for word in words}


def engine_children() -> set[str]:
    """The packages and modules directly inside engine."""
    return {
        path.stem
        for path in (ROOT / "engine").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__"}


def test_every_import_contract_is_kept() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_part_of_the_engine_has_a_place_in_its_order() -> None:
    assert engine_children() <= parts_of(contract("engine-order")["layers"])


def test_storage_is_kept_from_every_part_of_the_engine_but_the_vocabulary() -> None:
    parts = parts_of(contract("storage-view")["layers"])
    kept_from = {part.removeprefix("engine.") for part in parts} - {"storage"}
    assert engine_children() - kept_from <= STORAGE_MAY_SEE
    assert not kept_from & STORAGE_MAY_SEE


def test_every_pure_package_is_in_the_purity_contract() -> None:
    listed = {name.removeprefix("engine.") for name in contract("purity")["source_modules"]}
    assert listed == PURE & engine_children()
