// subject: catalogue
// question: 6
// purpose: Skills that roles need and that exactly one visible course teaches.
// access: read
// parameters:
//   role_id: string = "" -- only what this role needs; empty: any role
//   limit: int = 100 -- at most so many
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   course_id [id] -- the only course that teaches it
//   title [text] -- its title
//   roles [roles] -- how many roles need the skill
// reading: If that course goes, these roles cannot be reached: have a second course, or guard it.
// note: Levels do not count here: a course that teaches the skill to any level is a source.
MATCH (s:Skill)<-[:NEEDS]-(r:Role)
WITH s, count(r.id) AS roles,
  count(CASE WHEN $role_id = '' OR r.id = $role_id THEN 1 END) AS asked
WHERE asked > 0
MATCH (s)<-[:TEACHES]-(c:Course)
WHERE NOT coalesce(c.hidden, false)
WITH s, roles, count(c.id) AS sources, min(c.id) AS source_id
WHERE sources = 1
MATCH (c:Course {id: source_id})
RETURN s.id AS skill_id, s.name AS name, c.id AS course_id, c.title AS title, roles
ORDER BY roles DESC, skill_id
LIMIT $limit
