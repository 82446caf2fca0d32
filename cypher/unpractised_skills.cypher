// subject: catalogue
// question: 8
// purpose: Skills that a visible course teaches, never practised or never assessed.
// access: read
// parameters:
//   limit: int = 100 -- at most so many
// columns:
//   skill_id [id] -- the skill
//   name [text] -- its name
//   courses [courses] -- visible courses that teach it
//   courses_taken [courses] -- of these, those that any learner took
//   courses_scored [courses] -- of these, those in which any learner got a score
//   holders [learners] -- learners who were assessed to hold it
// reading: courses_taken = 0 means never practised; courses_scored = 0 and holders = 0 means never
//   assessed. Every row is one of the two, the never practised first.
// note: Taken is enrolled, completed, viewed, rated or dropped. The score of a RATED is what a
//   learner thinks of the course, and no assessment.
MATCH (c:Course)
WHERE NOT coalesce(c.hidden, false)
OPTIONAL MATCH (c)<-[r:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]-(:Learner)
WITH c, count(r) AS events,
  count(CASE WHEN r.score IS NOT NULL AND type(r) <> 'RATED' THEN 1 END) AS scores
MATCH (c)-[:TEACHES]->(s:Skill)
WITH s, count(c.id) AS courses, count(CASE WHEN events > 0 THEN 1 END) AS courses_taken,
  count(CASE WHEN scores > 0 THEN 1 END) AS courses_scored
OPTIONAL MATCH (s)<-[:HOLDS]-(l:Learner)
WITH s.id AS skill_id, s.name AS name, courses, courses_taken, courses_scored,
  count(l.id) AS holders
WHERE courses_taken = 0 OR (courses_scored = 0 AND holders = 0)
RETURN skill_id, name, courses, courses_taken, courses_scored, holders
ORDER BY courses_taken, courses DESC, skill_id
LIMIT $limit
