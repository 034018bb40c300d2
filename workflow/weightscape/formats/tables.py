"""Reads and writes tables as parquet and csv files, whole or not at all.

`Table` and `Column` are pandas' types at run time and free to the type checker: pandas declares every selection as a
union of unrelated types, which no code can satisfy without casts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightscape.errors import UserError
from weightscape.formats.writing import replacing

if TYPE_CHECKING:
    import numpy as np

    Table = Column = Any
else:
    from pandas import DataFrame as Table
    from pandas import Series as Column


__all__ = ["Column", "Table"]


def write_table(path: Path | str, table: Any) -> None:
    """Write a table by its ending: .parquet, or .csv (17 significant digits, so that it reads back equal)."""
    path = Path(path)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            check_parquet()
            table.to_parquet(temporary, index=False)
        elif path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            raise UserError(f"{path} must end in .parquet or .csv, not in {path.suffix!r}")


def check_parquet() -> None:
    """Import what reads and writes parquet; pandas tells of its absence in a paragraph without its name."""
    import pyarrow  # noqa: F401


def read_columns(path: Path | str) -> "dict[str, np.ndarray]":
    """Read a parquet table as arrays by column, without pandas, whose import takes half a second."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        raise UserError(f"{path} is not a whole parquet table ({error}): delete it and make it again") from None
    return {name: _values(table[name]) for name in table.column_names}


def _values(column: Any) -> "np.ndarray":
    """A column as an array: its buffers where it is of numbers without gaps, for pyarrow's own way imports pandas."""
    import numpy as np
    import pyarrow

    kind, chunks = column.type, column.chunks
    plain = pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)
    if not plain or column.null_count:
        return np.array(column.to_pylist(), dtype=object if pyarrow.types.is_string(kind) else None)
    parts = [np.frombuffer(c.buffers()[1], kind.to_pandas_dtype())[c.offset : c.offset + len(c)] for c in chunks]
    return np.concatenate([np.empty(0, kind.to_pandas_dtype()), *parts])


def write_rows(path: Path | str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as a parquet table, without pandas."""
    import pyarrow
    import pyarrow.parquet

    with replacing(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)


def read_table(path: Path | str) -> Any:
    """Read a parquet table."""
    import pandas as pd

    check_parquet()
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except Exception as error:  # pandas and pyarrow raise errors of many kinds at broken bytes
        raise UserError(f"{path} is not a whole parquet table ({error}): delete it and make it again") from None
