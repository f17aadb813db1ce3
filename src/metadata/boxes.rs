//! Takes the box of a row.

use super::builder::MetadataBuilder;
use super::cells::Cells;
use super::list::{BoxTerm, Boxes, Corners};
use super::shape::{Area, FindingBox, Outline};
use super::vocabulary::{LabelSet, Vocabulary};
use crate::lists::{Column, Table};

/// Ten times the number of boxes of any image.
const MAX_BOXES: usize = 1000;

/// The columns of boxes in one list.
pub(super) struct Columns {
    boxes: Boxes,
    set: &'static LabelSet,
    term: Option<Column>,
    reader: Option<Column>,
    corners: [Option<Column>; 4],
}

impl Columns {
    /// Finds the columns; adds the names of those that are missing to `absent`.
    pub(super) fn of(table: &Table, boxes: Boxes, absent: &mut Vec<&'static str>) -> Self {
        let mut find = |name: &'static str| {
            let column = table.find_like(name);
            if column.is_none() {
                absent.push(name);
            }
            column
        };
        Self {
            set: Vocabulary::get().label_set(boxes.set),
            term: match boxes.term {
                BoxTerm::Column(name, _) => find(name),
                BoxTerm::Always(_) => None,
            },
            corners: boxes.corners.names().map(&mut find),
            // Some releases do not tell readers apart.
            reader: boxes.reader.and_then(|name| table.find_like(name)),
            boxes,
        }
    }

    /// Adds the box to the images `numbers`.
    pub(super) fn take(
        &self,
        metadata: &mut MetadataBuilder<'_>,
        cells: &mut Cells<'_, '_>,
        numbers: &[u32],
    ) {
        let [Some(a), Some(b), Some(c), Some(d)] = self.corners else {
            return;
        };
        let names = self.boxes.corners.names();
        let mut number = |name: &str, column| cells.number(name, column);
        let found = [
            number(names[0], a),
            number(names[1], b),
            number(names[2], c),
            number(names[3], d),
        ];
        let [Some(x), Some(y), Some(third), Some(fourth)] = found else {
            if found.iter().any(Option::is_some) {
                let known = found.iter().zip(names);
                let known = known.filter_map(|(found, name)| Some(format!("{name} {}", (*found)?)));
                let known: Vec<String> = known.collect();
                cells.fault(names[0], &known.join(", "), "a part of a box");
            }
            return;
        };
        let area = match self.boxes.corners {
            Corners::Size(_) => Area {
                x,
                y,
                width: third,
                height: fourth,
            },
            Corners::Edges(_) => Area {
                x,
                y,
                width: third - x,
                height: fourth - y,
            },
        };
        if area.width <= 0.0 || area.height <= 0.0 {
            cells.fault(
                names[2],
                &format!("{third} x {fourth}"),
                "the corner of a box without area",
            );
            return;
        }
        let (term, usual) = match self.boxes.term {
            BoxTerm::Always(term) => (term.to_owned(), term),
            BoxTerm::Column(_, spelling) => {
                let Some(term) = self.term.and_then(|column| cells.text(column)) else {
                    return;
                };
                let usual = spelling.iter().find(|(other, _)| *other == term);
                (term, usual.map_or("", |(_, usual)| *usual))
            }
        };
        let finding = self
            .set
            .finding_of(if usual.is_empty() { &term } else { usual });
        let term = metadata.shared(&term);
        let reader = self.reader.and_then(|column| cells.text(column));
        let reader = reader.map(|reader| metadata.shared(&reader));
        let is_full = |number: &u32| {
            let boxes = metadata
                .get_mut(*number)
                .map_or(0, |image| image.boxes.len());
            boxes >= MAX_BOXES
        };
        if numbers.iter().any(is_full) {
            cells.fault(
                names[0],
                &x.to_string(),
                "of one of too many boxes of its image",
            );
            return;
        }
        metadata.each(numbers, |image| {
            image.boxes.push(FindingBox {
                finding,
                term: term.clone(),
                reader: reader.clone(),
                outline: Outline::Rectangle,
                area,
                points: Vec::new(),
            });
        });
    }
}

impl Corners {
    fn names(&self) -> [&'static str; 4] {
        match self {
            Corners::Size(names) | Corners::Edges(names) => *names,
        }
    }
}
