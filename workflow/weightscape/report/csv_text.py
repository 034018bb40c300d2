"""A table as csv text, as stage 6 writes it: lists in cells, which parquet gives back as arrays, are lists again."""

import numpy as np

from weightscape.formats.tables import Table


def csv_text(table: Table) -> str:
    """The table as csv; numbers keep all their digits."""
    lists = [name for name in table if table[name].map(lambda value: isinstance(value, np.ndarray)).any()]
    plain = {
        name: [value.tolist() if isinstance(value, np.ndarray) else value for value in table[name]] for name in lists
    }
    return table.assign(**plain).to_csv(index=False)
