// subject: prerequisites
// question: 13
// purpose: Whether learners who had a prerequisite passed the course more often than those who had not.
// access: read
// parameters:
//   min_learners: int = 1 -- only where both groups have so many learners
//   assume_enrolled_done: bool = true -- see the note
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   requires_course_id [id] -- the prerequisite
//   learners_with [learners] -- who began the course with the prerequisite
//   learners_without [learners] -- who began it without
//   pass_rate_with [0..1] -- part of learners_with who completed the course
//   pass_rate_without [0..1] -- part of learners_without who completed it
//   difference [-1..1] -- pass_rate_with - pass_rate_without
// reading: Observational, so no proof: those who kept the prerequisite may differ in other ways. A
//   difference near 0 over many learners asks what the prerequisite is for.
// note: A learner began the course by ENROLLED, COMPLETED or DROPPED, and kept the prerequisite if
//   they completed it and not later than they began (by time, else by order; where neither is
//   known, at any time). Passed is COMPLETED. Alternatives (any_of) are left out.
// note: Completed means COMPLETED. Where a source records no completions (fewer COMPLETED than
//   one in a hundred ENROLLED in the whole graph), ENROLLED counts as a completed prerequisite too,
//   unless assume_enrolled_done is false.
// computed by: completion over $enrolled_counts
MATCH (c:Course)-[q:REQUIRES]->(p:Course)
WHERE q.any_of = '' AND c.id <> p.id
MATCH (l:Learner)-[r:ENROLLED|COMPLETED|DROPPED]->(c)
WITH c, p, l, min(r.at) AS began_at, min(r.seq) AS began_seq,
  count(CASE WHEN type(r) = 'COMPLETED' THEN 1 END) AS passes
OPTIONAL MATCH (l)-[d:COMPLETED|ENROLLED]->(p)
WHERE type(d) = 'COMPLETED' OR $enrolled_counts
WITH c, p, l, passes, began_at, began_seq, count(d) AS had, min(d.at) AS had_at,
  min(d.seq) AS had_seq
WITH c, p, CASE WHEN passes > 0 THEN 1 ELSE 0 END AS passed,
  CASE WHEN had = 0 THEN 0
    WHEN began_at IS NOT NULL AND had_at IS NOT NULL AND had_at > began_at THEN 0
    WHEN (began_at IS NULL OR had_at IS NULL) AND began_seq IS NOT NULL AND had_seq IS NOT NULL
      AND had_seq > began_seq THEN 0
    ELSE 1 END AS kept
WITH c, p, count(CASE WHEN kept = 1 THEN 1 END) AS learners_with,
  count(CASE WHEN kept = 0 THEN 1 END) AS learners_without,
  count(CASE WHEN kept = 1 AND passed = 1 THEN 1 END) AS passed_with,
  count(CASE WHEN kept = 0 AND passed = 1 THEN 1 END) AS passed_without
WHERE learners_with > 0 AND learners_without > 0
  AND learners_with >= $min_learners AND learners_without >= $min_learners
WITH c, p, learners_with, learners_without,
  toFloat(passed_with) / toFloat(learners_with) AS pass_rate_with,
  toFloat(passed_without) / toFloat(learners_without) AS pass_rate_without
RETURN c.id AS course_id, c.title AS title, p.id AS requires_course_id, learners_with,
  learners_without, pass_rate_with, pass_rate_without,
  pass_rate_with - pass_rate_without AS difference
ORDER BY difference DESC, course_id, requires_course_id
LIMIT $limit
