"""What a check of ``graphrec doctor`` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: What was looked at.
        status: ok; warn: something is limited; fail: something will not work.
        found: What is there.
        meaning: What follows from it, or "" where all is well.
        remedy: What to do about it, or "".
    """

    name: str
    status: Status
    found: str
    meaning: str = ""
    remedy: str = ""
