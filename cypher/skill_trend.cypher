// subject: learners
// question: 24
// purpose: Growth or decline of a skill over time: how often courses that teach it were taken.
// access: read
// parameters:
//   skill_id: string -- the skill
//   period: string = "year" -- year, quarter or month
// columns:
//   period [text] -- 2024, 2024-Q1 or 2024-01, in UTC; periods without any are listed with 0
//   taken [events] -- times that a learner enrolled in, completed or viewed such a course
//   all_taken [events] -- the same of all courses
//   share [0..1] -- taken / all_taken; null where all_taken is 0
//   growth [ratio] -- taken / taken in the period before, less 1; null where that was 0 or unknown
// reading: Growth mixes the skill with the academy's own: compare share. The first and the last
//   period may be incomplete.
// note: What has no time is not counted.
// computed by: trend
MATCH (:Learner)-[d:ENROLLED|COMPLETED|VIEWED]->(c:Course)
WHERE d.at IS NOT NULL AND EXISTS { MATCH (:Skill {id: $skill_id}) }
WITH c, d.at - (d.at % 86400000 + 86400000) % 86400000 AS day, count(d) AS taken
RETURN c.id AS course_id, day, taken, 0 AS teaches
UNION ALL
MATCH (c:Course)-[:TEACHES]->(:Skill {id: $skill_id})
RETURN c.id AS course_id, 0 AS day, 0 AS taken, 1 AS teaches
