// subject: evidence
// purpose: Courses that a course requires directly.
// parameters:
//   course_id: string -- the course
// columns:
//   requires_course_id -- the prerequisite
//   title -- its title
//   any_of -- rows with the same name are alternatives; empty: it is required
MATCH (c:Course {id: $course_id})-[q:REQUIRES]->(p:Course)
RETURN p.id AS requires_course_id, p.title AS title, q.any_of AS any_of
ORDER BY requires_course_id, any_of
