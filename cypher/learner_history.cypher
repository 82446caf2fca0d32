// subject: service
// purpose: What a learner did, oldest first.
// access: read
// parameters:
//   learner_id: string -- the learner
// columns:
//   course_id [id] -- the course
//   type [text] -- enrolled, completed, viewed, rated or dropped
//   at [epoch ms] -- epoch ms; null where unknown
//   seq [ordinal] -- order within the learner; null where unknown
//   score [as the source] -- a rating or mark, as the source says it
//   progress [0..1] -- 0..1
// note: What has neither time nor order comes first.
MATCH (l:Learner {id: $learner_id})-[r:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]->(c:Course)
WITH c.id AS course_id, toLower(type(r)) AS type, r.at AS at, r.seq AS seq, r.score AS score,
  r.progress AS progress, r.key AS key, coalesce(r.at, -1) AS moment, coalesce(r.seq, -1) AS place
RETURN course_id, type, at, seq, score, progress
ORDER BY moment, place, course_id, type, key
