"""Words for learners: one file a language, one template a message, named parameters.

A message is a text, or the forms ``one`` and ``other`` where it counts learners; English and
German have these two (CLDR), as do most languages of Europe. English is complete by
definition: what a language lacks is said in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

import orjson

FALLBACK = "en"

_COUNTED = "num_learners"

Message = str | Mapping[str, str]


@cache
def languages() -> tuple[str, ...]:
    """Languages that have a catalogue, in alphabetical order."""
    names = (entry.name for entry in files(__package__).iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".json")))


@cache
def catalogue(language: str) -> Mapping[str, Message]:
    """Key -> message of one of ``languages()``."""
    text = (files(__package__) / f"{language}.json").read_bytes()
    found: dict[str, Message] = orjson.loads(text)
    return found


def say(language: str, key: str, **values: object) -> str:
    """A message in words.

    Args:
        language: One of ``languages()``.
        key: Of the message; one that the language lacks is said in English.
        values: Its parameters; ``num_learners`` chooses the form where there are several.
    """
    message = catalogue(language).get(key)
    if message is None:
        message = catalogue(FALLBACK)[key]
    if not isinstance(message, str):
        message = message["one" if values[_COUNTED] == 1 else "other"]
    return message.format_map(values)


@lru_cache(maxsize=256)  # headers are whatever a client sends
def choose(asked: str | None) -> str:
    """The language to answer in.

    Args:
        asked: A language tag ("de", "de-AT") or a whole Accept-Language header; the best of
            those that have a catalogue wins, English where none has, or nothing is asked.
    """
    best, weight = FALLBACK, 0.0
    for part in (asked or "").split(","):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        language = tag.replace("_", "-").partition("-")[0].lower()
        quality = _quality(parameters)
        if language in languages() and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameters: list[str]) -> float:
    """The q of a part of Accept-Language: 0..1, 1 where there is none, 0 where it is broken."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
