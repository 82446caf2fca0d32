// subject: service
// purpose: Skills that a learner was assessed to hold.
// access: read
// parameters:
//   learner_id: string -- the learner
// columns:
//   skill_id [id] -- the skill
//   level [level] -- its level; null where unknown
//   at [epoch ms] -- when, epoch ms; null where unknown
MATCH (l:Learner {id: $learner_id})-[h:HOLDS]->(s:Skill)
RETURN s.id AS skill_id, h.level AS level, h.at AS at
ORDER BY skill_id
