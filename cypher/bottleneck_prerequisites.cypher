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
//   learners_blocked [learners] -- who began the course and not completed it; null for a skill
// reading: The first rows hold back the most: offer them often, and an alternative to them.
// note: In a source that records no completions everybody who began a course stands before it.
// note: An alternative (any_of) counts as a prerequisite like any other. What depends on itself
//   through a circle is not counted as its own dependent.
// computed by: bottlenecks
MATCH (c:Course)-[:REQUIRES]->(p:Course)
RETURN 'course' AS kind, c.id AS id, p.id AS requires_id, p.title AS requires_name, 0 AS learners
UNION ALL
MATCH (p:Skill)-[:PREREQUISITE_OF]->(s:Skill)
RETURN 'skill' AS kind, s.id AS id, p.id AS requires_id, p.name AS requires_name, 0 AS learners
UNION ALL
MATCH (p:Course)<-[r:ENROLLED|COMPLETED|DROPPED]-(l:Learner)
WHERE EXISTS { MATCH (p)<-[:REQUIRES]-(:Course) }
WITH p, l.id AS learner_id, count(CASE WHEN type(r) = 'COMPLETED' THEN 1 END) AS done
WHERE done = 0
RETURN 'blocked' AS kind, '' AS id, p.id AS requires_id, '' AS requires_name,
  count(learner_id) AS learners
