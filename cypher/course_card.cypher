// subject: service
// purpose: Everything a course says of itself; no row for an unknown course.
// access: read
// parameters:
//   course_id: string -- the course
// columns:
//   course_id [id] -- the course
//   title [text] -- its title
//   description [text] -- its description
//   level [text] -- as the source says it
//   hours [hours] -- hours of work; null where unknown
//   language [text] -- its language
//   provider [text] -- who offers it
//   published_at [epoch ms] -- epoch ms; null where unknown
//   hidden [true/false] -- whether it must not be shown; null where the source does not say
MATCH (c:Course {id: $course_id})
RETURN c.id AS course_id, c.title AS title, c.description AS description, c.level AS level,
  c.hours AS hours, c.language AS language, c.provider AS provider,
  c.published_at AS published_at, c.hidden AS hidden
ORDER BY course_id
