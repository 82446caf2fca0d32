// subject: learners
// question: 21
// purpose: Pathways really taken to a role: the most frequent sequences of courses.
// access: read
// parameters:
//   role_id: string -- the role
//   steps: int = 4 -- only the first so many courses of each learner count
//   include_targets: bool = false -- also learners who aim for the role and do not have it
//   min_learners: int = 1 -- only what so many learners took
//   limit: int = 20 -- at most so many
// columns:
//   path [ids] -- the courses in the order taken
//   learners [learners] -- how many took them so
//   share [0..1] -- part of all learners of the role with any such course
// reading: Where the first rows differ from the way that the prerequisites lay out, learners have
//   found another one. Many rows with one learner each mean that there is no common way.
// note: A learner's sequence is the courses they enrolled in or completed that teach a skill the
//   role needs, each at its first time, else its order; what has neither comes first, then by id.
// computed by: pathways
MATCH (l:Learner)
WHERE EXISTS { MATCH (l)-[:IN_ROLE]->(:Role {id: $role_id}) }
  OR ($include_targets AND EXISTS { MATCH (l)-[:TARGETS]->(:Role {id: $role_id}) })
MATCH (l)-[d:ENROLLED|COMPLETED]->(c:Course)
WHERE EXISTS { MATCH (c)-[:TEACHES]->(:Skill)<-[:NEEDS]-(:Role {id: $role_id}) }
RETURN l.id AS learner_id, c.id AS course_id, min(coalesce(d.at, -1)) AS moment,
  min(coalesce(d.seq, -1)) AS place
