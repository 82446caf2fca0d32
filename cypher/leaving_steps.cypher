// subject: courses
// question: 11
// purpose: The step at which leavers stop: how many courses they had completed when they did.
// access: read
// parameters:
//   role_id: string = "" -- only courses that teach what this role needs; empty: all courses
// columns:
//   step [ordinal] -- 1 is the first course, n the one after n - 1 completed
//   learners [learners] -- who reached the step: began a course after completing step - 1
//   stopped [learners] -- of these, those who completed none further
//   stop_rate [0..1] -- stopped / learners
// reading: The step with the highest stop_rate among those with many learners is where help is
//   needed. A learner who is still under way counts as stopped at the step they are at.
// note: Begun is ENROLLED, COMPLETED or DROPPED; completed is COMPLETED. Where a source records no
//   completions, everybody stops at step 1: it says nothing then.
// computed by: leaving_steps
MATCH (l:Learner)-[r:ENROLLED|COMPLETED|DROPPED]->(c:Course)
WHERE $role_id = '' OR EXISTS { MATCH (c)-[:TEACHES]->(:Skill)<-[:NEEDS]-(:Role {id: $role_id}) }
WITH l.id AS learner_id, c.id AS course_id,
  count(CASE WHEN type(r) = 'COMPLETED' THEN 1 END) AS passes
WITH learner_id, count(course_id) AS begun, count(CASE WHEN passes > 0 THEN 1 END) AS completed
WITH completed, CASE WHEN begun > completed THEN 1 ELSE 0 END AS unfinished, learner_id
RETURN completed, unfinished, count(learner_id) AS learners
