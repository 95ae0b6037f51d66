"""What a value is made by: a frozen dataclass, where thousands of them are made a second.

The type checker refuses to change one, as with `frozen=True`; while running nothing does, and
making one costs a third: a frozen dataclass sets every field through a call.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def value(kind: type[T]) -> type[T]:
    """Return the class as a dataclass with slots and keywords, which nobody changes."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)
