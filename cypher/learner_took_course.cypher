// subject: evidence
// purpose: What a learner did with a course; no row if nothing.
// parameters:
//   learner_id: string -- the learner
//   course_id: string -- the course
// columns:
//   type -- ENROLLED, COMPLETED, VIEWED, RATED or DROPPED
//   times -- how often
MATCH (l:Learner {id: $learner_id})-[r:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]->(c:Course {id: $course_id})
RETURN type(r) AS type, count(r) AS times
ORDER BY type
