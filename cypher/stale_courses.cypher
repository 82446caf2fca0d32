// subject: catalogue
// question: 17
// purpose: Old courses on the path to a role: they teach what it needs, or are required on the way.
// access: read
// parameters:
//   role_id: string -- the role
//   older_than_days: int = 1095 -- only courses published so many days ago or more
//   as_of: string = "" -- the day to count from, as 2024-12-31; empty: today
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   published_at [epoch ms] -- when it was published
//   age_days [days] -- whole days from then to as_of
//   depth [steps] -- 0: it teaches what the role needs; n: such a course requires it by n steps
//   skills [skills] -- how many of the role's skills it teaches itself
// reading: The oldest come first: look whether they still teach what the role needs today.
// note: Visible courses only; a course without a date is not listed. All alternatives are followed.
// computed by: stale
MATCH (r:Role {id: $role_id})-[:NEEDS]->(s:Skill)<-[:TEACHES]-(c:Course)
WHERE NOT coalesce(c.hidden, false)
RETURN 'teaches' AS kind, c.id AS id, s.id AS other_id, c.title AS title,
  c.published_at AS published_at
UNION ALL
MATCH (c:Course)-[:REQUIRES]->(p:Course)
WHERE NOT coalesce(p.hidden, false)
RETURN 'requires' AS kind, c.id AS id, p.id AS other_id, p.title AS title,
  p.published_at AS published_at
