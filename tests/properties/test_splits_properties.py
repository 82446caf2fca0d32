"""Splits never let a model see what it is asked; histories do not depend on row order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.dataset import Histories
from graphrec.events.splits import hold_out_last
from graphrec.features.histories import (
    TYPE_CODES,
    UNKNOWN,
    InteractionArrays,
    build_histories,
    has_commitments,
    split_signals,
)
from graphrec.features.signals import LearnerSignals

NUM_ITEMS = 12
seeds = st.integers(0, 2**32 - 1)


@st.composite
def histories(draw: st.DrawFn) -> Histories:
    """A few learners; with or without times, ordered or not."""
    rows = draw(
        st.lists(
            st.lists(st.integers(0, NUM_ITEMS - 1), max_size=7, unique=True), min_size=1, max_size=8
        )
    )
    made = Histories.from_lists(rows)
    flags = draw(st.none() | st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    has_times = draw(st.booleans())
    return Histories(
        made.indptr,
        made.items,
        np.arange(len(made.items), dtype=np.int64) * 10 if has_times else None,
        None if flags is None else np.array(flags),
    )


@given(histories(), st.integers(0, 4), seeds, st.none() | st.integers(0, 5))
def test_holding_out_never_leaks(
    given_histories: Histories, min_length: int, seed: int, most: int | None
) -> None:
    whole = given_histories
    before = whole.items.copy()
    held = hold_out_last(whole, min_length=min_length, seed=seed, max_learners=most)
    assert len(held.train) == len(whole)
    assert np.array_equal(whole.items, before)
    long_enough = np.flatnonzero(whole.lengths >= max(min_length, 1))
    assert set(held.rows) <= set(long_enough)
    assert len(held.rows) == len(set(held.rows.tolist())) == len(held.targets)
    assert len(held.rows) == min(len(long_enough), len(long_enough) if most is None else most)
    targets = dict(zip(held.rows.tolist(), held.targets.tolist(), strict=True))
    for learner, items in enumerate(whole):
        rest = held.train[learner].tolist()
        gone = [targets[learner]] if learner in targets else []
        assert Counter(rest + gone) == Counter(items.tolist())
        assert rest == [item for item in items if item not in gone]  # order is kept
        if gone and whole.ordered[learner]:
            assert rest == items[:-1].tolist()
    for row, inputs in zip(held.rows, held.inputs, strict=True):
        assert np.array_equal(inputs, held.train[row])
        assert targets[int(row)] not in inputs
    if whole.times is not None:
        assert held.train.times is not None
        assert held.times is not None
        of_item = dict(zip(zip(whole.owners(), whole.items, strict=True), whole.times, strict=True))
        owners = zip(held.train.owners(), held.train.items, strict=True)
        assert [of_item[key] for key in owners] == held.train.times.tolist()
        assert [of_item[key] for key in targets.items()] == held.times.tolist()
        for row, at in zip(held.rows, held.times, strict=True):
            if whole.ordered[row]:
                span = slice(held.train.indptr[row], held.train.indptr[row + 1])
                assert (held.train.times[span] < at).all()


@given(histories(), seeds, st.none() | st.integers(0, 5))
def test_a_seed_says_it_all(whole: Histories, seed: int, most: int | None) -> None:
    one, other = (
        hold_out_last(whole, min_length=2, seed=seed, max_learners=most) for _ in range(2)
    )
    assert np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.targets, other.targets)
    assert np.array_equal(one.train.items, other.train.items)


def test_seeds_differ_where_order_means_nothing() -> None:
    rows = Histories.from_lists([list(range(10))] * 40)
    whole = Histories(rows.indptr, rows.items, None, np.zeros(40, bool))
    targets = [hold_out_last(whole, min_length=2, seed=s).targets for s in (0, 1)]
    assert (targets[0] != targets[1]).any()
    assert len(set(targets[0].tolist())) > 5  # not the last, not the first: any


@given(histories(), st.data())
def test_take_picks_rows(whole: Histories, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=9)), np.int64)
    taken = whole.take(rows)
    assert [r.tolist() for r in taken] == [whole[row].tolist() for row in rows]
    assert taken.ordered.tolist() == whole.ordered[rows].tolist()
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))), bool
    )
    assert [r.tolist() for r in whole.take(mask)] == [
        r.tolist() for r, kept in zip(whole, mask, strict=True) if kept
    ]
    if whole.times is not None:
        assert taken.times is not None
        places = [i for r in rows for i in range(whole.indptr[r], whole.indptr[r + 1])]
        assert taken.times.tolist() == whole.times[places].tolist()


@given(histories(), st.integers(0, 8))
def test_tail_is_the_newest(whole: Histories, most: int) -> None:
    tail = whole.tail(most)
    newest = [row.tolist()[len(row) - min(most, len(row)) :] for row in whole]
    assert [row.tolist() for row in tail] == newest
    if whole.times is not None:
        assert tail.times is not None
        assert set(tail.times.tolist()) <= set(whole.times.tolist())
        assert len(tail.times) == len(tail.items)


@given(histories(), st.data())
def test_keep_drops_entries_and_no_learner(whole: Histories, data: st.DataObject) -> None:
    size = len(whole.items)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    kept = whole.keep(mask)
    assert len(kept) == len(whole)
    for learner, items in enumerate(whole):
        span = slice(whole.indptr[learner], whole.indptr[learner + 1])
        assert kept[learner].tolist() == items[mask[span]].tolist()


@given(histories(), st.sampled_from([np.int32, np.int64]))
def test_the_matrix_leaves_the_order_alone(whole: Histories, index_type: type) -> None:
    whole = replace(whole, indptr=whole.indptr.astype(index_type))
    before = whole.items.copy()
    matrix = whole.matrix(NUM_ITEMS).toarray()
    assert np.array_equal(whole.items, before)
    for learner, items in enumerate(whole):
        assert np.flatnonzero(matrix[learner]).tolist() == sorted(items.tolist())


Row = tuple[int, int, int, int | None, int | None]
rows_of_interactions = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 5),
        st.sampled_from(sorted(TYPE_CODES.values())),
        st.none() | st.integers(-3, 4),
        st.none() | st.integers(0, 3),
    ),
    max_size=25,
)


def arrays(rows: list[Row]) -> InteractionArrays:
    """Rows as columns, None as unknown."""
    known = [[UNKNOWN if value is None else value for value in row] for row in rows]
    columns = np.array(known, np.int64).reshape(len(rows), 5).T
    return InteractionArrays(
        columns[0], columns[1], columns[2].astype(np.int8), columns[3], columns[4]
    )


def reference(rows: list[Row], learner: int) -> tuple[list[int] | None, set[int]]:
    """Items by first occurrence where there is an order (None: there is none); all items."""
    own = [row for row in rows if row[0] == learner]
    items = {row[1] for row in own}
    smallest = float("-inf")
    if all(row[3] is not None for row in own):
        keyed = [(row[3], smallest if row[4] is None else row[4], row[1]) for row in own]
    elif all(row[4] is not None for row in own):
        keyed = [(row[4], row[4], row[1]) for row in own]
    else:
        return None, items
    return list(dict.fromkeys(item for *_, item in sorted(keyed))), items  # type: ignore[type-var]


@given(rows_of_interactions, st.randoms(use_true_random=False))
def test_histories_are_first_occurrences_in_order(rows: list[Row], random) -> None:
    built = build_histories(arrays(rows), 4)
    assert built.items.dtype == np.int32
    for learner in range(4):
        expected, items = reference(rows, learner)
        assert set(built[learner].tolist()) == items
        assert len(built[learner]) == len(items)
        if expected is None:
            assert built[learner].tolist() == sorted(items)
            assert bool(built.ordered[learner]) == (len(items) <= 1)
        else:
            assert built[learner].tolist() == expected
            assert built.ordered[learner]
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = build_histories(arrays(shuffled), 4)
    assert np.array_equal(again.items, built.items)
    assert np.array_equal(again.ordered, built.ordered)
    assert (again.times is None) == (built.times is None)
    if built.times is not None and again.times is not None:
        assert np.array_equal(again.times, built.times)


@given(rows_of_interactions)
def test_views_stand_aside_only_where_there_are_commitments(rows: list[Row]) -> None:
    columns = arrays(rows)
    committed = has_commitments(columns.types)
    kinds = {row[2] for row in rows}
    assert committed == bool(kinds & {TYPE_CODES[n] for n in ("enrolled", "completed", "dropped")})
    taken, viewed = split_signals(columns, committed=committed)
    if not committed:
        assert viewed is None
        assert len(taken.items) == len(rows)
    else:
        assert viewed is not None
        assert set(viewed.types) <= {TYPE_CODES["viewed"]}
        assert TYPE_CODES["viewed"] not in taken.types
        assert len(taken.items) + len(viewed.items) == len(rows)


@given(histories(), st.data())
@settings(max_examples=50)
def test_views_after_a_moment_are_not_known_before(views: Histories, data: st.DataObject) -> None:
    size = len(views)
    moments = np.array(
        data.draw(st.lists(st.integers(-1, 300), min_size=size, max_size=size)), np.int64
    )
    known = LearnerSignals(NUM_ITEMS, views).before(moments).views
    assert known is not None
    for learner in range(size):
        span = slice(views.indptr[learner], views.indptr[learner + 1])
        expected = (
            []
            if views.times is None
            else views.items[span][views.times[span] < moments[learner]].tolist()
        )
        assert known[learner].tolist() == expected
    nothing = LearnerSignals(NUM_ITEMS, views).before(None).views
    assert nothing is not None
    assert nothing.lengths.tolist() == [0] * size
