"""MovieLens as published: 100K (``u.data``, ``u.item``) or 1M (``ratings.dat``, ``movies.dat``).

A film is a course, its genres are the skills it teaches, a rating is RATED with its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.errors import SourceError
from graphrec.events.readers.text import Chunk, TextTable, count_lines
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names, require_folder

# fmt: off
_GENRES_100K = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
    "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance",
    "Sci-Fi", "Thriller", "War", "Western",
]
# fmt: on
_ITEM_100K = ("movie_id", "title", "released", "video_released", "imdb_url", *_GENRES_100K)
_RATING = ("learner_id", "course_id", "score", "seconds")


class MovielensReader(Reader):
    """Reads the folder of either edition; the file of films is required."""

    source: ClassVar[str] = "movielens"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._films: TextTable | None = None
        self._ratings: TextTable | None = None

    def check(self) -> None:
        """Find out the edition and check its files."""
        require_folder(self.path, self.source)
        if (self.path / "u.item").is_file():
            self._open("u.item", "|", _ITEM_100K, "u.data", "\t")
        elif (self.path / "movies.dat").is_file():
            columns = ("movie_id", "title", "genres")
            self._open("movies.dat", "::", columns, "ratings.dat", "::")
        else:
            raise SourceError(
                f"neither u.item nor movies.dat is here; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Give the folder of the original ML-100K or ML-1M.",
            )
        if self._films and self._films.file == "u.item":
            self.log.note("u.item: columns video_released, imdb_url, not read")
        for file in ("u.user", "users.dat"):
            if (self.path / file).is_file():
                num = count_lines(self.path / file, header=False)
                self.log.note(f"{file}: {num} descriptions of raters, not read")

    def _open(
        self, films: str, delimiter: str, columns: tuple[str, ...], ratings: str, between: str
    ) -> None:
        self._films = TextTable(
            self.path / films,
            "courses",
            delimiter=delimiter,
            quoted=False,
            columns=columns,
            encoding="latin-1",
        )
        self._films.check()
        if not (self.path / ratings).exists():
            self.log.warn(f"{ratings} is not there: no ratings are read")
            return
        self._ratings = TextTable(
            self.path / ratings,
            "interactions",
            delimiter=between,
            quoted=False,
            columns=_RATING,
        )
        self._ratings.check()

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order."""
        if self._films is None:
            self.check()
        assert self._films is not None  # noqa: S101 - check() has set it
        chunks = list(self._films.chunks(self.log))
        file = self._films.file
        for chunk in chunks:
            yield SourceBatch("courses", _courses(chunk), file, chunk.lines)
        genres = pd.concat([_genres(chunk) for chunk in chunks] or [_genres(None)])
        distinct = genres.drop_duplicates("skill_id").sort_values("skill_id")
        names = pa.array(distinct["skill_id"].tolist(), pa.string())
        yield SourceBatch(
            "skills", pa.table({"skill_id": names, "name": names}), file, _lines(distinct)
        )
        rows = {
            name: pa.array(genres[name].tolist(), pa.string()) for name in ("course_id", "skill_id")
        }
        yield SourceBatch("teaches", pa.table(rows), file, _lines(genres))
        if self._ratings is not None:
            for chunk in self._ratings.chunks(self.log):
                yield SourceBatch("interactions", _rated(chunk), self._ratings.file, chunk.lines)


def _lines(frame: pd.DataFrame) -> np.ndarray:
    return frame["line"].to_numpy(np.int64)


def _courses(chunk: Chunk) -> pa.Table:
    columns = {
        "course_id": chunk.columns.column("movie_id"),
        "title": chunk.columns.column("title"),
    }
    if "released" in chunk.columns.column_names:
        released = chunk.columns.column("released").to_pandas()
        dates = pd.to_datetime(released, format="%d-%b-%Y", errors="coerce")
        iso = dates.dt.strftime("%Y-%m-%d").astype(object)
        # What is no date stays as it is: the validation refuses it with its reason.
        kept = iso.where(dates.notna(), released.astype(object))
        columns["published_at"] = pa.array(kept.tolist(), pa.string())
    return pa.table(columns)


def _genres(chunk: Chunk | None) -> pd.DataFrame:
    """One row a film and genre: course_id, skill_id, line."""
    if chunk is None:
        return pd.DataFrame({"course_id": [], "skill_id": [], "line": []})
    films = chunk.columns.to_pandas().astype(object)
    films["line"] = chunk.lines
    if "genres" in films:
        films["skill_id"] = films["genres"].str.split("|")
    else:
        flags = films[_GENRES_100K].to_numpy() == "1"
        names = np.array(_GENRES_100K, dtype=object)
        films["skill_id"] = [names[row].tolist() for row in flags]
    films = films.rename(columns={"movie_id": "course_id"})[["course_id", "skill_id", "line"]]
    exploded = films.explode("skill_id").dropna(subset=["skill_id"])
    is_named = (exploded["skill_id"] != "").to_numpy(dtype=bool)
    return pd.DataFrame(exploded.loc[is_named])


def _rated(chunk: Chunk) -> pa.Table:
    seconds = chunk.columns.column("seconds")
    is_number = pc.match_substring_regex(seconds, r"^\d{1,12}$")
    at = pc.binary_join_element_wise(seconds, pc.if_else(is_number, "000", " is no time"), "")
    rated = pa.array(["rated"] * chunk.columns.num_rows, pa.string())
    rows = chunk.columns.select(["learner_id", "course_id", "score"])
    return rows.append_column("type", rated).append_column("at", at)
