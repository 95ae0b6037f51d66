"""Where configuration, database and logs are. Standard library only: `status` must start fast."""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import SettingsError

ENV_PREFIX = "PILOTHOUSE_"
ENV_CONFIG = "PILOTHOUSE_CONFIG"
DATABASE = "pilothouse.db"
LOG = "pilothouse.log"


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user's database and logs."""
    return _user_folder(env, "XDG_STATE_HOME", ".local/state")


def config_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user's own config.toml."""
    return _user_folder(env, "XDG_CONFIG_HOME", ".config")


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what can be worked out again."""
    return _user_folder(env, "XDG_CACHE_HOME", ".cache")


def _user_folder(env: Mapping[str, str], variable: str, otherwise: str) -> Path:
    base = env.get(variable, "")
    return (Path(base) if base else Path.home() / otherwise) / "pilothouse"


def config_files(
    named: Path | None, env: Mapping[str, str] = os.environ, here: Path | None = None
) -> list[Path]:
    """Return the files to read, the strongest first; SettingsError if a named one is missing."""
    found: list[Path] = []
    chosen = named or (Path(env[ENV_CONFIG]) if env.get(ENV_CONFIG) else None)
    if chosen is not None:
        if not _is_file(chosen):
            by = "--config" if named else f"env {ENV_CONFIG}"
            why = "a folder, a file is needed" if chosen.is_dir() else "no such file"
            raise SettingsError(f"{by} = {chosen}: {why}")
        found.append(chosen)
    for folder in (here or Path.cwd(), config_folder(env)):
        path = folder / "config.toml"
        if _is_file(path) and all(not path.samefile(other) for other in found):
            found.append(path)
    return found


def _is_file(path: Path) -> bool:
    """Say whether there is something to read; SettingsError where that cannot be told."""
    try:
        return path.exists() and not path.is_dir()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's tables, numbers with a point as Decimal; SettingsError names the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def beside(path: Path, file: Path) -> Path:
    """Return a path written in a file: `~` is the home folder, relative is beside the file."""
    return file.absolute().parent / path.expanduser()


def database(
    flag: Path | None,
    named: Path | None,
    env: Mapping[str, str] = os.environ,
    here: Path | None = None,
) -> Path:
    """Return the database that the settings mean, without checking any other key."""
    return flag or _path("storage", named, env, here) or state_folder(env) / DATABASE


def log_file(
    named: Path | None = None, env: Mapping[str, str] = os.environ, here: Path | None = None
) -> Path:
    """Return the log file that the settings mean, without checking any other key."""
    return _path("log", named, env, here) or state_folder(env) / LOG


def _path(
    section: str, named: Path | None, env: Mapping[str, str], here: Path | None
) -> Path | None:
    """Return `[section] path` of the strongest origin that has one."""
    if text := env.get(f"{ENV_PREFIX}{section.upper()}__PATH"):
        return Path(text).expanduser()
    for file in config_files(named, env, here):
        table = read_toml(file).get(section, {})
        path = table.get("path") if isinstance(table, dict) else None
        if isinstance(path, str) and path:
            return beside(Path(path), file)
    return None
