// subject: courses
// question: 22
// purpose: Visible courses that no or few learners took, and the roles they would serve.
// access: read
// parameters:
//   max_learners: int = 0 -- courses with at most so many learners
//   limit: int = 100 -- at most so many rows
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   learners [learners] -- who enrolled, completed, viewed, rated or dropped it
//   role_id [id] -- a role that needs what it teaches; empty: none does
//   role_name [text] -- its name
//   skills [skills] -- how many of the skills that the role needs the course teaches
// reading: A cold course that serves a role should be shown to those who aim for it; one that serves
//   none may go. One row for each course and role.
MATCH (c:Course)
WHERE NOT coalesce(c.hidden, false)
OPTIONAL MATCH (l:Learner)-[:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED]->(c)
WITH c, count(DISTINCT l.id) AS learners
WHERE learners <= $max_learners
OPTIONAL MATCH (c)-[:TEACHES]->(s:Skill)<-[:NEEDS]-(r:Role)
WITH c.id AS course_id, c.title AS title, learners, coalesce(r.id, '') AS role_id,
  coalesce(r.name, '') AS role_name, count(s.id) AS skills
RETURN course_id, title, learners, role_id, role_name, skills
ORDER BY learners, course_id, skills DESC, role_id
LIMIT $limit
