// subject: catalogue
// question: 4
// purpose: Courses that teach no skill, require nothing and are required by nothing.
// access: read
// parameters:
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   provider [text] -- who offers it
// reading: Nothing says what such a course is for: say what it teaches, or retire it.
MATCH (c:Course)
WHERE NOT EXISTS { MATCH (c)-[:TEACHES]->(:Skill) }
  AND NOT EXISTS { MATCH (c)-[:REQUIRES]->(:Course) }
  AND NOT EXISTS { MATCH (c)<-[:REQUIRES]-(:Course) }
RETURN c.id AS course_id, c.title AS title, c.provider AS provider
ORDER BY course_id
LIMIT $limit
