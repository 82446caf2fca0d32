// subject: service
// purpose: One learner who took a course, for a first request.
// access: read
// columns:
//   learner_id [id] -- the first by id
MATCH (l:Learner)
WHERE EXISTS { MATCH (l)-[:ENROLLED|COMPLETED|VIEWED]->(c:Course) }
RETURN l.id AS learner_id
ORDER BY learner_id
LIMIT 1
