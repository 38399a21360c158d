"""The values of ten databases of the published prior, to the last bit, for every vector path of this machine.

Any machine with fused multiply-add must reproduce them: whatever is drawn or computed on the way to a value
is the kernel's, or one of numpy's operations that IEEE arithmetic fixes. Where a change alters them on
purpose, the failing assertion shows the new digests, and what draws other values needs a higher revision.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from plurel import Config, SyntheticDataset
from plurel_scm import _kernel

SMALL = Config.preset("plurel-1.1").with_set(
    [
        "database_params.num_tables_choices=4",
        "database_params.num_rows_entity_table_choices=70",
        "database_params.num_rows_activity_table_choices=150",
        "database_params.num_cols_choices={kind: range, value: [3, 8]}",
    ]
)
DIGESTS = (
    "9581e15871fe6f10 21b31b5f4046c2ab a26553475400f1e1 5dc32795434b03f7 9bf67698fac72899 "
    "a86c2d7768b9765e e46fad3c6c2b2c8c 1d064c3259ea16a8 b839c66adafba2ba 221b7421ec595fdd"
)


def plain(values: pd.Series) -> np.ndarray:
    """A column's values in a type and byte order that every machine has; all missing numbers are the same."""
    if pd.api.types.is_bool_dtype(values):
        return values.to_numpy("u1")
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.to_numpy("datetime64[us]").astype("<i8")
    if pd.api.types.is_float_dtype(values):
        numbers = values.to_numpy("<f8")
        return np.where(np.isnan(numbers), np.nan, numbers)
    return values.to_numpy("<i8")


def digest(seed: int) -> str:
    """What stands in a database: names of tables and columns, and all values."""
    found = hashlib.sha256()
    for name, table in sorted(SyntheticDataset(seed, SMALL).make_db().table_dict.items()):
        for column in table.df.columns:
            found.update(f"{name}.{column}\n".encode())
            found.update(np.ascontiguousarray(plain(table.df[column])).tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize("path", _kernel.paths())
def test_ten_databases_have_the_values_they_have_on_every_machine(path, monkeypatch):
    monkeypatch.setenv("PLUREL_KERNEL", path)
    assert " ".join(digest(seed) for seed in range(10)) == DIGESTS
