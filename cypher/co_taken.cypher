// subject: evidence
// purpose: How many learners took both of two courses, in any way but dropping.
// access: read
// parameters:
//   course_id: string -- one course
//   other_course_id: string -- the other
// columns:
//   learners [count] -- learners who enrolled in, completed, viewed or rated both
MATCH (a:Course {id: $course_id})<-[:ENROLLED|COMPLETED|VIEWED|RATED]-(l:Learner)
WITH DISTINCT l
MATCH (l)-[:ENROLLED|COMPLETED|VIEWED|RATED]->(b:Course {id: $other_course_id})
RETURN count(DISTINCT l.id) AS learners
ORDER BY learners
