// subject: prerequisites
// question: 15
// purpose: Courses that learners take before a course although no edge says so.
// access: read
// parameters:
//   course_id: string -- the course
//   min_support: int = 5 -- only what so many learners took before it
//   min_precedence: float = 0.5 -- only what came first for this part of those who took both
//   limit: int = 20 -- at most so many
// columns:
//   course_id [id] -- a course taken before
//   title [text] -- its title
//   support [learners] -- who took it first, then the course
//   reversed [learners] -- who took them the other way round
//   precedence [0..1] -- support / (support + reversed)
//   learners [learners] -- who took it at all
//   lift [ratio] -- how much oftener it comes before than if the two had nothing to do with each other
// reading: A high precedence with a lift well above 1 is an order that learners keep of themselves:
//   ask whether it should be a prerequisite. It is observed, and may come from how courses are shown.
// note: Taken is enrolled, completed or viewed, first time; by time, else by order within the
//   learner. Pairs of which neither is known, or at the same moment, are in neither count.
// note: lift = support x all learners / (learners of the one x learners of the other).
MATCH (x:Learner)
WITH count(x) AS everybody
MATCH (b:Course {id: $course_id})<-[r:ENROLLED|COMPLETED|VIEWED]-(l:Learner)
WITH everybody, b, l, min(r.at) AS b_at, min(r.seq) AS b_seq
MATCH (l)-[q:ENROLLED|COMPLETED|VIEWED]->(a:Course)
WHERE a.id <> b.id
WITH everybody, b, a, l, b_at, b_seq, min(q.at) AS a_at, min(q.seq) AS a_seq
WITH everybody, b, a,
  count(CASE WHEN a_at < b_at OR ((a_at IS NULL OR b_at IS NULL) AND a_seq < b_seq) THEN 1 END)
    AS support,
  count(CASE WHEN a_at > b_at OR ((a_at IS NULL OR b_at IS NULL) AND a_seq > b_seq) THEN 1 END)
    AS reversed
WHERE support > 0 AND support >= $min_support
  AND toFloat(support) >= $min_precedence * toFloat(support + reversed)
  AND NOT EXISTS { MATCH (b)-[:REQUIRES]->(a) }
MATCH (b)<-[:ENROLLED|COMPLETED|VIEWED]-(m:Learner)
WITH everybody, a, support, reversed, count(DISTINCT m.id) AS takers
MATCH (a)<-[:ENROLLED|COMPLETED|VIEWED]-(o:Learner)
WITH everybody, a, support, reversed, takers, count(DISTINCT o.id) AS learners
RETURN a.id AS course_id, a.title AS title, support, reversed,
  toFloat(support) / toFloat(support + reversed) AS precedence, learners,
  toFloat(support) * toFloat(everybody) / (toFloat(takers) * toFloat(learners)) AS lift
ORDER BY lift DESC, support DESC, course_id
LIMIT $limit
