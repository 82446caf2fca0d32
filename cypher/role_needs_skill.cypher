// subject: evidence
// purpose: Whether a role needs a skill: one row if so.
// access: read
// parameters:
//   role_id: string -- the role
//   skill_id: string -- the skill
// columns:
//   role_id [id] -- the role
//   skill_id [id] -- the skill
//   level [level] -- level needed; null where unknown
//   essential [true/false] -- whether it is essential; null where the role does not say
MATCH (r:Role {id: $role_id})-[n:NEEDS]->(s:Skill {id: $skill_id})
RETURN r.id AS role_id, s.id AS skill_id, n.level AS level, n.essential AS essential
ORDER BY role_id
