"""Calendar months of business days, and from when one may be closed."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError

_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month of business days (T1), named by its first."""

    first: date

    @property
    def days(self) -> DayRange:
        """All its days."""
        following = (self.first + timedelta(days=31)).replace(day=1)
        return DayRange(self.first, following - timedelta(days=1))

    def closable_from(self, grace_days: int) -> date:
        """The first day on which it may be closed: its last is over, and ``grace_days`` more for late facts."""
        return self.days.last + timedelta(days=1 + grace_days)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def month_of(days: DayRange) -> Month | None:
    """The month that the range is, from its first to its last day."""
    month = Month(days.first.replace(day=1))
    return month if month.days == days else None


def parse_month(text: str) -> Month:
    """The month written ``YYYY-MM``. Raises UserError."""
    written = _MONTH.fullmatch(text)
    try:
        return Month(date(int(written[1]), int(written[2]), 1))  # type: ignore[index]
    except (TypeError, ValueError) as problem:
        raise UserError(f"--month {text!r} is not a month: write it as YYYY-MM.") from problem
