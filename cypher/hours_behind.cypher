// subject: prerequisites
// question: 19
// purpose: The hours of work behind a course: all that it requires, directly or through others.
// access: read
// parameters:
//   course_id: string = "" -- the course; empty: every course that requires another
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   courses [courses] -- required before it, alternatives left out
//   hours [hours] -- their hours together
//   all_courses [courses] -- the same with all alternatives (any_of)
//   all_hours [hours] -- their hours together: more than anybody needs
//   unknown_hours [courses] -- of all_courses, those whose hours are not known; they count as 0
// reading: The true work lies between hours and all_hours, and above where unknown_hours is not 0.
//   A long way to a course that many want asks for a shorter one.
// note: The course itself does not count, not even where it requires itself through a circle.
// computed by: hours_behind
MATCH (c:Course)
WHERE EXISTS { MATCH (c)-[:REQUIRES]->(:Course) } OR EXISTS { MATCH (c)<-[:REQUIRES]-(:Course) }
RETURN 'course' AS kind, c.id AS id, c.title AS title, '' AS requires_id, '' AS any_of,
  c.hours AS hours
UNION ALL
MATCH (c:Course)-[q:REQUIRES]->(p:Course)
RETURN 'edge' AS kind, c.id AS id, '' AS title, p.id AS requires_id, q.any_of AS any_of,
  p.hours AS hours
