// subject: prerequisites
// purpose: Every skill that a skill requires, directly or through others.
// access: read
// parameters:
//   skill_id: string -- the skill
// columns:
//   skill_id [id] -- a skill it requires
//   name [text] -- its name
//   depth [steps] -- fewest steps to it: 1 is required directly
// computed by: closure over $frontier
MATCH (s:Skill)<-[:PREREQUISITE_OF]-(p:Skill)
WHERE s.id IN $frontier
RETURN DISTINCT p.id AS skill_id, p.name AS name
