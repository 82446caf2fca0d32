"""What a history says a learner has taken and holds."""

from __future__ import annotations

from path_checker import World

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import (
    ASSESSED,
    ENROLMENTS_COUNT,
    FROM_COMPLETION,
    learner_state,
    with_completed,
)
from graphrec.recommend.skill_gap import skill_gap

WORLD = World(
    courses={"a": {"hours": 3.0}, "b": {"hours": 1.0}, "x": {"hidden": True}},
    skills=["s", "t"],
    teaches={"a": {"s": 1.0}, "b": {"s": 3.0, "t": None}, "x": {"s": 3.0}},
    needs={"r": {"s": (2.0, False), "t": (None, None)}},
)
CATALOGUE = Catalogue.from_tables(WORLD.tables())


def _row(course: str, kind: str, at: int | None = None) -> dict[str, object]:
    return {"course_id": course, "type": kind, "at": at, "seq": None}


def test_completions_are_held_and_enrolments_are_not() -> None:
    state = learner_state([_row("a", "completed"), _row("b", "enrolled")], CATALOGUE, True)
    assert state.completed == {"a"}
    assert state.enrolled == {"b"}
    assert dict(state.mastered) == {"s": 1.0}
    assert state.confidence["s"] == FROM_COMPLETION
    assert not state.warnings


def test_without_any_completion_in_the_data_enrolments_count() -> None:
    state = learner_state([_row("b", "enrolled"), _row("a", "viewed")], CATALOGUE, False)
    assert state.completed == {"b"}
    assert not state.enrolled
    assert set(state.mastered) == {"s", "t"}
    assert state.warnings == (ENROLMENTS_COUNT,)


def test_a_dropped_course_is_not_taken_unless_enrolled_again() -> None:
    dropped = [_row("a", "enrolled", 1), _row("a", "dropped", 2)]
    assert not learner_state(dropped, CATALOGUE, True).enrolled
    again = learner_state([*dropped, _row("a", "enrolled", 3)], CATALOGUE, True)
    assert again.enrolled == {"a"}


def test_levels_only_rise_and_an_unknown_one_is_enough() -> None:
    state = learner_state(
        [_row("b", "completed"), _row("a", "completed")],
        CATALOGUE,
        True,
        [{"skill_id": "s", "level": 2.0}],
    )
    assert state.mastered["s"] == 3.0
    assert state.confidence["s"] == ASSESSED
    assert state.holds("t", 9.0)
    assert not state.holds("s", 4.0)


def test_the_skill_gap_names_levels_and_courses() -> None:
    state = with_completed(learner_state([], CATALOGUE, True), ["a"], CATALOGUE, 1.0)
    first, second = skill_gap(state, "r", CATALOGUE)
    assert (first.skill_id, first.essential, first.gap) == ("t", True, None)
    assert (second.skill_id, second.essential, second.gap, second.held_level) == (
        "s",
        False,
        1.0,
        1.0,
    )
    assert [course.course_id for course in second.courses] == ["b"]
    done = with_completed(state, ["b"], CATALOGUE, 1.0)
    assert skill_gap(done, "r", CATALOGUE) == []
