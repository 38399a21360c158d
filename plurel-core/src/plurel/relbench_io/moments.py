"""Moments as numbers and as words: microseconds since 1970, ISO 8601, never a zone."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - RelBench's times carry no zone
_WIDEST = 1 << 63
_MICROSECOND = dt.timedelta(microseconds=1)


def microseconds(value: object) -> int:
    """Microseconds since 1970 of a moment without a zone.

    Args:
        value: a `date`, a `datetime` without a zone (a pandas timestamp is one), an ISO 8601 string or a
            number of microseconds.

    Raises:
        ValueError: for anything else, or for a moment with a zone.

    Example:
        >>> microseconds("1970-01-02")
        86400000000
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not -_WIDEST <= value < _WIDEST:
            raise ValueError(f"microseconds have 64 bits, got {value}")
        return value
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if not isinstance(value, dt.datetime) or value.tzinfo is not None:
        raise ValueError(f"expected a date without a zone, such as 2013-10-01, got {value!r}")
    return (value - _EPOCH) // _MICROSECOND


def iso(moment: int) -> str:
    """A moment in microseconds since 1970 as ISO 8601: a bare date at midnight.

    Example:
        >>> iso(86_400_000_000), iso(1)
        ('1970-01-02', '1970-01-01T00:00:00.000001')
    """
    value = _EPOCH + moment * _MICROSECOND
    return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
