// subject: prerequisites
// purpose: Every course that a course requires, directly or through others.
// access: read
// parameters:
//   course_id: string -- the course
// columns:
//   course_id [id] -- a course it requires
//   title [text] -- its title
//   depth [steps] -- fewest steps to it: 1 is required directly
// note: Alternatives (any_of) are all listed. A course that requires itself through a circle
//   is not listed among its own prerequisites.
// computed by: closure over $frontier
MATCH (c:Course)-[:REQUIRES]->(p:Course)
WHERE c.id IN $frontier
RETURN DISTINCT p.id AS course_id, p.title AS title
