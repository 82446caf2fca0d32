// subject: catalogue
// question: 4
// purpose: Skills that no course teaches, no role needs and no other skill builds on or requires.
// access: read
// parameters:
//   limit: int = 100 -- at most so many
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   holders [learners] -- how many learners were assessed to hold it
// reading: Nothing leads to such a skill and nothing asks for it: link it to a course or a role, or
//   delete it. One with holders is still worth a thought.
MATCH (s:Skill)
WHERE NOT EXISTS { MATCH (s)<-[:TEACHES]-(:Course) }
  AND NOT EXISTS { MATCH (s)<-[:NEEDS]-(:Role) }
  AND NOT EXISTS { MATCH (s)-[:PREREQUISITE_OF]->(:Skill) }
  AND NOT EXISTS { MATCH (s)<-[:PREREQUISITE_OF]-(:Skill) }
OPTIONAL MATCH (s)<-[:HOLDS]-(l:Learner)
WITH s.id AS skill_id, s.name AS name, count(l.id) AS holders
RETURN skill_id, name, holders
ORDER BY skill_id
LIMIT $limit
