//! One line of comma-separated cells. Cells are trimmed: a TAB follows most texts so that spreadsheets leave them alone.

/// The cells of a line. A cell that begins with a quote goes to the closing quote, a doubled one inside is one; `None` for a
/// quote that is not closed or is followed by anything but a comma.
pub(super) fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        cells.push(cell.trim().to_owned());
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some(cells),
        }
    }
}

fn quoted_cell(mut rest: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    loop {
        let end = rest.find('"')?;
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        if let Some(more) = rest.strip_prefix('"') {
            cell.push('"');
            rest = more;
            continue;
        }
        let after = rest.trim_start_matches(['\t', ' ']);
        return (after.is_empty() || after.starts_with(',')).then_some((cell, after));
    }
}
