// subject: courses
// question: 25
// purpose: What if this course is retired: the roles, courses and learners that it would hit.
// access: read
// parameters:
//   course_id: string -- the course
//   limit: int = 1000 -- at most so many rows
// columns:
//   kind [text] -- role, course or learner; in this order
//   id [id] -- who or what is affected
//   name [text] -- its name or title; empty for a learner
//   effect [text] -- loses a skill, out of reach, under way, or aims for an affected role
//   skills [ids] -- role: the skills that no other visible course teaches
// reading: No row means that nothing would be missed. A role that loses a skill needs another course
//   first; a course out of reach needs its prerequisite changed; learners under way need time.
// note: A course is out of reach when one of its prerequisites is, or all of a group of alternatives
//   are. Under way is enrolled, neither completed nor dropped. A learner is listed once an effect.
// computed by: retirement
MATCH (c:Course {id: $course_id})-[:TEACHES]->(s:Skill)<-[:NEEDS]-(r:Role)
WHERE NOT EXISTS { MATCH (s)<-[:TEACHES]-(o:Course)
  WHERE o.id <> $course_id AND NOT coalesce(o.hidden, false) }
RETURN 'role' AS kind, r.id AS id, r.name AS name, s.id AS other_id, '' AS any_of
UNION ALL
MATCH (c:Course)-[q:REQUIRES]->(p:Course)
RETURN 'edge' AS kind, c.id AS id, c.title AS name, p.id AS other_id, q.any_of AS any_of
UNION ALL
MATCH (l:Learner)-[:ENROLLED]->(c:Course {id: $course_id})
WHERE NOT EXISTS { MATCH (l)-[:COMPLETED|DROPPED]->(c) }
RETURN DISTINCT 'under way' AS kind, l.id AS id, '' AS name, c.id AS other_id, '' AS any_of
UNION ALL
MATCH (c:Course {id: $course_id})-[:TEACHES]->(:Skill)<-[:NEEDS]-(r:Role)<-[:TARGETS]-(l:Learner)
RETURN DISTINCT 'aims' AS kind, l.id AS id, '' AS name, r.id AS other_id, '' AS any_of
