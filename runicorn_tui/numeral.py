"""A number as text that is never cut: where there is less room it has fewer digits."""

from __future__ import annotations

import math
from decimal import Decimal

_MOST_DIGITS = 17
"""So many tell any two floats apart."""


class Numeral(str):
    """A finite number, as it is written where there is room for all of it; thousands may stand apart by commas."""

    __slots__ = ()

    def within(self, width: int) -> str:
        """At most `width` cells: as many digits as fit, the exponent among them, or only an ellipsis."""
        if len(self) <= width:
            return self
        digits = self.replace(",", "")
        # Whole numbers may be longer than any float.
        number = value if math.isfinite(value := float(digits)) else Decimal(digits)
        for count in range(min(width, _MOST_DIGITS), 0, -1):
            written = f"{number:.{count}g}"
            for shown in (written, _terse(written)):
                if len(shown) <= width:
                    return shown
        return "…" if width else ""


def _terse(written: str) -> str:
    """The same with an exponent of no more characters than it needs: 1e-06 -> 1e-6, 1e+21 -> 1e21."""
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else written
