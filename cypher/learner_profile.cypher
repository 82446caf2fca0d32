// subject: service
// purpose: A learner's role and the role they aim for; no row for an unknown learner.
// access: read
// parameters:
//   learner_id: string -- the learner
// columns:
//   learner_id [id] -- the learner
//   role_id [id] -- their role; null where unknown
//   target_role_id [id] -- the role they aim for; null where none
MATCH (l:Learner {id: $learner_id})
OPTIONAL MATCH (l)-[:IN_ROLE]->(r:Role)
OPTIONAL MATCH (l)-[:TARGETS]->(t:Role)
RETURN l.id AS learner_id, r.id AS role_id, t.id AS target_role_id
ORDER BY learner_id
