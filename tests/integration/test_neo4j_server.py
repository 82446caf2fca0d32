"""The real Neo4j: settings, credentials, what happens when it is not there."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from neo4j_server import running_neo4j
from pydantic import SecretStr

from graphrec.errors import StoreError, StoreUnavailableError
from graphrec.graph.neo4j import Neo4jStore
from graphrec.graph.store import open_store
from graphrec.settings import Settings

pytestmark = pytest.mark.neo4j

PASSWORD = "a-Password-7"  # noqa: S105 - of a server that lives as long as its test


def test_settings_open_it_migrated(neo4j_url: str, tmp_path: Path) -> None:
    with open_store(Settings(store=tmp_path, graph_url=neo4j_url)) as store:
        assert store.engine == "neo4j"
        store.clear()
        store.write("skills", pa.table({"skill_id": ["s"]}))
        store.migrate()
        assert store.counts()["skills"] == 1
    assert list(tmp_path.iterdir()) == []  # nothing embedded beside it


def test_two_stores_share_it(neo4j_url: str) -> None:
    with Neo4jStore(neo4j_url) as one, Neo4jStore(neo4j_url) as other:
        one.clear()
        one.write("skills", pa.table({"skill_id": ["s"]}))
        assert other.export("skills")["skill_id"].to_pylist() == ["s"]


def test_a_large_write_goes_in_several_batches_and_one_transaction(neo4j_url: str) -> None:
    size = 10_500
    names = [f"l{n}" for n in range(size)]
    rows = pa.table({"learner_id": names, "course_id": ["c"] * size, "type": ["viewed"] * size})
    with Neo4jStore(neo4j_url) as store:
        store.clear()
        store.write("courses", pa.table({"course_id": ["c"]}))
        last = pa.table({"learner_id": ["x"], "course_id": ["nowhere"], "type": ["viewed"]})
        with pytest.raises(StoreError, match="not in the graph"):
            store.write("interactions", pa.concat_tables([rows, last]))
        assert store.counts()["interactions"] == 0
        store.write("interactions", rows)
        assert store.counts()["interactions"] == size
        assert store.export("interactions")["learner_id"].to_pylist() == sorted(names)
        store.clear()


def test_a_missing_database_is_told(neo4j_url: str) -> None:
    with (
        Neo4jStore(neo4j_url, database="nosuch") as store,
        pytest.raises(StoreError, match="nosuch"),
    ):
        store.counts()


def test_nobody_listening_is_told_with_a_remedy() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"bolt://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(StoreUnavailableError, match="GRAPHREC_GRAPH_URL"):
            Neo4jStore(url, timeout_s=1)


def test_a_wrong_address_is_told() -> None:
    with pytest.raises(StoreError, match="no address of a Neo4j server"):
        Neo4jStore("http://127.0.0.1")


def test_the_password_is_asked_for(tmp_path: Path) -> None:
    with running_neo4j(tmp_path / "home", password=PASSWORD) as url:
        settings = Settings(store=tmp_path, graph_url=url)
        for wrong in ("", "another"):
            refused = settings.model_copy(update={"graph_password": SecretStr(wrong)})
            with pytest.raises(StoreError, match="GRAPHREC_GRAPH_PASSWORD"):
                open_store(refused)
        right = settings.model_copy(update={"graph_password": SecretStr(PASSWORD)})
        with open_store(right) as store:
            assert set(store.counts().values()) == {0}


def test_without_the_driver_the_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['neo4j'] = None\n"
        "from graphrec.graph.store import open_store\n"
        "from graphrec.settings import Settings\n"
        "open_store(Settings(graph_url='bolt://127.0.0.1:1'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install 'graphrec[neo4j]'" in done.stderr
