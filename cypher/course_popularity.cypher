// subject: service
// purpose: How many learners took or viewed each course, those with nobody included.
// access: read
// columns:
//   course_id [id] -- the course
//   num_learners [count] -- distinct learners who enrolled, completed, viewed or rated it
MATCH (c:Course)
OPTIONAL MATCH (l:Learner)-[:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]->(c)
RETURN c.id AS course_id, count(DISTINCT l.id) AS num_learners
ORDER BY course_id
