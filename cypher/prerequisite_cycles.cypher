// subject: prerequisites
// purpose: Courses or skills that require each other in a circle, so that none can come first.
// parameters:
//   limit: int = 100 -- at most so many circles
// columns:
//   kind -- course or skill
//   cycle_id -- number of the circle, the largest first within its kind
//   size -- how many members require each other
//   members -- their ids, sorted
//   path -- one shortest circle among them: each id requires the next, the last the first
// computed by: cycles
MATCH (c:Course)-[:REQUIRES]->(p:Course)
RETURN 'course' AS kind, c.id AS id, p.id AS requires_id
UNION ALL
MATCH (p:Skill)-[:PREREQUISITE_OF]->(s:Skill)
RETURN 'skill' AS kind, s.id AS id, p.id AS requires_id
