// subject: courses
// question: 10
// purpose: Where learners leave: those who dropped a course, and those who never completed it.
// access: read
// parameters:
//   min_learners: int = 1 -- only courses that so many learners began
//   limit: int = 50 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   learners [count] -- learners who began it: any of ENROLLED, COMPLETED or DROPPED
//   completed [count] -- of these, those who completed it
//   dropped [count] -- of these, those who dropped it and have not completed it
//   unfinished [count] -- of these, those who have not completed it, dropped or not
//   dropout_rate [0..1] -- dropped / learners, 0..1
//   unfinished_rate [0..1] -- unfinished / learners, 0..1
// reading: The first rows lose the largest part of their learners; look at learners before
//   trusting a rate.
// note: In a source that records no completions everybody is unfinished, in one that records no
//   dropping nobody has dropped; the rates say no more than the source does.
MATCH (l:Learner)-[r:ENROLLED|COMPLETED|DROPPED]->(c:Course)
WITH c, l.id AS learner_id, count(CASE WHEN type(r) = 'COMPLETED' THEN 1 END) AS done,
  count(CASE WHEN type(r) = 'DROPPED' THEN 1 END) AS gone
WITH c, count(learner_id) AS learners, count(CASE WHEN done > 0 THEN 1 END) AS completed,
  count(CASE WHEN done = 0 AND gone > 0 THEN 1 END) AS dropped
WHERE learners >= $min_learners
RETURN c.id AS course_id, c.title AS title, learners, completed, dropped,
  learners - completed AS unfinished,
  toFloat(dropped) / toFloat(learners) AS dropout_rate,
  toFloat(learners - completed) / toFloat(learners) AS unfinished_rate
ORDER BY dropout_rate DESC, unfinished_rate DESC, learners DESC, course_id
LIMIT $limit
