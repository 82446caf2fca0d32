"""Bundles beside a running service: taken up, damaged, gone, never a failed request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from service_world import build_world, listening, publish_bundle

from graphrec import Recommender
from graphrec.bundle import BundleStore
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings

_QUICK = ServiceSettings(refresh_interval_s=0.05)
_ROUTE = "/v1/learners/L1/recommendations?k=5"


@dataclass
class World:
    settings: Settings
    recommender: Recommender

    def publish(self, weight: float) -> str:
        return publish_bundle(self.settings, self.recommender.store, weight=weight)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = Settings(store=tmp_path, graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with Recommender.open(settings) as recommender:
        yield World(settings, recommender)


def _ready_within(client: httpx.Client, bundle: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = client.get("/health/ready")
        if answer.status_code == 200 and answer.json()["bundle"] == bundle:
            return
        time.sleep(0.02)
    raise AssertionError(f"bundle {bundle} was not taken up: {answer.text}")


def test_new_champions_are_taken_up_without_a_failed_request(world: World) -> None:
    with listening(create_app(_QUICK, world.recommender)) as client:
        assert client.get("/health/ready").status_code == 503
        stop, seen, failed = threading.Event(), set[str | None](), list[str]()

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=30) as own:
                while not stop.is_set():
                    answer = own.get(_ROUTE)
                    if answer.status_code != 200 or len(answer.json()["courses"]) != 5:
                        failed.append(answer.text)
                    else:
                        seen.add(answer.json()["bundle"])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        bundles = []
        for weight in (1.0, 2.0, 3.0):
            bundles.append(world.publish(weight))
            _ready_within(client, bundles[-1])
            time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not failed, failed[:3]
        assert seen == {None, *bundles} or seen == set(bundles)
        body = client.get(_ROUTE).json()
        assert (body["source"], body["bundle"]) == ("pipeline", bundles[-1])
        assert set(body["courses"][0]["scores"]) >= {"popularity", "itemknn"}
        assert client.get("/v1/models").json()["id"] == bundles[-1]
        card = client.get("/v1/models/champion/card")
        assert card.headers["content-type"] == "text/markdown; charset=utf-8"
        assert f"graphrec reproduce {bundles[-1]}" in card.text
        assert client.get(f"/v1/models/{bundles[0]}/card").status_code == 200
        assert client.get("/v1/models/..%2Fbundles/card").status_code == 404
        assert f'bundle="{bundles[-1]}"' in client.get("/metrics").text


def test_not_ready_while_the_first_shortlists_are_made(world: World) -> None:
    good = world.publish(1.0)
    app = create_app(_QUICK, world.recommender)
    with listening(app) as client:
        _ready_within(client, good)
        app.state.service.upkeep.is_settled = False
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Shortlists are being made, 0 learners")
        assert client.get(_ROUTE).status_code == 200


def test_a_damaged_champion_leaves_the_old_one_serving(world: World) -> None:
    good = world.publish(1.0)
    world.recommender.refresh()
    with listening(create_app(_QUICK, world.recommender)) as client:
        _ready_within(client, good)
        bundles = BundleStore(world.settings.bundles_dir)
        bad = world.publish(2.0)
        _ready_within(client, bad)
        bundles.set_alias("champion", good)
        _ready_within(client, good)
        _damage(bundles, bad)
        bundles.set_alias("champion", bad)
        time.sleep(0.5)
        body = client.get(_ROUTE).json()
        assert (body["source"], body["bundle"]) == ("pipeline", good)


def test_a_damaged_bundle_at_the_start_is_said_and_popularity_answers(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path, graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with Recommender.open(settings) as first:
        bundle = publish_bundle(settings, first.store)
    _damage(BundleStore(settings.bundles_dir), bundle)
    with (
        Recommender.open(settings) as recommender,
        listening(create_app(_QUICK, recommender)) as client,
    ):
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert bundle in answer.json()["detail"] or "itemknn" in answer.json()["detail"]
        body = client.get(_ROUTE).json()
        assert (body["source"], len(body["courses"])) == ("popularity", 5)
        _ready_within(client, publish_bundle(settings, recommender.store, weight=2.0))


def _damage(bundles: BundleStore, bundle: str) -> None:
    path = next((bundles.root / bundle).glob("models/itemknn*"))
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
