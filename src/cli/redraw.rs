//! A text on a terminal that the next one replaces. What stands above it, and what has scrolled
//! away, stays as it is.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstream::adapter::strip_str;
use terminal_size::{Height, Width, terminal_size_of};
use textwrap::core::display_width;

/// The size of a terminal that does not tell it.
const USUAL: (usize, usize) = (80, 24);

/// The text that is on the terminal.
#[derive(Default)]
pub struct Redraw {
    /// Widths of its lines: a terminal that has become narrower has broken them.
    lines: Vec<usize>,
}

impl Redraw {
    /// Replaces the text by another, as far as there is room.
    pub fn draw(&mut self, out: &mut impl Write, text: &str) -> io::Result<()> {
        let size = terminal_size_of(io::stdout());
        let size = size.map(|(Width(columns), Height(rows))| (columns.into(), rows.into()));
        let escapes = self.replaced(text, size.unwrap_or(USUAL));
        // All at once, so that it does not flicker.
        out.write_all(escapes.as_bytes())
    }

    /// What replaces the text on a terminal with this number of columns and rows.
    fn replaced(&mut self, text: &str, (columns, rows): (usize, usize)) -> String {
        let columns = columns.max(1);
        let rows_of = |width: &usize| width.div_ceil(columns).max(1);
        // It cannot go up beyond the first row.
        let up: usize = self.lines.iter().map(rows_of).sum();
        let mut escapes = String::from("\r");
        if up > 0 {
            let _ = write!(escapes, "\x1b[{up}A");
        }
        escapes += "\x1b[J";
        // The cursor stands in the row below.
        let room = rows.saturating_sub(1).max(1);
        let mut lines: Vec<String> = text.lines().map(|line| cut(line, columns)).collect();
        if lines.len() > room {
            let more = lines.len() - (room - 1);
            lines.truncate(room - 1);
            lines.push(cut(&format!("... {more} more lines"), columns));
        }
        for line in &lines {
            escapes += line;
            escapes.push('\n');
        }
        self.lines = lines.iter().map(|line| display_width(line)).collect();
        escapes
    }
}

/// A line in at most `columns` columns; without its colours if it is too long.
fn cut(line: &str, columns: usize) -> String {
    if display_width(line) <= columns {
        return line.to_owned();
    }
    let mut width = 0;
    let plain = strip_str(line).to_string();
    let fitting = plain.chars().take_while(|character| {
        width += display_width(character.encode_utf8(&mut [0; 4]));
        width < columns
    });
    fitting.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_before_is_replaced_and_nothing_else() {
        let mut redraw = Redraw::default();
        assert_eq!(
            redraw.replaced("one\ntwo\n", (20, 10)),
            "\r\x1b[Jone\ntwo\n"
        );
        assert_eq!(
            redraw.replaced("three\n", (20, 10)),
            "\r\x1b[2A\x1b[Jthree\n"
        );
        assert_eq!(redraw.replaced("\n", (20, 10)), "\r\x1b[1A\x1b[J\n");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_broken_are_replaced_whole() {
        let mut redraw = Redraw::default();
        redraw.replaced("fifteen columns\n\nab\n", (20, 10));
        let escapes = redraw.replaced("fifteen columns", (7, 10));
        assert_eq!(escapes, "\r\x1b[5A\x1b[Jfiftee…\n");
    }

    #[test]
    fn no_more_is_drawn_than_there_is_room_for() {
        let mut redraw = Redraw::default();
        let escapes = redraw.replaced("1\n2\n3\n4\n5\n", (20, 4));
        assert_eq!(escapes, "\r\x1b[J1\n2\n... 3 more lines\n");
        assert_eq!(redraw.lines.len(), 3);
        let red = "\x1b[31mred\x1b[0m";
        assert_eq!(cut(red, 3), red);
        assert_eq!(cut(red, 2), "r…");
    }
}
