//! Plain text tables.

/// Rows of cells under a header, each column as wide as its widest cell; columns whose header
/// begins with `>` are aligned to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<_> = header.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
    let lines: Vec<_> = std::iter::once(&titles).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(header).zip(&widths).map(|((cell, title), width)| {
            if title.starts_with('>') { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "1".into()], vec!["long".into(), "1000".into()]];
        assert_eq!(table(&["name", ">n"], &rows), "name     n\na        1\nlong  1000\n");
    }
}
