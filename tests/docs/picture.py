"""A snapshot's picture made small: the same cells, none of the frame, the fonts or the clips.

Only rectangles that differ from the ground and text that is not blank are kept; every piece of
text stands where its first cell is and is as wide as its cells, whatever font is there.
"""

import html
import re
from pathlib import Path

CELL, LINE, SIZE = 12.2, 24.4, 20
PAD = 8
_STYLE = re.compile(r"\.terminal-(r\d+) \{ ([^}]*) ?\}")
_RECT = re.compile(
    r'<rect fill="(#\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="[\d.]+"'
)
_TEXT = re.compile(
    r'<text class="terminal-(r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>'
)


def small(svg: str) -> str:
    """Return the picture of a snapshot in a tenth of its bytes."""
    rects = _RECT.findall(svg)
    texts = [(name, float(x), float(y), html.unescape(t).replace("\xa0", " "))
             for name, x, y, t in _TEXT.findall(svg)]  # fmt: skip
    ground = max({fill for fill, *_ in rects}, key=[fill for fill, *_ in rects].count)
    width = max(float(x) + float(w) for _, x, _, w in rects)
    lines = max(round((y - SIZE) / LINE) for _, _, y, _ in texts) + 1
    styles = dict(_STYLE.findall(svg))
    used = sorted({name for name, _, _, text in texts if text.strip()}, key=lambda n: int(n[1:]))
    full = f"{_short(width + 2 * PAD)} {_short(lines * LINE + 2 * PAD)}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-PAD} {-PAD} {full}">',
        f"<style>text{{font:{SIZE}px monospace;white-space:pre}}",
        *(f".{name}{{{_css(styles[name])}}}" for name in used),
        "</style>",
        f'<rect x="{-PAD}" y="{-PAD}" width="100%" height="100%" fill="{ground}"/>',
        *(
            f'<rect x="{_short(float(x))}" y="{_short(float(y) - 1.5)}" width="{_short(float(w))}" '
            f'height="{LINE}" fill="{fill}"/>'
            for fill, x, y, w in rects
            if fill != ground and float(w)
        ),
    ]
    for name, x, y, text in texts:
        out += [_piece(name, x, y, at, part) for at, part in _pieces(text)]
    return "\n".join([*out, "</svg>"]) + "\n"


def _pieces(text: str) -> list[tuple[int, str]]:
    """Split where three blanks or more are: what stands behind them is placed by itself."""
    return [(found.start(), found[0]) for found in re.finditer(r"\S+(?: {1,2}\S+)*", text)]


def _piece(name: str, x: float, y: float, at: int, text: str) -> str:
    return (
        f'<text class="{name}" x="{_short(x + at * CELL)}" y="{_short(y - 2)}" '
        f'textLength="{_short(len(text) * CELL)}" xml:space="preserve">'
        f"{html.escape(text, quote=False)}</text>"
    )


def _css(style: str) -> str:
    return style.strip().replace(": ", ":").rstrip(";")


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def words(svg: str) -> str:
    """Return what a small picture says, for comparing."""
    return " ".join(html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg))


SNAPSHOTS = Path(__file__).resolve().parents[1] / "tui" / "__snapshots__" / "test_snapshots"
