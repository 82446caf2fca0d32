// subject: prerequisites
// question: 3
// purpose: Required courses by what their dropouts put out of reach: courses behind x dropout rate.
// access: read
// parameters:
//   count_unfinished: bool = false -- whoever has not completed it counts as having dropped it
//   min_learners: int = 1 -- only courses that so many learners began
//   limit: int = 20 -- at most so many
// columns:
//   course_id [id] -- the prerequisite
//   title [text] -- its title
//   all_dependents [courses] -- how many courses require it at any depth
//   learners [learners] -- who began it
//   left [learners] -- of these, those who dropped it (or are unfinished) and have not completed it
//   dropout_rate [0..1] -- left / learners
//   risk [courses a learner] -- all_dependents x dropout_rate
// reading: Risk is how many courses one learner who begins here loses on average. Improve the first
//   rows first: nothing else in the catalogue frees as much.
// note: An alternative (any_of) counts as a prerequisite like any other.
// computed by: risk
MATCH (c:Course)-[:REQUIRES]->(p:Course)
RETURN 'edge' AS kind, c.id AS id, p.id AS requires_id, '' AS title, 0 AS learners, 0 AS dropped,
  0 AS unfinished
UNION ALL
MATCH (c:Course)<-[r:ENROLLED|COMPLETED|DROPPED]-(l:Learner)
WHERE EXISTS { MATCH (c)<-[:REQUIRES]-(:Course) }
WITH c, l.id AS learner_id, count(CASE WHEN type(r) = 'COMPLETED' THEN 1 END) AS done,
  count(CASE WHEN type(r) = 'DROPPED' THEN 1 END) AS gone
RETURN 'course' AS kind, c.id AS id, '' AS requires_id, c.title AS title,
  count(learner_id) AS learners, count(CASE WHEN done = 0 AND gone > 0 THEN 1 END) AS dropped,
  count(CASE WHEN done = 0 THEN 1 END) AS unfinished
