"""What a Parquet file's footer says: its rows and its schema. Not here: cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from plurel.errors import DatabaseError

if TYPE_CHECKING:
    import pyarrow as pa


@frozen(eq=False)
class Footer:
    """The footer of a Parquet file.

    Attributes:
        rows: number of rows.
        schema: Arrow's schema, with the file's own metadata.
    """

    rows: int
    schema: pa.Schema


def read_footer(file: Path) -> Footer:
    """Read the footer of a Parquet file.

    Raises:
        DatabaseError: where it is not there, or is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(file)
        return Footer(int(metadata.num_rows), metadata.schema.to_arrow_schema())
    except FileNotFoundError as error:
        raise DatabaseError(f"{file} is missing") from error
    except (OSError, pa.ArrowException) as error:
        words = " ".join(str(error).split())
        raise DatabaseError(f"{file} is no Parquet file that can be read: {words}") from error
