// subject: prerequisites
// question: 18
// purpose: Courses required before another although they teach a skill that builds on one it teaches.
// access: read
// parameters:
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course that comes later
//   skill_id [id] -- a skill that it teaches
//   requires_course_id [id] -- the course that must come first
//   later_skill_id [id] -- a skill taught there, which requires skill_id
//   skill_name [text] -- name of skill_id
//   later_skill_name [text] -- name of later_skill_id
// reading: Course order and skill order contradict each other: turn one of the two edges round, or
//   move the skill. Skills that both courses teach are left out.
// note: Edges are taken as they stand, one step each; alternatives (any_of) are included.
MATCH (c:Course)-[:REQUIRES]->(p:Course)
WHERE c.id <> p.id
WITH DISTINCT c, p
MATCH (p)-[:TEACHES]->(t:Skill)
MATCH (t)<-[:PREREQUISITE_OF]-(s:Skill)
WHERE s.id <> t.id
MATCH (s)<-[:TEACHES]-(x:Course)
WHERE x.id = c.id AND NOT EXISTS { MATCH (p)-[:TEACHES]->(s) }
  AND NOT EXISTS { MATCH (c)-[:TEACHES]->(t) }
RETURN DISTINCT c.id AS course_id, s.id AS skill_id, p.id AS requires_course_id,
  t.id AS later_skill_id, s.name AS skill_name, t.name AS later_skill_name
ORDER BY course_id, requires_course_id, skill_id, later_skill_id
LIMIT $limit
