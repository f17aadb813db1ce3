//! Tables as pandas reads them, and what it refuses.

use super::*;
use crate::storage::Folder;
use proptest::prelude::*;

fn builder() -> ListContext {
    ListContext::new("SOME_ROOT", Folder::shared())
}

fn table(text: &[u8], lists: &ListContext) -> Result<Table, CatalogError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.csv"), text).unwrap();
    let file = ListFile::find(lists, &[folder.path().to_owned()], "list.csv")?;
    Table::open(lists, &file)
}

fn rows_of(mut table: Table) -> Result<Vec<[Option<String>; 2]>, CatalogError> {
    let columns = [table.column("a")?, table.column("b")?];
    let mut rows = Vec::new();
    while let Some(row) = table.next_row()? {
        rows.push(columns.map(|column| row.get(column).map(Cow::into_owned)));
    }
    Ok(rows)
}

fn rows(text: &[u8]) -> Result<Vec<[Option<String>; 2]>, CatalogError> {
    rows_of(table(text, &builder())?)
}

/// The warnings about a table.
fn warnings(text: &[u8]) -> Vec<String> {
    let lists = &builder();
    rows_of(table(text, lists).unwrap()).unwrap();
    lists.warnings().take()
}

fn row(a: &str, b: &str) -> [Option<String>; 2] {
    [a, b].map(|cell| (cell != "-").then(|| cell.to_owned()))
}

#[test]
fn rows_are_read_as_pandas_reads_them() {
    let text = b"\xef\xbb\xbfb,a\r\n1,2\r\n\r\n  \n3,\"x,\ny\"\r\"\"\"q\"\"\",NA\n5\n, pa \n";
    assert_eq!(
        rows(text).unwrap(),
        [
            row("2", "1"),
            row("x,\ny", "3"),
            row("-", "\"q\""),
            row("-", "5"),
            row(" pa ", "-")
        ]
    );
}

#[test]
fn a_long_row_names_its_line() {
    let error = rows(b"a,b\n1,2\n1,2,3\n").unwrap_err().to_string();
    assert!(
        error.contains("SOME_ROOT") && error.contains("list.csv, line 3"),
        "{error}"
    );
    assert!(
        error.contains("expected at most 2 fields, found 3"),
        "{error}"
    );
}

#[test]
fn a_quote_that_is_not_closed_names_its_line() {
    let error = rows(b"a,b\n1,2\n3,\"x\n4,5\n").unwrap_err().to_string();
    assert!(error.contains("line 3: a quote is opened"), "{error}");
    assert_eq!(rows(b"a,b\n1,x\"").unwrap(), [row("1", "x\"")]);
    assert_eq!(rows(b"a,b\r1,2").unwrap(), [row("1", "2")]);
}

#[test]
fn a_missing_column_is_named() {
    let error = rows(b"a,c\n").unwrap_err().to_string();
    assert!(error.contains("has no column \"b\""), "{error}");
    assert!(rows(b"").is_err());
}

#[test]
fn ids_lose_leading_zeros() {
    let mut table = table(b"a,b,c\n 0012,x01,\n", &builder()).unwrap();
    let columns = ["a", "b", "c"].map(|name| table.column(name).unwrap());
    let row = table.next_row().unwrap().unwrap();
    let ids = columns.map(|column| row.id(column));
    assert_eq!(ids, [Some("12".into()), Some("x01".into()), None]);
}

#[test]
fn other_separators_are_taken_where_only_they_give_the_columns() {
    let expected = [row("2,5", "1")];
    for text in [
        &b"b;a\n1;2,5\n"[..],
        b"b\ta\r\n1\t2,5\r\n",
        b"b|a\n1|2,5",
        b"sep=;\r\nb;a\r\n1;2,5\r\n",
        b"\xef\xbb\xbf\"sep=|\"\nb|a\n1|2,5",
        b"sep=\t\nb\ta\n1\t2,5",
        b"sep=^\nb^a\n1^2,5",
    ] {
        assert_eq!(rows(text).unwrap(), expected, "{}", text.escape_ascii());
    }
    assert_eq!(rows(b"a,b\n1;2,3\n").unwrap(), [row("1;2", "3")]);
    assert_eq!(
        rows(b"a,b;c\n")
            .unwrap_err()
            .to_string()
            .matches("\"b\"")
            .count(),
        1
    );
    let error = rows(b"sep=;\na;b\n1;2;3;4\n1;2;3;4;5\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 4"), "{error}");
}

