// subject: service
// purpose: Whether any learner of this graph has completed a course.
// columns:
//   learner_id -- one who did; no row: nobody
MATCH (l:Learner)-[:COMPLETED]->(c:Course)
RETURN l.id AS learner_id
LIMIT 1
