// subject: catalogue
// purpose: Courses that teach no skill, require nothing and are required by nothing.
// parameters:
//   limit: int = 100 -- at most so many
// columns:
//   course_id -- the course
//   title -- its title
//   provider -- who offers it
MATCH (c:Course)
WHERE NOT EXISTS { MATCH (c)-[:TEACHES]->(:Skill) }
  AND NOT EXISTS { MATCH (c)-[:REQUIRES]->(:Course) }
  AND NOT EXISTS { MATCH (c)<-[:REQUIRES]-(:Course) }
RETURN c.id AS course_id, c.title AS title, c.provider AS provider
ORDER BY course_id
LIMIT $limit
