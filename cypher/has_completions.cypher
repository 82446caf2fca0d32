// subject: service
// purpose: Whether any learner of this graph has completed a course: one row if so.
// access: read
// columns:
//   completions [count] -- how many completions there are
MATCH (l:Learner)-[d:COMPLETED]->(c:Course)
WITH count(d) AS completions
WHERE completions > 0
RETURN completions
ORDER BY completions
