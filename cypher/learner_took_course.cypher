// subject: evidence
// purpose: What a learner did with a course; no row if nothing.
// access: read
// parameters:
//   learner_id: string -- the learner
//   course_id: string -- the course
// columns:
//   type [text] -- enrolled, completed, viewed, rated or dropped
//   times [count] -- how often
MATCH (l:Learner {id: $learner_id})-[r:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]->(c:Course {id: $course_id})
RETURN toLower(type(r)) AS type, count(r) AS times
ORDER BY type
