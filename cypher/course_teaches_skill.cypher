// subject: evidence
// purpose: Whether a course teaches a skill: one row if so.
// access: read
// parameters:
//   course_id: string -- the course
//   skill_id: string -- the skill
// columns:
//   course_id [id] -- the course
//   skill_id [id] -- the skill
//   level [level] -- level it is taught to; null where unknown
MATCH (c:Course {id: $course_id})-[t:TEACHES]->(s:Skill {id: $skill_id})
RETURN c.id AS course_id, s.id AS skill_id, t.level AS level
ORDER BY course_id
