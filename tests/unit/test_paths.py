"""Learning paths on worlds small enough to know the one right answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from path_checker import Judge, World

from graphrec.errors import ParameterError, UnknownIdError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import ANONYMOUS, LearnerState
from graphrec.recommend.path_goals import Attainment, Goal, universe_for
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.path_select import Selection, select
from graphrec.recommend.paths import plan

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _world(
    hours: dict[str, float | None],
    teaches: dict[str, str] | None = None,
    requires: list[tuple[str, str, str | None]] | None = None,
    before: set[tuple[str, str]] | None = None,
    **more: Any,
) -> World:
    """Courses with hours; what each teaches as letters, one a skill."""
    taught = {c: dict.fromkeys(letters) for c, letters in (teaches or {}).items()}
    skills = sorted({s for letters in taught.values() for s in letters} | more.pop("extra", set()))
    facts = {c: {"hours": h} for c, h in hours.items()}
    return World(facts, skills, taught, requires or [], before or set(), **more)


def _plan(
    world: World, request: dict[str, Any], state: LearnerState = ANONYMOUS, **more: Any
) -> PathResponse:
    answer = plan(
        parse_request(request), Catalogue.from_tables(world.tables()), state, now=NOW, **more
    )
    if state is ANONYMOUS:
        Judge(world, request).check(answer.model_dump())
    return answer


def _steps(answer: PathResponse) -> list[list[str]]:
    return [[course.course_id for course in step.courses] for step in answer.steps]


def test_requires_lie_in_earlier_steps_and_siblings_share_one() -> None:
    world = _world({"a": 1, "b": 1, "c": 1, "d": 1}, requires=[("c", "a", None), ("c", "b", "")])
    answer = _plan(world, {"target": {"course_id": "c"}, "hours_per_week": 1})
    assert _steps(answer) == [["a", "b"], ["c"]]
    assert answer.total_hours == 3
    assert answer.finish_at == "2026-03-23"
    assert answer.steps[1].courses[0].reasons[0].code == "target_course"


def test_the_cheaper_alternative_is_taken_and_a_completed_one_is_enough() -> None:
    world = _world({"a": 3, "b": 2, "c": 1}, requires=[("c", "a", "x"), ("c", "b", "x")])
    assert _steps(_plan(world, {"target": {"course_id": "c"}})) == [["b"], ["c"]]
    done = {"target": {"course_id": "c"}, "completed": ["a"]}
    assert _steps(_plan(world, done)) == [["c"]]


def test_what_a_completed_course_required_is_not_asked_again() -> None:
    world = _world({"a": 1, "b": 1, "c": 1}, requires=[("b", "a", None), ("c", "b", None)])
    answer = _plan(world, {"target": {"course_id": "c"}, "completed": ["b"]})
    assert _steps(answer) == [["c"]]


def test_prerequisite_skills_come_first() -> None:
    world = _world({"a": 1, "b": 1}, {"a": "s", "b": "t"}, before={("t", "s")})
    assert _steps(_plan(world, {"target": {"skill_ids": ["t"]}})) == [["a"], ["b"]]
    assert _steps(_plan(world, {"target": {"course_id": "b"}})) == [["a"], ["b"]]
    held = {"target": {"skill_ids": ["t"]}, "mastered": ["s"]}
    assert _steps(_plan(world, held)) == [["b"]]


def test_skills_beside_the_target_bring_no_further_course() -> None:
    world = _world({"a": 1, "b": 1}, {"a": "su", "b": "v"}, before={("u", "v")})
    answer = _plan(world, {"target": {"skill_ids": ["s"]}})
    assert _steps(answer) == [["a"]]
    # u is taught as well, but what comes before it is not held: it is not claimed.
    assert [g.skill_id for g in answer.steps[0].courses[0].skills_gained] == ["s"]


def test_courses_that_need_each_other_share_a_step_and_it_is_said() -> None:
    world = _world({"a": 1, "b": 1}, {"a": "sv", "b": "tu"}, before={("s", "t"), ("u", "v")})
    answer = _plan(world, {"target": {"skill_ids": ["s", "u"]}})
    assert _steps(answer) == [["a", "b"]]
    assert answer.relaxed[0].courses == ["a", "b"]
    assert answer.relaxed[0].skills == ["s", "t", "u", "v"]


def test_of_equal_plans_the_one_that_relaxes_nothing() -> None:
    before = {("s", "t"), ("u", "v")}
    world = _world(
        {"a": 1, "b": 1, "y": 1, "z": 1},
        {"a": "sv", "b": "tu", "y": "tv", "z": "su"},
        before=before,
    )
    answer = _plan(world, {"target": {"skill_ids": ["s", "u"]}})
    assert _steps(answer) == [["y"], ["z"]]
    assert not answer.relaxed


def test_a_cycle_of_skills_is_gained_in_one_step() -> None:
    world = _world({"a": 1, "b": 1}, {"a": "s", "b": "t"}, before={("s", "t"), ("t", "s")})
    answer = _plan(world, {"target": {"skill_ids": ["s"]}})
    assert _steps(answer) == [["a", "b"]]
    assert answer.relaxed


def test_a_course_for_what_the_target_teaches_too_early_says_so() -> None:
    world = _world(
        {"target": 1, "basics": 1, "again": 1},
        {"target": "s", "basics": "p", "again": "s"},
        requires=[("basics", "target", None)],
        before={("s", "p")},
    )
    answer = _plan(world, {"target": {"course_id": "target"}})
    assert _steps(answer) == [["target"], ["basics"], ["again"]]
    (reason,) = answer.steps[2].courses[0].reasons
    assert (reason.code, reason.skill_id, reason.course_id) == ("taught_in_time", "s", "target")


def test_a_skill_that_requires_puts_too_early_is_gained_from_a_later_course() -> None:
    # a must precede b by REQUIRES, yet s of a needs t of b: only c can add s in time.
    requires = [("b", "a", None)]
    world = _world({"a": 1, "b": 1}, {"a": "s", "b": "t"}, requires, {("s", "t")})
    blocked = _plan(world, {"target": {"skill_ids": ["s"]}})
    assert not blocked.steps
    assert "REQUIRES puts" in blocked.unreachable[0].why
    world.courses["c"] = {"hours": 9}
    world.teaches["c"] = {"s": None}
    assert _steps(_plan(world, {"target": {"skill_ids": ["s"]}})) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("requires", "named"),
    [
        ([("c", "c", None)], ["c requires c", "cycle"]),
        ([("c", "a", None), ("a", "b", None), ("b", "a", None)], ["a", "b", "cycle"]),
    ],
)
def test_a_target_behind_a_cycle_names_it(
    requires: list[tuple[str, str, str | None]], named: list[str]
) -> None:
    world = _world({"a": 1, "b": 1, "c": 1}, requires=requires)
    answer = _plan(world, {"target": {"course_id": "c"}})
    assert not answer.steps
    assert not answer.complete
    assert answer.unreachable[0].target == "c"
    for word in named:
        assert word in answer.unreachable[0].why.replace("'", "")


def test_an_alternative_leads_around_a_cycle() -> None:
    requires = [("c", "a", "x"), ("c", "b", "x"), ("a", "a", None)]
    world = _world({"a": 1, "b": 5, "c": 1}, requires=requires)
    assert _steps(_plan(world, {"target": {"course_id": "c"}})) == [["b"], ["c"]]


def test_untaught_prerequisites_block_a_skill_but_not_a_course() -> None:
    world = _world({"a": 1}, {"a": "s"}, before={("s", "z")}, extra={"z"})
    blocked = _plan(world, {"target": {"skill_ids": ["s"]}})
    assert not blocked.steps
    assert "'z', which no course teaches" in blocked.unreachable[0].why
    course = _plan(world, {"target": {"course_id": "a"}})
    assert _steps(course) == [["a"]]
    assert course.complete
    assert any("'z', which no course teaches" in warning for warning in course.warnings)


@pytest.mark.parametrize(
    ("change", "request_more", "why"),
    [
        ({"hidden": True}, {}, "hidden"),
        ({}, {"exclude": ["a"]}, "excluded"),
        ({"language": "fr"}, {"language": "EN"}, "language 'en'"),
    ],
)
def test_barred_courses_block_and_are_named(
    change: dict[str, Any], request_more: dict[str, Any], why: str
) -> None:
    world = _world({"a": 1, "b": 1}, requires=[("b", "a", None)])
    world.courses["b"]["language"] = "en"
    world.courses["a"].update({"language": "en", **change})
    answer = _plan(world, {"target": {"course_id": "b"}, **request_more})
    assert not answer.steps
    assert why in answer.unreachable[0].why


def test_a_language_that_no_course_names_is_not_applied() -> None:
    answer = _plan(_world({"a": 1}), {"target": {"course_id": "a"}, "language": "en"})
    assert _steps(answer) == [["a"]]
    assert answer.warnings


def test_levels_of_a_role() -> None:
    world = _world({"a": 1, "b": 2, "c": 1}, extra={"s", "t"})
    world.teaches = {"a": {"s": 1.0}, "b": {"s": 2.0}, "c": {"t": None}}
    world.needs = {"r": {"s": (3.0, True), "t": (2.0, None)}}
    answer = _plan(world, {"target": {"role_id": "r"}})
    assert _steps(answer) == [["b", "c"]]
    assert not answer.complete
    assert "only to level 2 of 3" in answer.unreachable[0].why


def test_what_is_only_nice_to_have_does_not_make_a_role_incomplete() -> None:
    world = _world({"a": 1}, {"a": "s"}, extra={"z"})
    world.needs = {"r": {"s": (None, True), "z": (None, False)}}
    answer = _plan(world, {"target": {"role_id": "r"}})
    assert answer.complete
    assert [note.target for note in answer.unreachable] == ["z"]


def test_a_target_already_reached() -> None:
    world = _world({"a": 1}, {"a": "s"})
    for request in (
        {"target": {"course_id": "a"}, "completed": ["a"]},
        {"target": {"skill_ids": ["s"]}, "mastered": ["s"]},
        {"target": {"skill_ids": ["s"]}, "completed": ["a"]},
    ):
        answer = _plan(world, request)
        assert answer.complete
        assert not answer.steps
        assert not answer.unreachable
        assert answer.total_hours == 0


def test_budgets_keep_what_fits_and_name_the_bound() -> None:
    world = _world({"a": 2, "b": 5}, {"a": "s", "b": "t"})
    target = {"target": {"skill_ids": ["s", "t"]}}
    answer = _plan(world, {**target, "max_total_hours": 4})
    assert _steps(answer) == [["a"]]
    assert not answer.complete
    assert "3 over the 4 of max_total_hours" in answer.unreachable[0].why
    late = {**target, "hours_per_week": 2, "deadline": "2026-03-15", "start_at": "2026-03-02"}
    answer = _plan(world, late)
    assert _steps(answer) == [["a"]]
    assert "deadline 2026-03-15" in answer.unreachable[0].why
    assert answer.finish_at == "2026-03-09"
    course = _plan(world, {"target": {"course_id": "b"}, "max_total_hours": 4})
    assert not course.steps
    assert course.finish_at is None
    assert "5 hours" in course.unreachable[0].why


def test_many_goals_within_a_budget() -> None:
    letters = "abcdefghij"
    world = _world({c: float(i + 1) for i, c in enumerate(letters)}, {c: c for c in letters})
    answer = _plan(world, {"target": {"skill_ids": list(letters)}, "max_total_hours": 10})
    assert _steps(answer) == [["a", "b", "c", "d"]]
    assert len(answer.unreachable) == 6


def test_what_is_cheap_alone_gives_way_to_what_shares_a_course() -> None:
    world = _world({"a": 3, "b": 1, "x": 4, "z": 9}, {"a": "s", "b": "t", "x": "uvwy", "z": "r"})
    answer = _plan(world, {"target": {"skill_ids": list("rstuvwy")}, "max_total_hours": 5})
    assert _steps(answer) == [["b", "x"]]
    assert {note.target for note in answer.unreachable} == {"r", "s"}


def test_unknown_hours_are_said_to_be_unknown() -> None:
    world = _world({"a": None, "b": 4}, {"a": "s"})
    answer = _plan(world, {"target": {"skill_ids": ["s"]}, "hours_per_week": 2})
    assert answer.total_hours is None
    assert answer.estimated_hours == 4
    assert answer.finish_at is None


def test_a_course_in_progress_is_planned_only_where_nothing_else_will_do() -> None:
    world = _world({"a": 1, "b": 9, "c": 1}, requires=[("c", "a", "x"), ("c", "b", "x")])
    state = LearnerState(enrolled=frozenset({"a"}))
    request: dict[str, Any] = {"target": {"course_id": "c"}}
    assert _steps(_plan(world, request, state)) == [["b"], ["c"]]
    request["exclude"] = ["b"]
    answer = _plan(world, request, state)
    assert _steps(answer) == [["a"], ["c"]]
    assert answer.steps[0].courses[0].reasons[0].code == "in_progress"


def test_fit_breaks_ties_and_hours_come_first() -> None:
    world = _world({"a": 2, "b": 2, "c": 3}, dict.fromkeys("abc", "s"))
    target: dict[str, Any] = {"target": {"skill_ids": ["s"]}}
    assert _steps(_plan(world, target)) == [["a"]]
    fit = {"a": 0.1, "b": 0.5, "c": 0.9}
    answer = _plan(world, target, scorer=lambda ids: {c: fit[c] for c in ids})
    assert _steps(answer) == [["b"]]
    # Two plans of one request are two paths, whose requests are the same.
    other = _plan(world, target)
    assert answer.path_id != other.path_id
    assert answer.path_id[:10] == other.path_id[:10]


@pytest.mark.parametrize(
    ("hours", "teaches", "greedy"),
    [
        # The first greedy choice becomes superfluous, and is taken away again.
        ({"a": 3, "b": 4, "c": 4}, {"a": "stuv", "b": "stw", "c": "uvx"}, ["b", "c"]),
        # It does not, and only the search sees that another pair is cheaper.
        ({"a": 3, "b": 2.1, "c": 2.1}, {"a": "stu", "b": "st", "c": "uv"}, ["a", "c"]),
    ],
)
def test_the_search_betters_a_greedy_choice(
    hours: dict[str, float | None], teaches: dict[str, str], greedy: list[str]
) -> None:
    world = _world(hours, teaches)
    catalogue = Catalogue.from_tables(world.tables())
    rules, goals = Rules(catalogue, ANONYMOUS), [Goal(s) for s in world.skills]
    universe = universe_for(rules, goals, [], None)
    cover = Attainment(rules, universe, goals).cover(goals)
    for effort, expected in ((0, greedy), (10_000, ["b", "c"])):
        found = select(cover, effort=effort)
        assert isinstance(found, Selection)
        assert universe.names(found.courses) == expected


@pytest.mark.parametrize(
    ("request_", "error", "where"),
    [
        ({"target": {"course_id": "?"}}, UnknownIdError, "target.course_id"),
        ({"target": {"role_id": "?"}}, UnknownIdError, "target.role_id"),
        ({"target": {"skill_ids": ["s", "?"]}}, UnknownIdError, "target.skill_ids"),
        ({"target": {}}, ParameterError, "target"),
        ({"target": {"course_id": "a", "role_id": "b"}}, ParameterError, "target"),
        ({"target": {"skill_ids": []}}, ParameterError, "target"),
        ({}, ParameterError, "target"),
        ([], ParameterError, "request"),
        ({"target": {"course_id": "a"}, "foo": 1}, ParameterError, "foo"),
        ({"target": {"course_id": "a", "x": 1}}, ParameterError, "target.x"),
        (
            {"target": {"course_id": "a"}, "hours_per_week": 0},
            ParameterError,
            "hours_per_week",
        ),
        ({"target": {"course_id": "a"}, "deadline": "soon"}, ParameterError, "deadline"),
        ({"target": {"course_id": "a"}, "completed": "a"}, ParameterError, "completed"),
    ],
)
def test_bad_requests_name_the_field(request_: Any, error: type[Exception], where: str) -> None:
    with pytest.raises(error) as caught:
        _plan(_world({"a": 1}, {"a": "s"}), request_)
    assert caught.value.where == where  # type: ignore[attr-defined]


def test_unknown_ids_of_the_learner_are_told_not_refused() -> None:
    request = {
        "target": {"course_id": "a"},
        "completed": ["?"],
        "mastered": ["?"],
        "exclude": ["?"],
    }
    assert len(_plan(_world({"a": 1}), request).warnings) == 3


def test_same_state_same_id_and_another_state_another() -> None:
    world = _world({"a": 1, "b": 1}, {"a": "s"})
    target = {"target": {"skill_ids": ["s"]}}
    first = _plan(world, target)
    assert first == _plan(world, target)
    assert first.path_id != _plan(world, {**target, "mastered": ["s"]}).path_id
    world.courses["b"]["hours"] = 2
    assert first.path_id != _plan(world, target).path_id
