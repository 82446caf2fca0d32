// subject: prerequisites
// question: 2
// purpose: Courses and skills that most others depend on, directly or through others.
// access: read
// parameters:
//   kind: string = "" -- course, skill, or empty for both
//   limit: int = 20 -- at most so many
// columns:
//   kind [text] -- course or skill
//   id [id] -- the prerequisite
//   name [text] -- its title or name
//   direct_dependents [count] -- how many require it themselves
//   all_dependents [count] -- how many require it at any depth
// reading: The first rows hold back the most: offer them often, and an alternative to them.
// note: An alternative (any_of) counts as a prerequisite like any other. What depends on itself
//   through a circle is not counted as its own dependent.
// computed by: bottlenecks
MATCH (c:Course)-[:REQUIRES]->(p:Course)
RETURN 'course' AS kind, c.id AS id, p.id AS requires_id, p.title AS requires_name
UNION ALL
MATCH (p:Skill)-[:PREREQUISITE_OF]->(s:Skill)
RETURN 'skill' AS kind, s.id AS id, p.id AS requires_id, p.name AS requires_name
