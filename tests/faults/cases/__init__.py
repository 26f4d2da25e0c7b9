"""The faults as tables: what the server does, what is asked, and what must come of it."""

from __future__ import annotations

from . import bodies, retries, streams, vectors, wire
from ._case import Case

CASES: tuple[Case, ...] = tuple(case for table in (retries, wire, bodies, streams, vectors) for case in table.cases())
"""Every case, in the order of the catalogue within each table."""

__all__ = ["CASES", "Case"]