#[test]
fn decimals_may_have_a_comma_where_cells_are_separated_by_something_else() {
    let number = |text: &[u8]| {
        let mut table = table(text, &builder()).unwrap();
        let column = table.column("a").unwrap();
        let row = table.next_row().unwrap().unwrap();
        row.number(column).map_err(Cow::into_owned)
    };
    assert_eq!(number(b"a;b\n-1,5;2"), Ok(Some(-1.5)));
    assert_eq!(number(b"a,b\n\"-1,5\",2"), Err("-1,5".to_owned()));
    assert_eq!(number(b"a,b\n 1.0,2"), Ok(Some(1.0)));
    assert_eq!(number(b"a,b\n,2"), Ok(None));
}

#[test]
fn rows_with_names_are_read_as_pandas_reads_them() {
    let text = b"a,b\n1,2,3\n4,5\n6,7,8\n";
    let expected = [row("2", "3"), row("5", "-"), row("7", "8")];
    assert_eq!(rows(text).unwrap(), expected);
    assert!(warnings(text)[0].contains("list.csv, line 2: this row has more cells"));
    let error = rows(b"a,b\n1,2,3\n1,2,3,4").unwrap_err().to_string();
    assert!(
        error.contains("expected at most 3 fields, found 4"),
        "{error}"
    );
}

#[test]
fn cells_of_other_encodings_and_with_zero_bytes_are_read_and_told() {
    let text = b"a,b\ncaf\xe9,1\n\xc3\xa9,\x93\n";
    let expected = [row("caf\u{e9}", "1"), row("\u{e9}", "\u{201c}")];
    assert_eq!(rows(text).unwrap(), expected);
    assert_eq!(warnings(text).len(), 1);
    let text = b"a,b\nx\0z,1\n\0\0\0\0";
    assert_eq!(rows(text).unwrap(), [row("x", "1"), row("-", "-")]);
    assert!(warnings(text)[0].contains("line 2: there are zero bytes"));
    assert!(warnings(b"a,b\nx,y\n").is_empty());
}

#[test]
fn a_column_that_may_be_meant_is_named() {
    for (header, expected) in [
        (
            "A,b",
            "has no column \"a\": did you mean \"A\"? it has 2 columns: \"A\", \"b\"",
        ),
        (" a ;b", "did you mean \" a \"? it has 2 columns"),
        (
            "x\x1by",
            "its first line is \"x\\x1by\"; is this the list of",
        ),
    ] {
        let error = rows(header.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn rows_without_end_are_refused() {
    let long = "x".repeat(MAX_LINE_BYTES * 2);
    let lines = "x,y\n".repeat(MAX_LINE_BYTES);
    let commas = ",".repeat(MAX_COLUMNS + 1);
    for (text, expected) in [
        (
            format!("a,b\n1,2\n3,{long}\n"),
            "line 3: the line that begins here has more than 1.00 MiB",
        ),
        (long.clone(), "line 1: the line that"),
        (
            format!("a,b\n1,2\n3,\"{lines}"),
            "line 3: no row ends within 1.00 MiB from here",
        ),
        (format!("a,b\n1{commas}"), "at most 16,384 columns"),
        (
            format!("a,b{commas}"),
            "line 1: a list has at most 16,384 columns",
        ),
    ] {
        let error = rows(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let longest = "x".repeat(MAX_LINE_BYTES - 10);
    let text = format!("a,b\n1,{longest}\n");
    assert_eq!(rows(text.as_bytes()).unwrap(), [row("1", &longest)]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = rows(&bytes);
        let _ = rows(&[b"a,b\n", bytes.as_slice()].concat());
        let _ = rows(&[b"sep=;\na;b\n", bytes.as_slice()].concat());
        let _ = rows(&[b"a\0;\0b\0\n\0", bytes.as_slice()].concat());
    }
}
