//! Plain-text tables, as wide as the output.
//!
//! A table that is too wide becomes narrower, step by step: the cells of the last column are broken
//! into several lines; columns without a figure are left out; each row becomes a list of its cells.

use std::fmt;

use anstyle::Style;
use textwrap::core::display_width;

use super::colour::{STRONG, styled};
use super::wrap::{fill_after, width};

/// Between two columns.
const GAP: usize = 2;

/// The last column is not broken into lines shorter than this.
const LEAST_COLUMN: usize = 16;

/// How the cells of a column are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// One cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            style: Style::new(),
        }
    }
}

impl Cell {
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }

    fn width(&self) -> usize {
        display_width(&self.text)
    }

    /// Whether the column could be left out as far as this cell is concerned.
    fn is_nothing(&self) -> bool {
        matches!(self.text.as_str(), "" | "0" | "-")
    }
}

/// Rows of cells under a head.
pub struct Table {
    head: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
    width: usize,
}

impl Table {
    /// A table as wide as the standard output, which is the place for it: see [`super::colour`].
    pub fn new(head: &[(&'static str, Align)]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            width: width(),
        }
    }

    /// Adds a row. In a row with fewer cells than columns, the last cell takes the rest of the line.
    pub fn row<T: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(Into::into);
        self.rows.push(cells.take(self.head.len()).collect());
    }

    /// Whether a cell takes the rest of its line.
    fn is_rest(&self, row: &[Cell], column: usize) -> bool {
        column + 1 == row.len() && row.len() < self.head.len()
    }

    fn column_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| {
            let cell = row.get(column)?;
            (!self.is_rest(row, column)).then(|| cell.width())
        });
        let head = display_width(self.head[column].0);
        cells.chain([head]).max().unwrap_or(head)
    }

    fn widths(&self) -> Vec<usize> {
        (0..self.head.len())
            .map(|at| self.column_width(at))
            .collect()
    }

    /// The table without its last column that has no figure, if there is one.
    fn without_an_empty_column(&self) -> Option<Self> {
        let is_nothing = |column: &usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(*column));
            cells.all(Cell::is_nothing)
        };
        let empty = (1..self.head.len()).rev().find(is_nothing)?;
        let mut table = Self {
            head: self.head.clone(),
            rows: self.rows.clone(),
            width: self.width,
        };
        table.head.remove(empty);
        for row in table.rows.iter_mut().filter(|row| row.len() > empty) {
            row.remove(empty);
        }
        Some(table)
    }

    /// Width of the longest word of the last column.
    fn longest_word(&self) -> usize {
        let last = self.head.len().saturating_sub(1);
        let cells = self.rows.iter().filter_map(|row| row.get(last));
        let words = cells.flat_map(|cell| cell.text.split(' '));
        words.map(display_width).max().unwrap_or(0)
    }

    /// Widths of the columns with which the table fits; `None` if it does not.
    fn fitting(&self) -> Option<Vec<usize>> {
        let mut widths = self.widths();
        let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let too_much = all.saturating_sub(self.width);
        if too_much == 0 {
            return Some(widths);
        }
        let (last, (_, align)) = (widths.last_mut()?, self.head.last()?);
        let narrow = last.saturating_sub(too_much);
        let least = self.longest_word().max(LEAST_COLUMN);
        if *align == Align::Right || narrow < least {
            return None;
        }
        *last = narrow;
        Some(widths)
    }

    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &[Cell], widths: &[usize]) -> fmt::Result {
        let mut line = String::new();
        let mut start = 0;
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let is_last = column + 1 == row.len();
            let text = match self.head[column].1 {
                _ if is_last && (self.is_rest(row, column) || cell.width() > *width) => {
                    let rest = self.width.saturating_sub(start);
                    fill_after("", &cell.text, 0, rest)
                        .replace('\n', &format!("\n{}", " ".repeat(start)))
                }
                _ => cell.text.clone(),
            };
            let text = if text.is_empty() {
                text
            } else {
                styled(cell.style, text).to_string()
            };
            match self.head[column].1 {
                Align::Right if !self.is_rest(row, column) => line += &format!("{padding}{text}"),
                _ if is_last => line += &text,
                _ => line += &format!("{text}{padding}"),
            }
            if !is_last {
                line += &" ".repeat(GAP);
            }
            start += width + GAP;
        }
        writeln!(f, "{}", line.trim_end())
    }

    /// Each row as a list of its cells.
    fn write_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = self.head.iter().map(|(head, _)| display_width(head));
        let indent = heads.max().unwrap_or(0) + 2 * GAP;
        for row in &self.rows {
            let mut cells = row.iter().zip(&self.head);
            if let Some((name, _)) = cells.next() {
                writeln!(f, "{}", styled(STRONG, &name.text))?;
            }
            for (cell, (head, _)) in cells {
                let head = format!("  {head:<width$}", width = indent - GAP);
                let text = styled(cell.style, &cell.text).to_string();
                writeln!(f, "{}", fill_after(&head, &text, indent, self.width))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(widths) = self.fitting() else {
            return match self.without_an_empty_column() {
                Some(table) => table.fmt(f),
                None => self.write_lists(f),
            };
        };
        let head = self.head.iter();
        let head: Vec<Cell> = head.map(|(name, _)| Cell::styled(STRONG, *name)).collect();
        self.write_row(f, &head, &widths)?;
        for row in &self.rows {
            self.write_row(f, row, &widths)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(table: &Table, width: usize) -> String {
        let table = Table {
            head: table.head.clone(),
            rows: table.rows.clone(),
            width,
        };
        anstream::adapter::strip_str(&table.to_string()).to_string()
    }

    fn texts<const N: usize>(texts: [&str; N]) -> [String; N] {
        texts.map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("name", Align::Left), ("images", Align::Right)]);
        table.row(texts(["a longer name", "7"]));
        table.row(texts(["b"]));
        let expected = "name           images\na longer name       7\nb\n";
        assert_eq!(plain(&table, 80), expected);
    }

    #[test]
    fn the_last_cell_of_a_short_row_takes_the_rest_of_the_line() {
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("images", Align::Right),
            ("failed", Align::Right),
        ]);
        table.row(texts(["brax", "7", "0"]));
        table.row(texts(["mimic", "cannot be read"]));
        let expected = "name   images  failed\nbrax        7       0\nmimic  cannot be read\n";
        assert_eq!(plain(&table, 80), expected);
    }

    #[test]
    fn a_table_that_is_too_wide_becomes_narrower() {
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("images", Align::Right),
            ("damaged", Align::Right),
            ("layout", Align::Left),
        ]);
        table.row(texts(["brax", "7", "0", "all of the images in one folder"]));
        table.row(texts(["mimic", "9", "0", "images/"]));
        let wrapped = "name   images  damaged  layout\n\
                       brax        7        0  all of the images\n                        in one folder\n\
                       mimic       9        0  images/\n";
        assert_eq!(plain(&table, 41), wrapped);
        let without = "name   images  layout\n\
                       brax        7  all of the images in\n               one folder\n\
                       mimic       9  images/\n";
        assert_eq!(plain(&table, 36), without);
        let lists = "brax\n  images  7\n  layout  all of the\n          images in\n          one folder\n\
                     mimic\n  images  9\n  layout  images/\n";
        assert_eq!(plain(&table, 20), lists);
        table.row(texts(["rsna", "5", "0", "images_of_the_second_stage/"]));
        assert!(plain(&table, 40).contains("\n  layout  images_of_the_second_stage/\n"));
    }
}
