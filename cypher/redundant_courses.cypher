// subject: catalogue
// question: 9
// purpose: Pairs of visible courses that teach nearly the same skills.
// access: read
// parameters:
//   min_overlap: float = 0.8 -- only pairs whose overlap is at least this
//   min_shared: int = 1 -- only pairs that share so many skills
//   limit: int = 100 -- at most so many
// columns:
//   course_id [id] -- a course
//   title [text] -- its title
//   other_course_id [id] -- another, later by id
//   other_title [text] -- its title
//   shared [skills] -- skills that both teach
//   only_here [skills] -- skills that only course_id teaches of the two
//   only_there [skills] -- skills that only other_course_id teaches of the two
//   overlap [0..1] -- shared / all skills of the two
// reading: At an overlap of 1 one of the two may go, unless they differ in language, level or
//   teacher. Where only_here is 0, the other course teaches everything that this one does.
// computed by: redundant_pairs
MATCH (c:Course)-[:TEACHES]->(s:Skill)
WHERE NOT coalesce(c.hidden, false)
RETURN c.id AS course_id, c.title AS title, s.id AS skill_id
