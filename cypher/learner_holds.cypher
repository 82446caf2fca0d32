// subject: service
// purpose: Skills that a learner was assessed to hold.
// parameters:
//   learner_id: string -- the learner
// columns:
//   skill_id -- the skill
//   level -- its level; null where unknown
//   at -- when, epoch ms; null where unknown
MATCH (l:Learner {id: $learner_id})-[h:HOLDS]->(s:Skill)
RETURN s.id AS skill_id, h.level AS level, h.at AS at
ORDER BY skill_id
