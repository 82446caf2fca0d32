"""Business rules hold over any ranking, and hold again when they are applied again."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.rules.active import RuleBook
from graphrec.rules.apply import Ranking, apply_rules
from graphrec.rules.schema import RuleSet

_IDS = [f"c{n}" for n in range(12)]
_CATALOGUE = Catalogue(courses={c: Course(c, provider=f"p{n % 3}") for n, c in enumerate(_IDS)})
_SOME = st.lists(st.sampled_from(_IDS), min_size=1, max_size=4, unique=True)
_RULES = st.one_of(
    st.fixed_dictionaries({"kind": st.just("blackout"), "courses": _SOME}),
    st.fixed_dictionaries({"kind": st.just("must_take"), "courses": _SOME}),
    st.fixed_dictionaries(
        {"kind": st.just("boost"), "courses": _SOME, "factor": st.sampled_from([0.1, 0.5, 2, 10])}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("cap"), "per": st.just("provider"), "at_most": st.integers(0, 4)}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("quota"), "courses": _SOME, "share": st.sampled_from([0.2, 0.5, 1])}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("sequence"),
            "courses": st.lists(st.sampled_from(_IDS), min_size=2, max_size=4, unique=True),
        }
    ),
)
_HEAD = {"owner": "ann", "expires": date(2030, 1, 1)}


def _rule_set(listed: list[dict[str, Any]]) -> RuleSet:
    rules = [_HEAD | {"id": f"r{n}"} | one for n, one in enumerate(listed)]
    return RuleSet.model_validate({"version": 1, "rules": rules})


@settings(max_examples=300, deadline=None)
@given(
    listed=st.lists(_RULES, max_size=6),
    order=st.permutations(_IDS),
    size=st.integers(0, 12),
    scores=st.lists(st.floats(-5, 5), min_size=12, max_size=12),
    k=st.integers(1, 12),
    taken=st.sets(st.sampled_from(_IDS), max_size=3),
    reachable=st.sets(st.sampled_from(_IDS)),
)
def test_rules_hold(
    listed: list[dict[str, Any]],
    order: list[str],
    size: int,
    scores: list[float],
    k: int,
    taken: set[str],
    reachable: set[str],
) -> None:
    ids = [c for c in order if c not in taken][:size]
    ranking = Ranking.of(ids, sorted(scores, reverse=True)[: len(ids)])
    active = RuleBook(_rule_set(listed), _CATALOGUE).in_force(frozenset(), date(2027, 1, 1))
    may = (reachable - taken).__contains__

    found = apply_rules(active, ranking, k, may_be_given=may, taken=taken)
    given_ids = found.ranking.course_ids

    assert len(given_ids) <= k
    assert len(set(given_ids)) == len(given_ids)
    assert list(found.scores) == sorted(found.scores, reverse=True)
    if not listed:
        assert given_ids == tuple(ids[:k])
        assert found.changes == ()
    assert active.withheld.keys().isdisjoint(given_ids)
    required = [c in active.required for c in given_ids]
    assert required == sorted(required, reverse=True), "what must be taken stands first"
    for rule in (one for one in listed if one["kind"] == "cap"):
        for provider in ("p0", "p1", "p2"):
            theirs = [c for c in given_ids if _CATALOGUE.courses[c].provider == provider]
            free = [c for c in theirs if c not in active.required]
            assert not free or len(theirs) <= rule["at_most"]
    for rule in (one for one in listed if one["kind"] == "sequence"):
        for first, then in zip(rule["courses"], rule["courses"][1:], strict=False):
            if then in given_ids and then not in active.required:
                ahead = {*taken, *given_ids[: given_ids.index(then)]}
                assert first in ahead

    again = apply_rules(active, found.ranking, k, may_be_given=may, taken=taken)
    assert again.ranking == found.ranking
    assert again.scores == found.scores
