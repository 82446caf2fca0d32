// subject: prerequisites
// question: 12
// purpose: Prerequisites that learners ignored in practice, and how those learners fared.
// access: read
// parameters:
//   min_learners: int = 1 -- only where so many learners ignored it
//   assume_enrolled_done: bool = true -- see the note
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   requires_course_id [id] -- the prerequisite
//   learners [learners] -- who began the course
//   ignored [learners] -- of these, those who had not completed the prerequisite
//   ignored_rate [0..1] -- ignored / learners
//   passed_ignoring [learners] -- of those who ignored it, those who completed the course
//   pass_rate_ignoring [0..1] -- passed_ignoring / ignored
// reading: Where many ignore a prerequisite and pass all the same, it may be no prerequisite; where
//   they fail, enforce it.
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
WITH c, p, count(passed) AS learners, count(CASE WHEN kept = 0 THEN 1 END) AS ignored,
  count(CASE WHEN kept = 0 AND passed = 1 THEN 1 END) AS passed_ignoring
WHERE ignored > 0 AND ignored >= $min_learners
RETURN c.id AS course_id, c.title AS title, p.id AS requires_course_id, learners, ignored,
  toFloat(ignored) / toFloat(learners) AS ignored_rate, passed_ignoring,
  toFloat(passed_ignoring) / toFloat(ignored) AS pass_rate_ignoring
ORDER BY ignored DESC, course_id, requires_course_id
LIMIT $limit
