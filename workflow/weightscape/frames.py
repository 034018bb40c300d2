"""The types of tables: pandas at run time, free to the type checker.

pandas declares every selection as a union of unrelated types, which no code can satisfy without casts.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Table = Column = Any
else:
    from pandas import DataFrame as Table
    from pandas import Series as Column

__all__ = ["Column", "Table"]
