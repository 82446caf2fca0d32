// subject: service
// purpose: Skills that a role needs.
// access: read
// parameters:
//   role_id: string -- the role
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   level [level] -- level needed; null where unknown
//   essential [true/false] -- whether it is essential; null where the role does not say
MATCH (r:Role {id: $role_id})-[n:NEEDS]->(s:Skill)
RETURN s.id AS skill_id, s.name AS name, n.level AS level, n.essential AS essential
ORDER BY skill_id
