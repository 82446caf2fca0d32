// subject: courses
// question: 23
// purpose: Courses that the learners who completed a course completed as well.
// access: read
// parameters:
//   course_id: string -- the course
//   assume_enrolled_done: bool = true -- see the note
//   limit: int = 20 -- at most so many
// columns:
//   course_id [id] -- another course
//   title [text] -- its title
//   learners [count] -- how many learners completed both
// reading: Popular courses are near everything: compare learners with how many took the neighbour
//   at all.
// note: Completed means COMPLETED. Where a source records no completions (fewer COMPLETED than
//   one in a hundred ENROLLED in the whole graph), ENROLLED counts as completed too, unless
//   assume_enrolled_done is false.
// computed by: completion over $enrolled_counts
MATCH (a:Course {id: $course_id})<-[d:COMPLETED|ENROLLED]-(l:Learner)
WHERE type(d) = 'COMPLETED' OR $enrolled_counts
WITH DISTINCT a, l
MATCH (l)-[e:COMPLETED|ENROLLED]->(b:Course)
WHERE b.id <> a.id AND (type(e) = 'COMPLETED' OR $enrolled_counts)
RETURN b.id AS course_id, b.title AS title, count(DISTINCT l.id) AS learners
ORDER BY learners DESC, course_id
LIMIT $limit
