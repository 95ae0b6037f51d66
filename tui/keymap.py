"""Own keys: `[screen.keys]` maps an action to its keys. Checked whole before anything starts.

Only a checked and complete map reaches the library, which by itself drops misspelt and
clashing actions in silence.
"""

from collections.abc import Iterator, Mapping

from textual.keys import Keys, _character_to_key

from engine.errors import SettingsError
from tui.actions import ACTIONS, Act, Action, binding_id

RESERVED = frozenset(
    {"enter", "escape", "y", "n", "ctrl+c", "ctrl+z", *"0123456789"}
)  # fmt: skip
STOP_KEYS = ("ctrl+k", "ctrl+g", "ctrl+x", "f8")
MOVEMENT = frozenset("GHJKLN")

_NAMES = {each.value for each in Keys}


def checked(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return binding id → keys as the library takes them; SettingsError names every finding."""
    findings: list[str] = []
    keymap: dict[str, str] = {}
    chosen: dict[Action, tuple[str, ...]] = {}
    for name, text in wanted.items():
        actions = named(name)
        keys = tuple(_key(part) for part in text.split(",") if part.strip())
        if not actions:
            findings.append(f"screen.keys.{name}: no such action; see the help (?) for their names")
            continue
        if len(actions) > 1:
            places = ", ".join(f"{a.context}.{name}" for a in actions)
            findings.append(f"screen.keys.{name}: in several places, say which: {places}")
            continue
        findings += [f"screen.keys.{name} = {text!r}: {why}" for why in _wrong(actions[0], keys)]
        chosen[actions[0]] = keys
        keymap[binding_id(actions[0])] = ",".join(keys)
    findings += dict.fromkeys(_clashes(chosen))
    if findings:
        raise SettingsError(findings)
    return keymap


def named(name: str) -> list[Action]:
    """Return the actions of a name: `cancel`, or with its place `orders.cancel`, `pane.orders`."""
    return [
        action
        for action in ACTIONS
        if name in (binding_id(action), _short(action), f"{action.context}.{_short(action)}")
    ]


def _short(action: Action) -> str:
    return binding_id(action).removeprefix(f"{action.context}.")


def _key(text: str) -> str:
    """Return a key as the library names it: `/` is slash."""
    text = text.strip()
    return _character_to_key(text) if len(text) == 1 and not text.isalnum() else text


def _is_key(key: str) -> bool:
    last = key.rsplit("+", 1)[-1]
    known = len(last) == 1 and last.isalnum() and last.isascii()
    return bool(key) and (known or key in _NAMES or last in _NAMES or _is_sign(last))


def _is_sign(name: str) -> bool:
    return any(_character_to_key(chr(n)) == name for n in range(33, 127) if not chr(n).isalnum())


def _wrong(action: Action, keys: tuple[str, ...]) -> Iterator[str]:
    if not keys:
        if action.act is Act.PROTECT:
            yield "an action that protects needs a key"
        return
    for key in keys:
        if not _is_key(key):
            yield f"{key} is no key"
        elif action.id == "halt":
            if key not in STOP_KEYS:
                yield f"the stop key may be {', '.join(STOP_KEYS)}"
        elif key in RESERVED or key in STOP_KEYS[:1]:
            yield f"{key} is reserved"
        elif action.act in (Act.MARKET, Act.ENGINE) and not _is_deliberate(key):
            yield f"{key}: what trades takes a ctrl chord or an uppercase letter but G H J K L N"


def _is_deliberate(key: str) -> bool:
    if key.startswith("ctrl+"):
        return True
    return len(key) == 1 and key.isupper() and key not in MOVEMENT


def _clashes(chosen: Mapping[Action, tuple[str, ...]]) -> Iterator[str]:
    """Name every key that means two things in one place."""
    for context in dict.fromkeys(action.context for action in ACTIONS):
        taken: dict[str, Action] = {}
        for action in ACTIONS:
            if action.context not in (context, "app", "table"):
                continue
            for key in chosen.get(action, action.keys):
                other = taken.setdefault(key, action)
                own = action in chosen or other in chosen
                if other is not action and own and context in (action.context, other.context):
                    yield (
                        f"screen.keys: {key} would mean {binding_id(other)} and "
                        f"{binding_id(action)} in {context}"
                    )
