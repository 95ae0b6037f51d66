"""The documentation is current: keys, columns, pictures, links, names."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.docs.pages import DOCS, PICTURES, generated, pane_names
from tests.docs.picture import words
from tui.actions import ACTIONS

PAGES = sorted(DOCS.rglob("*.md"))


def test_what_is_generated_is_current() -> None:
    old = [
        path.relative_to(ROOT).as_posix()
        for path, text in generated()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not old, f"run `make docs`: {', '.join(old)}"


@pytest.mark.parametrize("pane", pane_names())
def test_every_pane_has_a_page_with_its_picture_and_tables(pane: str) -> None:
    text = (DOCS / "panes" / f"{pane}.md").read_text(encoding="utf-8")
    assert f"(../pictures/{pane}.svg)" in text
    for part in ("<!-- keys -->", "<!-- columns -->"):
        assert text.count(part) == 1
    assert len(text.split("<!-- keys -->")[0].split()) > 60, "hardly a word"


def test_every_action_is_in_the_key_reference() -> None:
    text = (DOCS / "keys.md").read_text(encoding="utf-8")
    for action in ACTIONS:
        assert f"| {action.label}" in text, action.id


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" not in target, target
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    seen, to_read = set(), [ROOT / "README.md"]
    while to_read:
        page = to_read.pop()
        for target in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if found not in seen and found.exists():
                seen.add(found)
                to_read.append(found)
    assert {page.resolve() for page in PAGES} <= seen


def test_pictures_are_small_and_need_nothing_from_elsewhere() -> None:
    total = 0
    for name in PICTURES:
        path = DOCS / "pictures" / f"{name}.svg"
        text = path.read_text(encoding="utf-8")
        total += path.stat().st_size
        assert "url(" not in text
        assert text.count("http") == 1, "the name of the format alone"
        assert words(text)
    assert total < 300_000


def test_words_that_the_tour_says_are_on_the_screen_exist() -> None:
    text = (DOCS / "tour.md").read_text(encoding="utf-8")
    keys = {key for action in ACTIONS for key in action.shown_keys.split(" ")}
    for key in re.findall(r"<kbd>([^<]+)</kbd>", text):
        assert key in keys | {"enter", "esc", "y"}, key
