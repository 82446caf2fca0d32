"""The parts of a model card that are the same for every bundle."""

from __future__ import annotations

from typing import Final

PARTS: Final = {
    "popularity": "number of learners of a course",
    "itemknn": "cosine of courses by the learners they share (Sarwar 2001)",
    "ease": "closed-form linear autoencoder (Steck 2019)",
    "graph_filter": "closed-form filter over the graph's spectrum (Shen 2021, Choi 2023)",
    "sequence_rules": "what was taken soon after what (Kamehkhosh 2017)",
    "content": "nearness of texts and skills",
    "graph": "LightGCN family: one table of course vectors over learners, courses and skills",
    "sequence": "SASRec family: a causal transformer over the courses taken",
    "viewed": "signal of the request: courses viewed and not taken",
    "role": "signal of the request: skills that the learner's role needs",
}
"""Part of the score -> what it is."""

USE: Final = """\
## Use

**For** ranking the courses of one catalogue for learners of the same platform: what to take next,
what resembles a course, what a newcomer may begin with. People choose among what it ranks.

**Not for** deciding about people (admission, grading, hiring, performance), for learners of
another platform, or for saying that somebody cannot do a course: it has learned what was taken
next, not what was learned by it, nor what would have been best. Learning paths come from the
graph's prerequisites and not from this model."""

LIMITS: Final = """\
- Learners without any history are given what is popular, and what their role needs where the
  graph knows roles; their first event changes that.
- It repeats what was taken: what the platform showed most, it will show again. See coverage, Gini
  and popularity lift, and `graphrec evaluate --curve` for what more novelty would cost.
- Figures are of a held-out part of the same data and period. Another catalogue, language or year
  needs a training and a measurement of its own."""

LICENCE: Final = """\
## Licence and provenance

The code is graphrec, Apache-2.0. The weights are derived from the data of the snapshot above:
whoever holds rights in that data, or in personal data within it, holds them here. The bundle
contains course ids and numbers, no learner's id and no text. graphrec does not know the licence of
the data."""
