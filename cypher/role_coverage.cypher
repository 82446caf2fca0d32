// subject: catalogue
// question: 6
// purpose: How much of what each role needs the visible courses teach.
// access: read
// parameters:
//   role_id: string = "" -- one role, or empty for all
//   limit: int = 100 -- at most so many
// columns:
//   role_id [id] -- the role
//   name [text] -- its name
//   skills_needed [count] -- how many skills it needs
//   skills_taught [count] -- how many of them some visible course teaches to the level needed
//   coverage [0..1] -- skills_taught / skills_needed, 0..1
// reading: The first rows are the roles that the catalogue serves least.
// note: An unknown level (of the need or of the teaching) counts as enough.
MATCH (r:Role)-[n:NEEDS]->(s:Skill)
WHERE $role_id = '' OR r.id = $role_id
OPTIONAL MATCH (s)<-[t:TEACHES]-(c:Course)
WITH r.id AS role_id, r.name AS name, s.id AS skill_id,
  count(CASE WHEN c.id IS NOT NULL AND NOT coalesce(c.hidden, false)
    AND (t.level IS NULL OR n.level IS NULL OR t.level >= n.level) THEN 1 END) AS courses
WITH role_id, name, count(skill_id) AS skills_needed,
  count(CASE WHEN courses > 0 THEN 1 END) AS skills_taught
RETURN role_id, name, skills_needed, skills_taught,
  toFloat(skills_taught) / toFloat(skills_needed) AS coverage
ORDER BY coverage, role_id
LIMIT $limit
