//! What the role of a gateway may do, looked at before it starts: a grant that is missing would show only when the first
//! commit that needs it is refused, and an upgrade may need new ones.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::open::OpenError;

/// What is granted to a role that owns nothing.
const GRANTS: &str = include_str!("schema/grants.sql");

/// What of it the current role lacks. Relations and columns that are not there are a later release's doing: it took them
/// away, and says by `needs` whom it leaves behind.
const LACKING: &str = "
    WITH ours AS (
        SELECT pg_class.oid, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = 'paifang')
    SELECT current_user::text AS role, format('%s ON paifang.%s', privilege, relname) AS lacking
      FROM unnest($1::text[], $2::text[]) AS wanted (relation, privilege) JOIN ours ON relname = relation
     WHERE NOT has_table_privilege(ours.oid, privilege)
    UNION ALL
    SELECT current_user::text, format('%s (%s) ON paifang.%s', privilege, attname, relname)
      FROM unnest($3::text[], $4::text[], $5::text[]) AS wanted (relation, privilege, named) JOIN ours ON relname = relation
      JOIN pg_attribute ON attrelid = ours.oid AND attname = named AND NOT attisdropped
     WHERE NOT has_column_privilege(ours.oid, attnum, privilege)
    UNION ALL
    SELECT current_user::text, format('EXECUTE ON FUNCTION paifang.%s', proname)
      FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
     WHERE nspname = 'paifang' AND prorettype <> 'trigger'::regtype AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
     ORDER BY 2";

/// Refuses a role that lacks a grant, by the grant's name.
pub(crate) async fn check(client: &Client) -> Result<(), OpenError> {
    let wanted = wanted(GRANTS);
    let whole: Vec<_> = wanted.iter().filter(|grant| grant.column.is_none()).collect();
    let part: Vec<_> = wanted.iter().filter_map(|grant| Some((grant, grant.column?))).collect();
    let relations: Vec<&str> = whole.iter().map(|grant| grant.relation).collect();
    let privileges: Vec<&str> = whole.iter().map(|grant| grant.privilege).collect();
    let part_relations: Vec<&str> = part.iter().map(|(grant, _)| grant.relation).collect();
    let part_privileges: Vec<&str> = part.iter().map(|(grant, _)| grant.privilege).collect();
    let columns: Vec<&str> = part.iter().map(|(_, column)| *column).collect();
    let rows = client
        .query(LACKING, &[&relations, &privileges, &part_relations, &part_privileges, &columns])
        .await?;
    let Some(first) = rows.first() else { return Ok(()) };
    let role = first.try_get("role")?;
    let lacking = rows.iter().map(|row| row.try_get("lacking")).collect::<Result<Vec<String>, _>>()?;
    Err(OpenError::Lacks { role, lacking: lacking.join(", ") })
}

/// A right to a relation, or to one column of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted<'a> {
    relation: &'a str,
    privilege: &'a str,
    column: Option<&'a str>,
}

/// The rights to named relations that a text of `GRANT ... ON paifang.a, paifang.b TO :role;` gives, and to read each of
/// them.
fn wanted(text: &str) -> BTreeSet<Wanted<'_>> {
    let mut wanted = BTreeSet::new();
    for statement in text.split(';') {
        let start = statement.find("GRANT ").map(|at| statement.split_at(at).1);
        let granted = start.and_then(|text| text.strip_prefix("GRANT ")?.split_once(" ON "));
        let Some((right, rest)) = granted else { continue };
        let on = rest.split_once(" TO ").map_or(rest, |(on, _)| on);
        let (privilege, columns) = match right.split_once('(') {
            Some((privilege, columns)) => (privilege.trim(), Some(columns.trim_end_matches(')'))),
            None => (right.trim(), None),
        };
        for relation in on.split(',').filter_map(|one| one.trim().strip_prefix("paifang.")) {
            wanted.insert(Wanted { relation, privilege: "SELECT", column: None });
            match columns {
                None => drop(wanted.insert(Wanted { relation, privilege, column: None })),
                Some(columns) => wanted.extend(columns.split(',').map(|one| Wanted {
                    relation,
                    privilege,
                    column: Some(one.trim()),
                })),
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_what_is_wanted() {
        let text = "-- A gateway's; for :role.\nGRANT USAGE ON SCHEMA paifang TO :role;\n\
                    GRANT INSERT ON paifang.a,\n    paifang.b TO :role;\nGRANT UPDATE (c, d) ON paifang.b TO :role;\n";
        let told: Vec<String> = wanted(text)
            .into_iter()
            .map(|grant| format!("{} {} {}", grant.relation, grant.privilege, grant.column.unwrap_or("-")))
            .collect();
        assert_eq!(
            told,
            ["a INSERT -", "a SELECT -", "b INSERT -", "b SELECT -", "b UPDATE c", "b UPDATE d"]
        );
        let ours = wanted(GRANTS);
        let marks = ours.iter().filter(|grant| grant.relation == "decision" && grant.column.is_some());
        assert_eq!(marks.count(), 4, "{ours:?}");
        let statements = GRANTS.matches("GRANT ").count();
        assert_eq!(statements, GRANTS.matches(" TO :role;").count(), "each ends as it is read");
    }
}
