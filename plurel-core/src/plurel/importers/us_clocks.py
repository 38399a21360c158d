"""Moments from wall clocks at airports of the United States in 2013.

The rule is written out (daylight saving time from March 10 to November 3 at two o'clock) rather than asked
of a time zone database, which many a small machine lacks. Not here: other years and countries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

DST_STARTS = "2013-03-10T02:00"
"""Standard wall clock at which daylight saving time starts."""
DST_ENDS = "2013-11-03T01:00"
"""Standard wall clock at which it ends: two o'clock by the clock that still runs ahead."""


def ahead_of_utc(moments: pd.Series, zone: pd.Series, saves: pd.Series) -> pd.Series:
    """By how much wall clocks are ahead of UTC.

    Args:
        moments: moments in UTC, `[rows] datetime64`; missing ones give the standard offset.
        zone: hours by which standard time is ahead of UTC, `[rows]`.
        saves: whether the place keeps daylight saving time, `[rows] bool`.

    Returns:
        `[rows] timedelta64`.
    """
    import pandas as pd

    standard = moments + pd.to_timedelta(zone, unit="h")
    summer = saves & (standard >= DST_STARTS) & (standard < DST_ENDS)
    return pd.to_timedelta(zone + summer.astype("int64"), unit="h")


def minutes_of_day(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of clock times written HHMM; 2400 is the midnight that ends the day.

    Args:
        clock: `[rows]` numbers such as 517 or 2400.

    Example:
        >>> import pandas as pd
        >>> minutes_of_day(pd.Series([517, 2400])).tolist()
        [317, 1440]
    """
    return clock // 100 * 60 + clock % 100


def arrivals(
    departed: pd.Series, clock: pd.Series, ahead: pd.Series, at_least: pd.Series
) -> pd.Series[pd.Timestamp]:
    """When flights arrived, from the clock at their destination.

    The clock has no date: an arrival is the first moment with this clock time that lies far enough behind
    the departure.

    Args:
        departed: actual departures in UTC, `[rows] datetime64`.
        clock: arrival by the destination's clock, HHMM.
        ahead: by how much that clock is ahead of UTC, `[rows] timedelta64`.
        at_least: minutes that the journey took at least; missing where the arrival is not wanted.

    Returns:
        Arrivals in UTC, `[rows] datetime64`, missing where any part is.
    """
    import numpy as np
    import pandas as pd

    midnight = (departed + ahead).dt.normalize()
    arrived: pd.Series[pd.Timestamp] = midnight + pd.to_timedelta(minutes_of_day(clock), unit="min") - ahead
    earliest = departed + pd.to_timedelta(at_least, unit="min")
    days = np.ceil(np.maximum((earliest - arrived).dt.total_seconds(), 0) / 86_400)
    arrived = arrived + pd.to_timedelta(days, unit="D")
    return arrived.where(earliest.notna())
