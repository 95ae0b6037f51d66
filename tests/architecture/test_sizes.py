"""Modules and functions stay small enough to be read in one sitting."""

from tests.architecture.sources import functions, length, modules, name, tree

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 600


def test_no_function_is_longer_than_seventy_lines() -> None:
    long = [
        f"{name(path)}:{function.lineno} {function.name} has {length(function)} lines"
        for path in modules()
        for function in functions(tree(path))
        if length(function) > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_no_module_is_longer_than_six_hundred_lines() -> None:
    counts = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    long = [f"{path} has {n} lines" for path, n in counts.items() if n > MODULE_LINES_MAX]
    assert not long, "\n".join(long)
