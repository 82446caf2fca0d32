// subject: evidence
// purpose: Courses that a course requires directly.
// access: read
// parameters:
//   course_id: string -- the course
// columns:
//   requires_course_id [id] -- the prerequisite
//   title [text] -- its title
//   any_of [text] -- rows with the same name are alternatives; empty: it is required
MATCH (c:Course {id: $course_id})-[q:REQUIRES]->(p:Course)
RETURN p.id AS requires_course_id, p.title AS title, q.any_of AS any_of
ORDER BY requires_course_id, any_of
