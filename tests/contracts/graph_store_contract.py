"""What every ``GraphStore`` must do; an adapter's tests subclass this and give ``store``."""

from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa
import pytest
from academy import PARAMETERS, ROWS, fill, table

from graphrec.errors import InputError, ParameterError, QueryError, StoreError
from graphrec.graph.queries import QueryLibrary
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

QUERIES = [query.name for query in QueryLibrary.load()]


def _native(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as an export returns them: every column, sorted by key with nulls last."""
    schema = TABLES[name].schema
    full = [{c: row.get(c) for c in schema.names} for row in rows]
    key = TABLES[name].key
    return sorted(full, key=lambda r: [(r[c] is None, r[c] or 0) for c in key])


class GraphStoreContract:
    """One suite for the port."""

    reads_snapshots = True
    """Whether one read sees the graph as of one moment, or what is committed on its way."""

    @pytest.fixture
    def store(self) -> GraphStore:
        raise NotImplementedError

    @pytest.fixture
    def academy(self, store: GraphStore) -> GraphStore:
        fill(store)
        return store

    @pytest.fixture
    def asked(self) -> GraphStore:
        """The academy, for tests that only read: it may be shared."""
        raise NotImplementedError

    # -- round trip ------------------------------------------------------------------

    @pytest.mark.parametrize("name", TABLES)
    def test_what_went_in_comes_out(self, asked: GraphStore, name: str) -> None:
        expected = list(ROWS[name])
        if name == "learners":
            expected.append({"learner_id": "l-cid"})  # an interaction brought them in
        exported = asked.export(name)
        assert exported.schema == TABLES[name].schema
        assert exported.to_pylist() == _native(name, expected)

    def test_an_empty_graph_exports_empty_tables(self, store: GraphStore) -> None:
        for name, exported in store.export_snapshot(list(TABLES)).items():
            assert exported.schema == TABLES[name].schema
            assert exported.num_rows == 0

    def test_writing_again_changes_nothing(self, academy: GraphStore) -> None:
        before = academy.export_snapshot(list(TABLES))
        fill(academy)
        after = academy.export_snapshot(list(TABLES))
        assert all(before[name].equals(after[name]) for name in TABLES)

    def test_counts(self, asked: GraphStore) -> None:
        counts = asked.counts()
        assert counts == {n: len(r) + (n == "learners") for n, r in ROWS.items()}

    def test_clear_removes_all_and_the_graph_goes_on(self, academy: GraphStore) -> None:
        academy.clear()
        assert set(academy.counts().values()) == {0}
        fill(academy)
        assert academy.counts()["interactions"] == len(ROWS["interactions"])

    # -- replacing -------------------------------------------------------------------

    def test_a_row_replaces_the_one_under_its_key(self, academy: GraphStore) -> None:
        academy.write("courses", table("courses", {"course_id": "c-intro", "hours": 9.0}))
        academy.write("needs", table("needs", {"role_id": "r-analyst", "skill_id": "s-stats"}))
        learner = {"learner_id": "l-ann", "target_role_id": "r-analyst"}
        academy.write("learners", table("learners", learner))
        by_id = {r["course_id"]: r for r in academy.export("courses").to_pylist()}
        assert by_id["c-intro"] == _native("courses", [{"course_id": "c-intro", "hours": 9.0}])[0]
        needs = academy.export("needs").to_pylist()
        assert {
            "role_id": "r-analyst",
            "skill_id": "s-stats",
            "level": None,
            "essential": None,
        } in needs
        assert academy.export("learners").to_pylist()[0] == {**learner, "role_id": None}
        assert academy.counts()["interactions"] == len(ROWS["interactions"])

    def test_of_two_rows_under_one_key_the_last_stands(self, store: GraphStore) -> None:
        twice = [{"course_id": "c", "title": "first"}, {"course_id": "c", "title": "last"}]
        store.write("courses", table("courses", *twice))
        assert store.export("courses")["title"].to_pylist() == ["last"]

    def test_an_event_id_is_one_event_of_its_learner(self, academy: GraphStore) -> None:
        moved = {"learner_id": "l-ann", "course_id": "c-ml", "type": "rated", "event_id": "e-1"}
        academy.write("interactions", table("interactions", {**moved, "score": 2.0}))
        rows = academy.export("interactions").to_pylist()
        assert [(r["learner_id"], r["course_id"]) for r in rows if r["event_id"] == "e-1"] == [
            ("l-ann", "c-ml"),
            ("l-cid", "c-stats"),
        ]
        assert len(rows) == len(ROWS["interactions"])

    def test_the_same_event_without_an_id_is_kept_once(self, academy: GraphStore) -> None:
        row = {"learner_id": "l-ann", "course_id": "c-ml", "type": "viewed", "at": 35}
        academy.write("interactions", table("interactions", {**row, "progress": 0.5}))
        kept = [r for r in academy.export("interactions").to_pylist() if r["at"] == 35]
        assert [r["progress"] for r in kept] == [0.5]

    # -- what is refused -------------------------------------------------------------

    @pytest.mark.parametrize(
        ("name", "row"),
        [
            ("courses", {"course_id": ""}),
            ("courses", {"course_id": None, "title": "x"}),
            ("interactions", {"learner_id": "l", "course_id": "c-ml", "type": "liked"}),
            ("teaches", {"course_id": "c-ml", "skill_id": ""}),
        ],
    )
    def test_a_row_without_its_ids_is_refused(
        self, asked: GraphStore, name: str, row: dict[str, Any]
    ) -> None:
        with pytest.raises(InputError):
            asked.write(name, table(name, row))

    def test_a_failed_write_leaves_nothing_behind(self, academy: GraphStore) -> None:
        before = academy.export_snapshot(list(TABLES))
        rows = table(
            "interactions",
            {"learner_id": "l-fresh", "course_id": "c-ml", "type": "viewed"},
            {"learner_id": "l-fresh", "course_id": "c-nowhere", "type": "viewed"},
        )
        with pytest.raises(StoreError, match="not in the graph"):
            academy.write("interactions", rows)
        after = academy.export_snapshot(list(TABLES))
        assert all(before[name].equals(after[name]) for name in TABLES)
        academy.write("skills", table("skills", {"skill_id": "s-after"}))  # it goes on

    def test_unknown_names_are_refused(self, store: GraphStore) -> None:
        with pytest.raises(InputError, match="no table"):
            store.export("nothing")
        with pytest.raises(QueryError, match="no query"):
            store.run("nothing")
        with pytest.raises(ParameterError, match="needs 'learner_id'"):
            store.run("skill_gap")
        with pytest.raises(InputError, match="no column"):
            store.write("skills", pa.table({"skill_id": ["s"], "colour": ["red"]}))

    # -- existing --------------------------------------------------------------------

    @pytest.mark.parametrize("name", TABLES)
    def test_existing_finds_stored_rows_by_key(self, asked: GraphStore, name: str) -> None:
        first = dict(ROWS[name][0])
        stranger = {**first, TABLES[name].required[0]: "nobody"}
        found = asked.existing(name, table(name, first, stranger))
        assert found.to_pylist() == _native(name, [first])
        assert asked.existing(name, table(name)).num_rows == 0

    def test_existing_finds_an_event_by_its_id(self, asked: GraphStore) -> None:
        again = {"learner_id": "l-ann", "course_id": "c-x", "type": "viewed", "event_id": "e-1"}
        found = asked.existing("interactions", table("interactions", again)).to_pylist()
        assert [(r["course_id"], r["type"]) for r in found] == [("c-stats", "completed")]

    def test_a_large_look_up_equals_a_small_one(self, store: GraphStore) -> None:
        ids = [f"c{n:05}" for n in range(3_000)]
        store.write("courses", pa.table({"course_id": ids}))
        asked = pa.table({"course_id": [*ids[:2_000:2], *(f"x{i}" for i in ids)]})
        assert store.existing("courses", asked).num_rows == 1_000

    # -- odd values ------------------------------------------------------------------

    def test_odd_ids_and_texts_are_kept_verbatim(self, store: GraphStore) -> None:
        odd = [
            "a b",
            "'",
            '"',
            "\\",
            "\\n",
            "\n",
            "$p",
            "{x}",
            "ß",
            "統計",
            "😀",
            " ",
            "\u00e9",
            "e\u0301",
            "0",
        ]
        rows = [{"course_id": value, "title": value[::-1] or None} for value in odd]
        store.write("courses", table("courses", *rows))
        store.write(
            "requires",
            table("requires", *({"course_id": a, "requires_course_id": "0"} for a in odd)),
        )
        assert store.export("courses").to_pylist() == _native("courses", rows)
        assert sorted(store.export("requires")["course_id"].to_pylist()) == sorted(odd)
        for value in odd:
            assert store.run("course_card", course_id=value)[0]["course_id"] == value

    def test_extreme_numbers_are_kept(self, store: GraphStore) -> None:
        rows = [
            {"course_id": "a", "hours": 1e300, "published_at": 2**62, "hidden": False},
            {"course_id": "b", "hours": -0.1, "published_at": -1, "hidden": True},
            {"course_id": "c", "hours": 5e-324, "published_at": 0},
        ]
        store.write("courses", table("courses", *rows))
        assert store.export("courses").to_pylist() == _native("courses", rows)

    # -- queries ---------------------------------------------------------------------

    @pytest.mark.parametrize("name", QUERIES)
    def test_every_query_answers_with_its_columns(self, asked: GraphStore, name: str) -> None:
        rows = asked.run(name, **PARAMETERS.get(name, {}))
        assert rows
        columns = list(QueryLibrary.load().get(name).columns)
        assert all(list(row) == columns for row in rows)

    @pytest.mark.parametrize("name", QUERIES)
    def test_every_query_runs_on_an_empty_graph(self, store: GraphStore, name: str) -> None:
        rows = store.run(name, **PARAMETERS.get(name, {}))
        assert rows == ([{"learners": 0}] if name == "co_taken" else [])

    def test_startable_courses(self, asked: GraphStore) -> None:
        def ids(learner_id: str, **more: Any) -> list[str]:
            rows = asked.run("startable_courses", learner_id=learner_id, **more)
            return [row["course_id"] for row in rows]

        assert ids("l-ann") == ["c-ml", "c-orphan", "c-orphan2"]
        assert ids("l-new") == ids("stranger") == ["c-intro", "c-orphan", "c-orphan2"]
        assert ids("l-new", language="en") == ["c-intro"]
        assert ids("l-new", limit=1) == ["c-intro"]

    def test_where_nobody_completes_enrolled_counts(self, academy: GraphStore) -> None:
        enrolled = [
            {"learner_id": f"m{n}", "course_id": "c-intro", "type": "enrolled"} for n in range(600)
        ]
        assert academy.run("startable_courses", learner_id="l-new")[0]["course_id"] == "c-intro"
        academy.write("interactions", table("interactions", *enrolled))
        done = academy.run("startable_courses", learner_id="m1")
        assert [row["course_id"] for row in done] == ["c-stats", "c-orphan", "c-orphan2"]
        strict = academy.run("startable_courses", learner_id="m1", assume_enrolled_done="false")
        assert [row["course_id"] for row in strict] == ["c-orphan", "c-orphan2"]

    def test_where_learners_only_view_nothing_is_completed(self, store: GraphStore) -> None:
        store.write("courses", table("courses", {"course_id": "a"}, {"course_id": "b"}))
        store.write("requires", table("requires", {"course_id": "b", "requires_course_id": "a"}))
        viewed = {"learner_id": "l", "course_id": "a", "type": "viewed"}
        store.write("interactions", table("interactions", viewed))
        rows = store.run("startable_courses", learner_id="l")
        assert [row["course_id"] for row in rows] == ["a"]
        assert store.run("co_completed_courses", course_id="a") == []

    def test_skill_gap_weighs_levels(self, asked: GraphStore) -> None:
        def gap(learner_id: str, **more: Any) -> dict[str, tuple[Any, Any]]:
            rows = asked.run("skill_gap", learner_id=learner_id, **more)
            return {r["skill_id"]: (r["needed_level"], r["held_level"]) for r in rows}

        assert gap("l-ann") == {"s-deep": (1.0, None), "s-ml": (4.0, None)}
        assert gap("l-ann", role_id="r-analyst") == {"s-soft": (1.0, None), "s-stats": (3.0, 2.0)}
        assert gap("l-bob") == {"s-soft": (1.0, None), "s-stats": (3.0, 1.0)}
        assert gap("l-new") == {}  # no target, no role: nothing is needed
        assert set(gap("l-new", role_id="r-scientist")) == {"s-stats", "s-ml", "s-deep"}

    def test_prerequisite_cycles(self, asked: GraphStore) -> None:
        rows = asked.run("prerequisite_cycles")
        assert [(r["kind"], r["size"], r["path"]) for r in rows] == [
            ("course", 3, ["c-x", "c-y", "c-z"]),
            ("course", 1, ["c-self"]),
            ("skill", 2, ["s-a", "s-b"]),
        ]

    def test_dropout_by_course(self, asked: GraphStore) -> None:
        rows = {r["course_id"]: r for r in asked.run("dropout_by_course")}
        stats = rows["c-stats"]
        assert (stats["learners"], stats["completed"], stats["dropped"]) == (3, 2, 1)
        assert rows["c-intro"]["unfinished"] == 0

    def test_a_chain_of_a_hundred_is_followed_to_its_end(self, store: GraphStore) -> None:
        ids = [f"n{number:03}" for number in range(101)]
        store.write("courses", pa.table({"course_id": ids}))
        store.write("requires", pa.table({"course_id": ids[1:], "requires_course_id": ids[:-1]}))
        rows = store.run("prerequisite_closure", course_id="n100")
        assert [(r["course_id"], r["depth"]) for r in rows] == [
            (f"n{number:03}", 100 - number) for number in reversed(range(100))
        ]

    # -- threads ---------------------------------------------------------------------

    def test_readers_beside_a_writer(self, academy: GraphStore) -> None:
        batches, size = 6, 50
        before = len(ROWS["interactions"])
        faults: list[BaseException] = []
        over = threading.Event()

        def read() -> None:
            try:
                while not over.is_set():
                    added = academy.export("interactions").num_rows - before
                    assert 0 <= added <= batches * size
                    assert added % size == 0 or not self.reads_snapshots
                    academy.run("course_card", course_id="c-ml")
            except BaseException as fault:  # noqa: BLE001 - told below, in the test's thread
                faults.append(fault)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for batch in range(batches):
            rows = [
                {"learner_id": f"t{n}", "course_id": "c-ml", "type": "viewed", "seq": batch}
                for n in range(size)
            ]
            academy.write("interactions", table("interactions", *rows))
            # What is answered is seen whole, whatever else goes on.
            assert academy.counts()["interactions"] == before + (batch + 1) * size
        over.set()
        for reader in readers:
            reader.join()
        assert faults == []

    def test_writers_queue(self, academy: GraphStore) -> None:
        faults: list[BaseException] = []

        def write(number: int) -> None:
            try:
                row = {"learner_id": f"w{number}", "course_id": "c-ml", "type": "viewed"}
                academy.write("interactions", table("interactions", row))
            except BaseException as fault:  # noqa: BLE001 - told below, in the test's thread
                faults.append(fault)

        writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert faults == []
        assert academy.counts()["interactions"] == len(ROWS["interactions"]) + 8
