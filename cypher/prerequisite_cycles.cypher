// subject: prerequisites
// question: 1
// purpose: Courses or skills that require each other in a circle, so that none can come first.
// access: read
// parameters:
//   limit: int = 100 -- at most so many circles
// columns:
//   kind [text] -- course or skill
//   cycle_id [ordinal] -- number of the circle, the largest first within its kind
//   size [count] -- how many members require each other
//   members [ids] -- their ids, sorted
//   path [ids] -- one shortest circle among them: each id requires the next, the last the first
// reading: Every row is a fault: nobody can begin such a circle. Break it by removing one step of
//   path.
// computed by: cycles
MATCH (c:Course)-[:REQUIRES]->(p:Course)
RETURN 'course' AS kind, c.id AS id, p.id AS requires_id
UNION ALL
MATCH (p:Skill)-[:PREREQUISITE_OF]->(s:Skill)
RETURN 'skill' AS kind, s.id AS id, p.id AS requires_id
