"""What differs between two plans, and how alike they are."""

from __future__ import annotations

import pytest

from graphrec.recommend.path_compare import compare_paths
from graphrec.recommend.path_schemas import PathCourse, PathResponse, PathStep, Unreachable


def _path(
    *steps: str, finish_at: str | None = None, hours: float = 10, missed: str = ""
) -> PathResponse:
    return PathResponse(
        path_id="x",
        steps=[
            PathStep(
                order=n,
                courses=[
                    PathCourse(course_id=c, title=None, hours=1, skills_gained=[], reasons=[])
                    for c in courses
                ],
            )
            for n, courses in enumerate(steps, start=1)
        ],
        total_hours=None,
        estimated_hours=hours,
        finish_at=finish_at,
        unreachable=[Unreachable(target=t, why="-", kind="skill") for t in missed],
        complete=not missed,
        relaxed=[],
    )


def test_the_same_plan_differs_in_nothing() -> None:
    path = _path("ab", "c", finish_at="2027-01-31")
    found = compare_paths(path, path)
    assert (found.added, found.removed, found.moved) == ([], [], [])
    assert (found.hours, found.finish_days) == (0, 0)
    assert (found.overlap, found.order_agreement) == (1, 1)


def test_courses_come_go_and_move() -> None:
    before = _path("a", "b", "c", finish_at="2027-01-31", hours=12.5, missed="xy")
    after = _path("c", "b", "d", finish_at="2027-03-01", hours=10, missed="yz")
    found = compare_paths(before, after)
    assert (found.added, found.removed) == (["d"], ["a"])
    assert [(m.course_id, m.from_step, m.to_step) for m in found.moved] == [
        ("c", 3, 1),
        ("b", 2, 2),
    ]
    assert (found.hours, found.finish_days) == (-2.5, 29)
    assert (found.newly_reached, found.no_longer_reached) == (["x"], ["z"])
    assert found.overlap == pytest.approx(2 / 4)
    assert found.order_agreement == 0


def test_what_is_done_moves_nothing() -> None:
    found = compare_paths(_path("a", "bc", "d"), _path("bc", "d"))
    assert (found.removed, found.moved, found.order_agreement) == (["a"], [], 1)


def test_sharing_a_step_is_an_order_of_its_own() -> None:
    assert compare_paths(_path("a", "b"), _path("ab")).order_agreement == 0


def test_plans_without_courses_are_alike() -> None:
    found = compare_paths(_path(), _path())
    assert (found.overlap, found.order_agreement, found.finish_days) == (1, 1, None)
