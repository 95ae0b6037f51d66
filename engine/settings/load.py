"""All origins together: one frozen Settings, or a SettingsError with every finding at once."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from engine.errors import SettingsError
from engine.settings.model import Settings
from engine.settings.places import config_files, read_toml
from engine.settings.relations import relations
from engine.settings.sources import (
    Flag,
    Given,
    Layer,
    from_dotenv,
    from_env,
    from_file,
    from_flags,
)
from engine.settings.strategies import resolve_strategies


def load(
    *,
    flags: Sequence[Flag] = (),
    named: Path | None = None,
    env: Mapping[str, str] = os.environ,
    here: Path | None = None,
    today: date | None = None,
) -> Settings:
    """Return the settings in force; SettingsError lists what is wrong in all origins.

    flags: keys without a point belong to the only strategy chosen. named: the file of
    `--config`. here: the folder of ./config.toml and .env. today: no range may end later.
    """
    folder = here or Path.cwd()
    dotenv, findings = from_dotenv(folder, Settings)
    files, unreadable = _files(named, env, folder)
    layers = [Layer(Settings, given) for given in (from_env(env, Settings), dotenv, *files)]
    layers.insert(0, _flag_layer(flags, layers))
    findings += unreadable
    for layer in layers:
        findings += layer.findings
    given = {key: one for layer in reversed(layers) for key, one in layer.accepted.items()}
    settings = Settings.of(layers)
    origins = {key: one.origin for key, one in given.items()}
    names = {key: one.name for key, one in given.items()}
    settings.adopt(origins, {})
    findings += relations(settings, names, today)
    resolved, more = resolve_strategies(settings, names)
    findings += more
    settings.adopt(origins, resolved)
    if findings:
        raise SettingsError(findings)
    return settings


def _files(
    named: Path | None, env: Mapping[str, str], folder: Path
) -> tuple[list[list[Given]], list[str]]:
    """Return the values of every file, the strongest first, and what could not be read."""
    try:
        paths = config_files(named, env, folder)
    except SettingsError as error:
        return [], list(error.findings)
    given: list[list[Given]] = []
    findings: list[str] = []
    for path in paths:
        try:
            given.append(from_file(path, read_toml(path), Settings))
        except SettingsError as error:
            findings += error.findings
    return given, findings


def _flag_layer(flags: Sequence[Flag], weaker: Sequence[Layer]) -> Layer:
    """Return the command line's layer; keys without a point go to the only strategy chosen."""
    layer = Layer(Settings, from_flags([flag for flag in flags if "." in flag.key], Settings))
    bare = [flag for flag in flags if "." not in flag.key]
    if not bare:
        return layer
    chosen = Settings.of([layer, *weaker]).run.strategy
    if len(chosen) == 1:
        owned = [flag._replace(key=f"{chosen[0]}.{flag.key}") for flag in bare]
        flags = [flag for flag in flags if "." in flag.key] + owned
        return Layer(Settings, from_flags(flags, Settings))
    layer.findings += [
        f"{flag.name} = {flag.text}: with several strategies say which one,"
        f" for example {chosen[0]}.{flag.key}"
        for flag in bare
    ]
    return layer
