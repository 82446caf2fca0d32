// subject: learners
// question: 20
// purpose: The skills that a role needs by how many learners have each.
// access: read
// parameters:
//   role_id: string -- the role
//   assume_enrolled_done: bool = true -- see the note
// columns:
//   skill_id [id] -- a skill the role needs
//   name [text] -- its name
//   essential [true/false] -- whether the role calls it essential; null where it does not say
//   assessed [learners] -- who were assessed to hold it
//   by_course [learners] -- others, who completed a course that teaches it
//   holders [learners] -- assessed + by_course
// reading: The first rows are the role's scarcest skills. Levels do not count here.
// note: Completed means COMPLETED. Where a source records no completions (fewer COMPLETED than
//   one in a hundred ENROLLED in the whole graph), ENROLLED counts as completed too, unless
//   assume_enrolled_done is false.
// computed by: completion over $enrolled_counts
MATCH (r:Role {id: $role_id})-[n:NEEDS]->(s:Skill)
OPTIONAL MATCH (s)<-[:HOLDS]-(h:Learner)
WITH s, n.essential AS essential, count(h.id) AS assessed
OPTIONAL MATCH (s)<-[:TEACHES]-(:Course)<-[d:COMPLETED|ENROLLED]-(l:Learner)
WHERE (type(d) = 'COMPLETED' OR $enrolled_counts) AND NOT EXISTS { MATCH (l)-[:HOLDS]->(s) }
WITH s, essential, assessed, count(DISTINCT l.id) AS by_course
RETURN s.id AS skill_id, s.name AS name, essential, assessed, by_course,
  assessed + by_course AS holders
ORDER BY holders, skill_id
