"""Colors by meaning. Blue and orange stay apart with red-green weakness.

The style sheet names variables only; here each theme gives them a value. Words and signs come
first: without any color every line says the same.
"""

from textual.theme import BUILTIN_THEMES, Theme

Variables = dict[str, str]

_DARK: Variables = {
    "ink": "#D8DEE4",
    "ground": "#0E1116",
    "raised": "#171C24",
    "gain": "#56B4E9",
    "loss": "#E69F00",
    "danger-ink": "#000000",
    "danger-ground": "#D55E00",
    "warn": "#F0E442",
    "stale": "#7A8490",
    "quiet": "#8B95A1",
    "head": "#9FB3C8",
    "key": "#FFFFFF",
    "title-ink": "#C9D4E0",
    "title-ground": "#1F2733",
    "titled-ink": "#0E1116",
    "titled-ground": "#7FA7CC",
    "cursor-ink": "#FFFFFF",
    "cursor-ground": "#27496B",
    "bar-ground": "#171C24",
    "loss-style": "none",
    "warn-style": "none",
    "danger-style": "bold",
    "stale-style": "none",
    "titled-style": "bold",
    "cursor-style": "none",
    "title-style": "bold",
    "head-style": "none",
}

_LIGHT: Variables = {
    **_DARK,
    "ink": "#1C2430",
    "ground": "#FBFCFD",
    "raised": "#EEF1F5",
    "gain": "#005A8C",
    "loss": "#8A5A00",
    "danger-ink": "#FFFFFF",
    "danger-ground": "#B34A00",
    "warn": "#7A6A00",
    "stale": "#8A93A0",
    "quiet": "#66707D",
    "head": "#4A5A6D",
    "key": "#000000",
    "title-ink": "#1C2430",
    "title-ground": "#DDE4EC",
    "titled-ink": "#FFFFFF",
    "titled-ground": "#2F6496",
    "cursor-ink": "#000000",
    "cursor-ground": "#BBD6EF",
    "bar-ground": "#EEF1F5",
}

_CONTRAST: Variables = {
    **_DARK,
    "ink": "#FFFFFF",
    "ground": "#000000",
    "raised": "#000000",
    "gain": "#7FD0FF",
    "loss": "#FFB627",
    "danger-ground": "#FF7A1A",
    "stale": "#B0B0B0",
    "quiet": "#C8C8C8",
    "head": "#FFFFFF",
    "title-ink": "#FFFFFF",
    "title-ground": "#303030",
    "titled-ink": "#000000",
    "titled-ground": "#FFFFFF",
    "cursor-ground": "#0050A0",
    "bar-ground": "#202020",
}

_CLASSIC: Variables = {**_DARK, "gain": "#5FD787", "loss": "#FF6B6B"}

_ANSI: Variables = {
    "ink": "ansi_default",
    "ground": "ansi_default",
    "raised": "ansi_default",
    "gain": "ansi_bright_cyan",
    "loss": "ansi_bright_yellow",
    "danger-ink": "ansi_bright_red",
    "danger-ground": "ansi_default",
    "warn": "ansi_yellow",
    "stale": "ansi_default",
    "quiet": "ansi_default",
    "head": "ansi_default",
    "key": "ansi_default",
    "title-ink": "ansi_default",
    "title-ground": "ansi_default",
    "titled-ink": "ansi_default",
    "titled-ground": "ansi_default",
    "cursor-ink": "ansi_default",
    "cursor-ground": "ansi_default",
    "bar-ground": "ansi_default",
    "loss-style": "bold",
    "warn-style": "underline",
    "danger-style": "reverse",
    "stale-style": "dim",
    "titled-style": "reverse",
    "cursor-style": "reverse",
    "title-style": "bold",
    "head-style": "underline",
}

_BY_NAME = {
    "dark": _DARK,
    "light": _LIGHT,
    "high-contrast": _CONTRAST,
    "classic": _CLASSIC,
    "ansi": _ANSI,
}

DEFAULTS = _DARK


def themes() -> list[Theme]:
    """Return every theme there is."""
    library = BUILTIN_THEMES["ansi-dark"].variables  # its own rules need them
    return [
        Theme(
            name=f"pilothouse-{name}",
            primary=variables["gain"],
            foreground=variables["ink"],
            background=variables["ground"],
            surface=variables["ground"],
            panel=variables["raised"],
            dark=name != "light",
            ansi=name == "ansi",
            variables={**library, **variables} if name == "ansi" else variables,
        )
        for name, variables in _BY_NAME.items()
    ]


def theme_name(wanted: str, color: str, environ: dict[str, str]) -> str:
    """Return the theme to use: below 256 colors, and without any, the terminal's own."""
    term = environ.get("TERM", "")
    many = "256color" in term or environ.get("COLORTERM", "") in ("truecolor", "24bit")
    few = color in ("16", "none") or (color == "auto" and not many)
    if few or "NO_COLOR" in environ or wanted == "ansi":
        return "pilothouse-ansi"
    return f"pilothouse-{wanted}"
