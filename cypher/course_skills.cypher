// subject: service
// purpose: Skills that a course teaches.
// access: read
// parameters:
//   course_id: string -- the course
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   level [level] -- level it is taught to; null where unknown
MATCH (c:Course {id: $course_id})-[t:TEACHES]->(s:Skill)
RETURN s.id AS skill_id, s.name AS name, t.level AS level
ORDER BY skill_id
