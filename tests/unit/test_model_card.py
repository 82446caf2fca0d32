"""The model card: all that a bundle knows of itself, the same for the same training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted import walks, with_contents
from typer.testing import CliRunner

from graphrec.bundle import Bundle, BundleStore, BundleWriter
from graphrec.bundle_compare import compare_bundles
from graphrec.cli import models as models_command
from graphrec.evaluate.on_validation import validation_figures
from graphrec.events.splits import hold_out_last
from graphrec.features.signals import NO_SIGNALS
from graphrec.features.summary import summarise
from graphrec.model_card import CARD, model_card
from graphrec.recommend.compose import Validation, compose, fit_models
from graphrec.schema import TABLES
from graphrec.settings import Settings

DAY = 86_400_000

INFO: dict[str, Any] = {
    "snapshot_hash": "5" * 64,
    "seed": 3,
    "config": {
        "options": {"workers": 2, "seed": 3, "ray_address": "ray-head:6379"},
        "models": {"graph": {"embedding_dim": 64}},
        "epochs": {"graph": 7},
    },
    "models": ["popularity", "graph"],
    "metrics": {
        "pipeline": {"recall@10": 0.5, "ndcg@10": 0.3125},
        "graph": {"recall@10": 0.4, "ndcg@10": 0.25},
    },
    "standard_error": 0.0123,
    "num_validation": 1_377,
    "skipped": {"content": "the courses have neither texts nor skills"},
    "data": {
        "learners": 4_723,
        "courses": 706,
        "courses_never_taken": 158,
        "skills": 700,
        "prerequisites": 1_605,
        "interactions": {"enrolled": 24_933, "viewed": 126_131},
        "first_at": 0,
        "last_at": 400 * DAY,
        "without_time": 12,
        "languages": {"zh": 600, "en|us": 3},
    },
    "beyond": {"coverage@10": 0.75, "diversity@10": None},
    "calibration": {"learners": 1_377, "target_is_candidate": 0.875, "ece": 0.01, "ece_all": 0.02},
    "seconds": {"popularity": 0.1, "graph": 61.6},
    "peak_memory_mb": 1_234,
}

TELLS = (
    "`" + "5" * 64 + "`",
    "| learners | 4,723 |",
    "enrolled 24,933, viewed 126,131",
    "1970-01-01 to 1971-02-05",
    r"zh 600, en\|us 3",
    "1,377, the newest course of each",
    "recall@10 0.5000, NDCG@10 0.3125 (standard error 0.0123)",
    "| coverage@10 | 0.7500 |",
    "| diversity@10 | - |",
    "87.5%",
    "(158 of them here)",
    "Without `content`: the courses have neither texts nor skills.",
    'Configuration of `graph`: `{"embedding_dim":64}`',
    "| 7 | +0.700 | 0.4000 | 0.2500 |",
    "| `viewed` | signal of the request: courses viewed and not taken |",
    "without any history",
    "Apache-2.0",
    "Not for",
    "Seed 3.",
)


def write(writer: BundleWriter) -> None:
    blend = {"parts": ["popularity", "graph", "viewed"], "weights": [[0.1, 0.7, 0.2], [0, 0, 0]]}
    writer.json("pipeline", {"blend": blend})


def publish(root: Path, **changed: Any) -> Bundle:
    return BundleStore(root).publish(write, info={**INFO, **changed})


def card_of(bundle: Bundle) -> str:
    return bundle.path(CARD).read_text(encoding="utf-8")


def test_the_card_tells_what_the_bundle_knows(tmp_path: Path) -> None:
    bundle = publish(tmp_path)
    for card in (card_of(bundle), model_card(bundle)):
        for told in TELLS:
            assert told in card, told
    assert card_of(bundle) in model_card(bundle)
    assert BundleStore(tmp_path).load(bundle.id).manifest["files"].keys() == {
        CARD,
        "pipeline.json",
    }


def test_what_differs_from_time_to_time_is_not_inside(tmp_path: Path) -> None:
    one = publish(tmp_path / "a")
    elsewhere = {"workers": 2, "seed": 3, "ray_address": None}
    other = publish(
        tmp_path / "b",
        seconds={"graph": 3.0},
        peak_memory_mb=1,
        code_version="9.9",
        snapshot_id="another name of the same",
        config={**INFO["config"], "options": elsewhere},
    )
    assert all(file.is_same for file in compare_bundles(one, other))
    whole = model_card(one)
    for told in (one.id, "graph 62", "1,234 MiB", f"graphrec reproduce {one.id}"):
        assert told in whole
        assert told not in card_of(one)
    changed = publish(tmp_path / "c", metrics={"pipeline": {"recall@10": 0.5, "ndcg@10": 0.3}})
    assert card_of(changed) != card_of(one)


def test_a_bundle_that_knows_little_still_has_a_card(tmp_path: Path) -> None:
    odd = {"pipeline": 1, "graph": {"ndcg@10": np.float64(0.5), "recall@10": float("nan")}}
    bundle = BundleStore(tmp_path).publish(
        lambda writer: writer.json("pipeline", ["no blend"]),
        info={"models": ["graph"], "metrics": odd, "data": "mars"},
    )
    assert "Not measured." in model_card(bundle)
    assert "| 0.5000 |" in card_of(bundle)


def test_whoever_writes_a_card_or_no_model_keeps_it_so(tmp_path: Path) -> None:
    own = BundleStore(tmp_path).publish(
        lambda writer: writer.path(CARD).write_text("mine") and None, info={"models": ["graph"]}
    )
    assert card_of(own) == "mine"
    none = BundleStore(tmp_path).publish(lambda writer: writer.json("n", 1), info={})
    assert not none.has(CARD)


def test_the_command_prints_and_writes_it(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path)
    bundle = publish(settings.bundles_dir)
    runner, store = CliRunner(), ["--store", str(tmp_path)]
    printed = runner.invoke(models_command.app, ["card", bundle.id, *store])
    assert printed.stdout == model_card(bundle)
    BundleStore(settings.bundles_dir).set_alias("champion", bundle.id)
    told = runner.invoke(models_command.app, ["card", "--json", *store])
    assert json.loads(told.stdout) == {"id": bundle.id, "card": model_card(bundle)}
    file = tmp_path / "new" / "card.md"
    assert runner.invoke(models_command.app, ["card", "--output", str(file), *store]).exit_code == 0
    assert file.read_text(encoding="utf-8") == model_card(bundle)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = TABLES[name].schema
    empty: dict[str, Any] = dict.fromkeys(schema.names)
    return pa.Table.from_pylist([empty | row for row in rows], schema=schema)


def test_the_data_is_counted_in_its_tables() -> None:
    languages = ["en", "fr", "en", None]
    courses = [{"course_id": f"c{n}", "language": one} for n, one in enumerate(languages)]
    taken = [
        ("ada", "c0", "enrolled", 5),
        ("ada", "c0", "completed", 9),
        ("bob", "c1", "viewed", None),
    ]
    interactions = [
        {"learner_id": who, "course_id": what, "type": kind, "at": at}
        for who, what, kind, at in taken
    ]
    found = summarise(
        {
            "courses": _table("courses", courses),
            "interactions": _table("interactions", interactions),
        }
    )
    assert found == {
        "learners": 2,
        "courses": 4,
        "courses_never_taken": 2,
        "skills": 0,
        "prerequisites": 0,
        "interactions": {"enrolled": 1, "completed": 1, "viewed": 1},
        "first_at": 5,
        "last_at": 9,
        "without_time": 1,
        "languages": {"en": 2, "fr": 1},
    }
    assert summarise({})["courses"] == 0


def test_lists_and_scores_are_measured_on_validation() -> None:
    dataset = with_contents(walks(120, 60), 4)
    held = hold_out_last(dataset.histories, min_length=2, seed=0)
    train = dataset.with_histories(held.train)
    validation = Validation(held.inputs, held.targets, NO_SIGNALS)
    names = ("popularity", "itemknn", "sequence_rules")
    fitted = fit_models(train, validation, fit_neural=None, names=names)  # type: ignore[arg-type]
    pipeline = compose(fitted.models, validation)
    found = validation_figures(pipeline, train, validation)
    assert found == validation_figures(pipeline, train, validation)
    assert 0 < found["beyond"]["coverage@10"] <= 1
    assert found["calibration"]["learners"] == len(held.targets)
    assert found["calibration"]["ece"] < 0.2
    nobody = Validation(held.inputs.take(np.zeros(0, int)), held.targets[:0], NO_SIGNALS)
    assert validation_figures(pipeline, train, nobody) == {}


@pytest.mark.parametrize("name", ["popularity", "graph", "sequence", "role"])
def test_every_part_is_explained(name: str, tmp_path: Path) -> None:
    bundle = BundleStore(tmp_path).publish(lambda w: w.json("n", 1), info={"models": [name]})
    (row,) = [line for line in card_of(bundle).splitlines() if line.startswith(f"| `{name}` |")]
    assert len(row.split("|")[2].strip()) > 10
