// subject: prerequisites
// question: 16
// purpose: Prerequisite edges that say nothing new: what is required is required by another way too.
// access: read
// parameters:
//   kind: string = "" -- course, skill, or empty for both
//   limit: int = 100 -- at most so many
// columns:
//   kind [text] -- course or skill
//   id [id] -- what requires
//   requires_id [id] -- what it requires, directly and by another way
//   through [ids] -- a shortest other way, from id to requires_id, both included
// reading: Such an edge can be deleted and nothing changes for a learner. Of several edges on a
//   circle delete one, then ask again.
// note: Alternatives (any_of) are left out: they need not be taken. Self-loops are no way.
// computed by: redundant_edges
MATCH (c:Course)-[q:REQUIRES]->(p:Course)
WHERE q.any_of = ''
RETURN 'course' AS kind, c.id AS id, p.id AS requires_id
UNION ALL
MATCH (p:Skill)-[:PREREQUISITE_OF]->(s:Skill)
RETURN 'skill' AS kind, s.id AS id, p.id AS requires_id
