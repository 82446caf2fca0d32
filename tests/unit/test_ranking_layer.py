"""The ranking layer in a pipeline: one order offline and served, kept in bundles and updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import walks

from graphrec.bundle import Bundle, BundleStore
from graphrec.dataset import Dataset
from graphrec.errors import BundleDamagedError
from graphrec.evaluate.on_validation import validation_figures
from graphrec.events.splits import hold_out_last
from graphrec.features.ranking_facts import CourseFacts
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.ranker import RankerConfig
from graphrec.recommend import ranker_fit, ranking_layer
from graphrec.recommend.compose import Validation, compose
from graphrec.recommend.model_io import TrainedPipeline, read_pipeline, write_pipeline
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import RankingFit, fit_ranking
from graphrec.recommend.ranking_layer import RANKER

pytest.importorskip("lightgbm", reason="the train extra is not installed")

Made = tuple[Pipeline, Validation, Dataset, RankingFit]
SMALL = RankerConfig(min_leaf=20, num_trees=20)


@pytest.fixture(scope="module")
def made() -> Made:
    """A pipeline whose ranker is on, whether it wins or not."""
    dataset = walks()
    held = hold_out_last(dataset.histories, min_length=2, seed=0)
    train = dataset.with_histories(held.train)
    validation = Validation(held.inputs, held.targets, moments=held.times)
    models = {"popularity": PopularityModel().fit(train), "itemknn": ItemKNNModel().fit(train)}
    pipeline = compose(models, validation, with_indexes=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranker_fit, "ERRORS", -1e9)
        fit = fit_ranking(pipeline, validation, CourseFacts.of(train), config=SMALL)
    assert pipeline.ranking is not None
    return pipeline, validation, train, fit


def order(pipeline: Pipeline, asked: Validation) -> tuple[np.ndarray, np.ndarray]:
    """The best ten of each learner and their scores, as serving gives them."""
    found = pipeline.rerank(pipeline.shortlist(asked.inputs, 10), 10)
    return found.items, found.scores


def test_served_and_evaluated_scores_are_the_same(made: Made) -> None:
    pipeline, validation, _, _ = made
    few = validation.take(np.arange(20))
    candidates, scores = pipeline.candidates(few.inputs)
    offline = pipeline.score(candidates, scores, few.inputs)
    items, served = order(pipeline, few)
    for row in range(20):
        mine = slice(*candidates.indptr[row : row + 2])
        best = np.argsort(-offline[mine], kind="stable")[:10]
        assert candidates.items[mine][best].tolist() == items[row, : len(best)].tolist()
        np.testing.assert_allclose(offline[mine][best], served[row, : len(best)], atol=1e-5)
    alone = order(pipeline, few.take(np.arange(1)))
    assert alone[0][0].tolist() == items[0].tolist()


def test_what_the_ranker_adds_is_a_term_of_the_score(made: Made) -> None:
    pipeline, validation, _, _ = made
    few = validation.take(np.arange(20))
    assert pipeline.terms == ("popularity", "itemknn", RANKER)
    for novelty in (0.0, 0.5):
        found = pipeline.rerank(pipeline.shortlist(few.inputs, 20), 10, novelty=novelty)
        assert found.shares.shape[2] == 3 + bool(novelty)
        is_item = found.items >= 0
        sums = found.shares.sum(axis=2)[is_item]
        np.testing.assert_allclose(sums, found.scores[is_item], atol=1e-5)
    assert np.abs(found.shares[:, :, 2]).max() > 0
    plain = pipeline.ranked_by(pipeline.blend, None)
    assert plain.terms == ("popularity", "itemknn")
    assert plain.rerank(plain.shortlist(few.inputs, 20), 10).shares.shape[2] == 2


def test_none_beyond_the_depth_passes_one_that_was_looked_at(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, validation, _, _ = made
    monkeypatch.setattr(ranking_layer, "DEPTH", 5)
    few = validation.take(np.arange(20))
    candidates, scores = pipeline.candidates(few.inputs)
    blended, _ = pipeline.blend.score(scores, candidates, few.inputs.lengths)
    found = pipeline.score(candidates, scores, few.inputs)
    for row in range(20):
        mine = slice(*candidates.indptr[row : row + 2])
        by_blend = np.lexsort((candidates.items[mine], -blended[mine]))
        assert found[mine][by_blend[:5]].min() >= found[mine][by_blend[5:]].max() - 1e-6


def publish(folder: Path, trained: TrainedPipeline) -> Bundle:
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    store = BundleStore(folder)
    return store.publish(
        lambda writer: write_pipeline(writer, trained),
        info=info | {"metrics": {}, "models": list(trained.pipeline.models)},
    )


def test_a_bundle_gives_the_same_order_back(made: Made, tmp_path: Path) -> None:
    pipeline, validation, train, _ = made
    bundle = publish(tmp_path, TrainedPipeline(pipeline, train.items, has_commitments=False))
    again = read_pipeline(bundle).pipeline
    few = validation.take(np.arange(20))
    assert order(again, few)[0].tolist() == order(pipeline, few)[0].tolist()
    assert again.ranking is not None
    assert pipeline.ranking is not None
    shares = np.linspace(0, 1, 9)
    assert (again.ranking.calibrator(shares) == pipeline.ranking.calibrator(shares)).all()


def test_a_feature_that_this_version_lacks_is_said(made: Made, tmp_path: Path) -> None:
    pipeline, _, train, _ = made
    layer = pipeline.ranking
    assert layer is not None
    other = replace(
        layer, features=(*layer.features[:-1], replace(layer.features[-1], name="mood"))
    )
    broken = pipeline.ranked_by(pipeline.blend, other)
    bundle = publish(tmp_path, TrainedPipeline(broken, train.items, has_commitments=False))
    with pytest.raises(BundleDamagedError, match="no ranking feature 'mood'"):
        read_pipeline(bundle)
    fewer = pipeline.ranked_by(pipeline.blend, replace(layer, features=layer.features[:-1]))
    bundle = publish(tmp_path, TrainedPipeline(fewer, train.items, has_commitments=False))
    with pytest.raises(BundleDamagedError, match="features is given"):
        read_pipeline(bundle)


def test_a_layer_is_kept_only_while_its_features_can_be_computed(made: Made) -> None:
    pipeline, _, train, _ = made
    layer = pipeline.ranking
    assert layer is not None
    assert layer.over(CourseFacts.of(train)) is not None
    needy = replace(layer, features=(replace(layer.features[0], needs="hours"),))
    assert needy.over(CourseFacts.of(train)) is None


def test_figures_are_of_learners_that_the_ranker_did_not_learn_from(made: Made) -> None:
    pipeline, validation, train, fit = made
    assert fit.halves is not None
    assert fit.validated is not None
    told = validation_figures(pipeline, train, validation, fit.halves)
    assert told == validation_figures(pipeline, train, validation, fit.halves)
    assert told != validation_figures(pipeline, train, validation)
    assert told["calibration"]["learners"] == len(validation.targets)
    assert fit.figures()["num_trees"] >= 1
    assert fit.validated.metrics["ndcg@10"] == pytest.approx(fit.decision.ranker, abs=1e-5)


def test_with_too_few_learners_the_blend_ranks_and_says_why(made: Made) -> None:
    pipeline, validation, train, _ = made
    plain = pipeline.ranked_by(pipeline.blend, None)
    few = validation.take(np.arange(6))
    lines: list[str] = []
    fit = fit_ranking(plain, few, CourseFacts.of(train), report=lines.append)
    assert plain.ranking is None
    assert fit.layer is None
    assert "the learned blend ranks without one" in lines[0]
    assert fit.figures() == {"is_on": False, "reason": fit.decision.reason}
