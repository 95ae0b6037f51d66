"""Every package and module says what it is for, and every decision says why."""

import ast
import re

import pytest

from tests.architecture.sources import FOLDERS, ROOT, modules, name, tree

ROOT_DOCUMENTS = ("README.md", "ARCHITECTURE.md", "GLOSSARY.md", "DECISIONS.md", "CHANGELOG.md")


def test_every_folder_with_code_is_a_package() -> None:
    missing = {
        name(path.parent) for path in modules() if not (path.parent / "__init__.py").exists()
    }
    assert not missing


def test_every_module_says_what_it_is_for() -> None:
    silent = [name(path) for path in modules() if not ast.get_docstring(tree(path))]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("document", ROOT_DOCUMENTS)
def test_root_document_exists_and_has_a_title(document: str) -> None:
    assert (ROOT / document).read_text(encoding="utf-8").startswith("# ")


def test_every_decision_is_dated_and_says_context_choice_and_consequence() -> None:
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    entries = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"\d{4}-\d{2}-\d{2} · \S", entry), entry.splitlines()[0]
        for part in ("Context:", "Choice:", "Consequence:"):
            assert part in entry, f"{entry.splitlines()[0]} lacks {part}"


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = [line for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(pins) > 40
    assert all("==" in pin and pin.endswith("\\") for pin in pins), "a pin without a hash"


def test_nothing_but_the_agreed_folders_holds_code() -> None:
    allowed = set(FOLDERS)
    found = {
        path.parent.name
        for path in ROOT.glob("*/__init__.py")
        if not path.parent.name.startswith(".")
    }
    assert found <= allowed
