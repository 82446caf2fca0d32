"""Messages for learners: complete in every language, with the same parameters."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import get_args

import pytest

from graphrec.recommend.messages import Message, catalogue, choose, languages, say
from graphrec.recommend.path_schemas import PathReason
from graphrec.recommend.reason_codes import EXPLORED, PATH_CODES, REASON_CODES, RELATIONS, Relation
from graphrec.recommend.schemas import Reason


def _forms(message: Message) -> dict[str, str]:
    return {"": message} if isinstance(message, str) else dict(message)


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _messages() -> Iterator[tuple[str, str]]:
    return ((language, key) for language in languages() for key in catalogue("en"))


def test_english_and_one_more() -> None:
    assert {"de", "en"} <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_message(language: str) -> None:
    assert set(catalogue(language)) == set(catalogue("en"))


@pytest.mark.parametrize(("language", "key"), list(_messages()))
def test_a_message_has_the_same_parameters_everywhere(language: str, key: str) -> None:
    forms, english = _forms(catalogue(language)[key]), _forms(catalogue("en")[key])
    assert set(forms) == set(english)
    assert set(forms) in ({""}, {"one", "other"})
    told = {name: _parameters(text) for name, text in forms.items()}
    assert told == {name: _parameters(text) for name, text in english.items()}
    assert ("one" in forms) == any("num_learners" in names for names in told.values())
    assert all(text.strip() and text == text.strip() for text in forms.values())


def test_every_code_is_declared_and_has_words() -> None:
    codes = set(get_args(Reason.model_fields["code"].annotation))
    assert codes == set(REASON_CODES)
    assert codes <= set(catalogue("en"))
    planned = set(get_args(PathReason.model_fields["code"].annotation))
    assert planned <= set(PATH_CODES)
    assert {f"path.{code}" for code in PATH_CODES} <= set(catalogue("en"))
    assert set(RELATIONS) == set(get_args(Relation))
    declared = [EXPLORED, *REASON_CODES.values(), *PATH_CODES.values()]
    named = {r for code in declared for one in code.relations for r in one.split("|")}
    assert named == set(RELATIONS)


def test_numbers_choose_the_form_and_braces_are_only_text() -> None:
    assert say("en", "popular", num_learners=1) == "1 learner took it."
    assert say("en", "popular", num_learners=2) == "2 learners took it."
    assert say("de", "popular", num_learners=1) == "1 Person hat ihn belegt."
    assert "{role}" in say("en", "shares_skill", skill="{role}", course="{0}")


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("de_CH", "de"),
        ("xx", "en"),
        ("*", "en"),
        ("fr-CH, fr;q=0.9, de;q=0.7, en;q=0.8", "en"),
        ("fr, de;q=0.7, en;q=0.2", "de"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("de;q=nan, en;q=0.1", "en"),
        (";;,,=;q", "en"),
        ("../../etc/passwd", "en"),
    ],
)
def test_the_language_asked_for(asked: str | None, language: str) -> None:
    assert choose(asked) == language
