// subject: learners
// question: 14
// purpose: Courses a learner could begin now: all prerequisites completed, not begun yet.
// access: read
// parameters:
//   learner_id: string -- the learner; an unknown one has completed nothing
//   language: string = "" -- only courses in it; empty for all
//   assume_enrolled_done: bool = true -- see the note
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   requirements [count] -- how many prerequisites it has (alternatives are one), all met
// reading: Everything listed may be begun today; the first rows build most on what was learnt.
// note: Of alternatives (the same any_of) one is enough. Hidden courses are left out, and so are
//   those the learner has enrolled in or completed. Ordered by most requirements first.
// note: Completed means COMPLETED. Where a source records no completions (fewer COMPLETED than
//   one in a hundred ENROLLED in the whole graph), ENROLLED counts as completed too, unless
//   assume_enrolled_done is false.
// computed by: completion over $enrolled_counts
MATCH (c:Course)
WHERE NOT coalesce(c.hidden, false) AND ($language = '' OR c.language = $language)
  AND NOT EXISTS { MATCH (:Learner {id: $learner_id})-[:COMPLETED|ENROLLED]->(c) }
OPTIONAL MATCH (c)-[q:REQUIRES]->(p:Course)
OPTIONAL MATCH (:Learner {id: $learner_id})-[d:COMPLETED|ENROLLED]->(p)
WHERE type(d) = 'COMPLETED' OR $enrolled_counts
WITH c, q.any_of AS any_of, CASE WHEN q.any_of = '' THEN p.id ELSE '' END AS required_id,
  count(d) AS met, count(p.id) AS named
WITH c, count(CASE WHEN named > 0 THEN 1 END) AS requirements,
  count(CASE WHEN named > 0 AND met = 0 THEN 1 END) AS missing
WHERE missing = 0
RETURN c.id AS course_id, c.title AS title, requirements
ORDER BY requirements DESC, course_id
LIMIT $limit
