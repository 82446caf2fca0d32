// subject: catalogue
// question: 7
// purpose: Skills that no visible course teaches, those that most roles need first.
// access: read
// parameters:
//   only_needed: bool = false -- only skills that some role needs
//   limit: int = 100 -- at most so many
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   roles [count] -- how many roles need it
// reading: With only_needed=true each row is a course that is missing; the first ones serve most
//   roles.
MATCH (s:Skill)
WHERE NOT EXISTS { MATCH (s)<-[:TEACHES]-(c:Course) WHERE NOT coalesce(c.hidden, false) }
OPTIONAL MATCH (s)<-[n:NEEDS]-(r:Role)
WITH s.id AS skill_id, s.name AS name, count(r.id) AS roles
WHERE roles > 0 OR NOT $only_needed
RETURN skill_id, name, roles
ORDER BY roles DESC, skill_id
LIMIT $limit
