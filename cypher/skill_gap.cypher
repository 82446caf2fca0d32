// subject: learners
// question: 5
// purpose: Skills that a role needs and a learner does not have to the level needed.
// access: read
// parameters:
//   learner_id: string -- the learner
//   role_id: string = "" -- the role; empty: the one that the learner targets
//   assume_enrolled_done: bool = true -- see the note
// columns:
//   role_id [id] -- the role
//   skill_id [id] -- the skill missing
//   name [text] -- its name
//   needed_level [level] -- level the role needs; null where unknown
//   held_level [level] -- best level the learner has; null where none, or unknown
//   essential [true/false] -- whether the role calls it essential; null where it does not say
// reading: Each row is a skill still to be learnt; no row means that the learner is ready, or has
//   no role.
// note: A learner has a skill by HOLDS or by a completed course that TEACHES it. An unknown
//   level (of the need or of the holding) counts as enough.
// note: Completed means COMPLETED. Where a source records no completions (fewer COMPLETED than
//   one in a hundred ENROLLED in the whole graph), ENROLLED counts as completed too, unless
//   assume_enrolled_done is false.
// computed by: completion over $enrolled_counts
MATCH (r:Role)-[n:NEEDS]->(s:Skill)
WHERE r.id = $role_id
  OR ($role_id = '' AND EXISTS { MATCH (:Learner {id: $learner_id})-[:TARGETS]->(r) })
OPTIONAL MATCH (:Learner {id: $learner_id})-[h:HOLDS]->(s)
WITH r, n, s, count(h) AS holdings, max(h.level) AS hold_level,
  count(CASE WHEN h.level IS NULL THEN 1 END) AS without_level
OPTIONAL MATCH (:Learner {id: $learner_id})-[d:COMPLETED|ENROLLED]->(:Course)-[t:TEACHES]->(s)
WHERE type(d) = 'COMPLETED' OR $enrolled_counts
WITH r, n, s, holdings, hold_level, without_level, count(t) AS courses, max(t.level) AS taught_level,
  count(CASE WHEN t.level IS NULL THEN 1 END) AS taught_without_level
WITH r, n, s,
  (holdings > 0 AND without_level > 0) OR (courses > 0 AND taught_without_level > 0)
    OR (n.level IS NULL AND holdings + courses > 0) AS enough,
  CASE WHEN hold_level IS NULL OR taught_level > hold_level THEN taught_level ELSE hold_level END
    AS held_level
WHERE NOT enough AND (held_level IS NULL OR held_level < n.level)
RETURN r.id AS role_id, s.id AS skill_id, s.name AS name, n.level AS needed_level, held_level,
  n.essential AS essential
ORDER BY role_id, skill_id
