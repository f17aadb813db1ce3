//! The columns that hold lists: terms, boxes and masks.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, UInt32Builder};
use arrow_array::{ArrayRef, Float64Array, ListArray, StringArray, StructArray, UInt32Array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

use super::row::Row;
use crate::metadata::Vocabulary;
use crate::metadata::shape::{FindingBox, FindingMask};
use crate::render::{Axis, Placement};

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

/// A list of texts.
pub(super) fn term_list() -> DataType {
    DataType::List(item(DataType::Utf8))
}

fn box_fields() -> Fields {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let number = |name| Field::new(name, DataType::Float64, true);
    Fields::from(vec![
        text("finding"),
        text("term"),
        text("reader"),
        text("shape"),
        number("x"),
        number("y"),
        number("width"),
        number("height"),
        number("tree_x"),
        number("tree_y"),
        number("tree_width"),
        number("tree_height"),
        number("inside"),
        Field::new("points", DataType::List(item(DataType::Float64)), true),
    ])
}

fn mask_fields() -> Fields {
    Fields::from(vec![
        Field::new("finding", DataType::Utf8, true),
        Field::new("term", DataType::Utf8, true),
        Field::new("width", DataType::UInt32, true),
        Field::new("height", DataType::UInt32, true),
        Field::new("runs", DataType::List(item(DataType::UInt32)), true),
    ])
}

/// A list of boxes.
pub(super) fn box_list() -> DataType {
    DataType::List(item(DataType::Struct(box_fields())))
}

/// A list of masks.
pub(super) fn mask_list() -> DataType {
    DataType::List(item(DataType::Struct(mask_fields())))
}

/// Lists of structs, one list for each row; rows without any are null.
fn lists(lengths: &[usize], fields: Fields, columns: Vec<ArrayRef>) -> ArrayRef {
    let nulls = NullBuffer::from_iter(lengths.iter().map(|length| *length > 0));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    let values = StructArray::new(fields.clone(), columns, None);
    let field = item(DataType::Struct(fields));
    Arc::new(ListArray::new(
        field,
        offsets,
        Arc::new(values),
        Some(nulls),
    ))
}

fn finding_name(finding: Option<usize>) -> Option<&'static str> {
    Vocabulary::get().findings().get(finding?).copied()
}

/// The boxes of each row.
pub(super) fn boxes(rows: &[Row<'_>]) -> ArrayRef {
    let lengths: Vec<usize> = rows.iter().map(|row| row.image.boxes.len()).collect();
    let all: Vec<(&FindingBox, Option<Clipped>)> = rows
        .iter()
        .flat_map(|row| {
            let clip = |shown| (shown, row.placement.map(|place| Clipped::of(shown, place)));
            row.image.boxes.iter().map(clip)
        })
        .collect();
    let text = |value: fn(&FindingBox) -> Option<&str>| -> ArrayRef {
        Arc::new(
            all.iter()
                .map(|(shown, _)| value(shown))
                .collect::<StringArray>(),
        )
    };
    let source = |value: fn(&FindingBox) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            all.iter().map(|(shown, _)| value(shown)),
        ))
    };
    let tree = |value: fn(&Clipped) -> Option<f64>| -> ArrayRef {
        let values = all.iter().map(|(_, clipped)| value(clipped.as_ref()?));
        Arc::new(values.collect::<Float64Array>())
    };
    let mut points = ListBuilder::new(Float64Builder::new());
    for (shown, _) in &all {
        points.values().append_slice(&shown.points);
        points.append(!shown.points.is_empty());
    }
    let columns: Vec<ArrayRef> = vec![
        text(|shown| finding_name(shown.finding)),
        text(|shown| Some(&shown.term)),
        text(|shown| shown.reader.as_deref()),
        text(|shown| Some(shown.outline.name())),
        source(|shown| shown.area.x),
        source(|shown| shown.area.y),
        source(|shown| shown.area.width),
        source(|shown| shown.area.height),
        tree(|clipped| Some(clipped.edges?.0)),
        tree(|clipped| Some(clipped.edges?.1)),
        tree(|clipped| clipped.edges.map(|(left, _, right, _)| right - left)),
        tree(|clipped| clipped.edges.map(|(_, top, _, bottom)| bottom - top)),
        tree(|clipped| Some(clipped.inside)),
        Arc::new(points.finish()),
    ];
    lists(&lengths, box_fields(), columns)
}

/// A box in pixels of the tree.
#[derive(Debug, PartialEq)]
struct Clipped {
    /// Left, top, right, bottom within the picture; absent if nothing is.
    edges: Option<(f64, f64, f64, f64)>,
    /// Share of the area that is within the picture, from 0 to 1.
    inside: f64,
}

impl Clipped {
    fn of(shown: &FindingBox, place: Placement) -> Self {
        let area = shown.area;
        let clip = |axis: Axis, start: f64, length: f64| {
            let end = f64::from(place.size);
            let first = axis.to_finished(start).clamp(0.0, end);
            (first, axis.to_finished(start + length).clamp(0.0, end))
        };
        let (left, right) = clip(place.horizontal, area.x, area.width);
        let (top, bottom) = clip(place.vertical, area.y, area.height);
        let scale = place.horizontal.scale * place.vertical.scale;
        let inside = (right - left) * (bottom - top) / (area.width * area.height * scale);
        let is_visible = right > left && bottom > top;
        Self {
            edges: is_visible.then_some((left, top, right, bottom)),
            inside: if is_visible { inside.min(1.0) } else { 0.0 },
        }
    }
}

/// The masks of each row.
pub(super) fn masks(rows: &[Row<'_>]) -> ArrayRef {
    let lengths: Vec<usize> = rows.iter().map(|row| row.masks.len()).collect();
    let all: Vec<&FindingMask> = rows.iter().flat_map(|row| &row.masks).collect();
    let sizes = |value: fn(&FindingMask) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(
            all.iter().map(|mask| value(mask)),
        ))
    };
    let mut runs = ListBuilder::new(UInt32Builder::new());
    for mask in &all {
        runs.values().append_slice(mask.runs.as_slice());
        runs.append(true);
    }
    let findings = all.iter().map(|mask| finding_name(mask.finding));
    let terms = all.iter().map(|mask| Some(&*mask.term));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(findings.collect::<StringArray>()),
        Arc::new(terms.collect::<StringArray>()),
        sizes(|mask| mask.runs.width()),
        sizes(|mask| mask.runs.height()),
        Arc::new(runs.finish()),
    ];
    lists(&lengths, mask_fields(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::shape::{Area, Outline};
    use proptest::prelude::*;

    fn shown(x: f64, y: f64, width: f64, height: f64) -> FindingBox {
        FindingBox {
            finding: None,
            term: "Nodule".into(),
            reader: None,
            outline: Outline::Rectangle,
            area: Area {
                x,
                y,
                width,
                height,
            },
            points: Vec::new(),
        }
    }

    #[test]
    fn what_the_crop_cuts_off_is_cut_off() {
        // 2048 x 4096: 1024 x 2048 after scaling, of which 512 rows are cut off at the top.
        let place = Placement::new(2048, 4096, 1024).unwrap();
        let clipped = Clipped::of(&shown(100.0, 1000.0, 200.0, 400.0), place);
        assert_eq!(clipped.edges, Some((50.0, 0.0, 150.0, 188.0)));
        assert_eq!(clipped.inside, 188.0 / 200.0);
        let above = Clipped::of(&shown(100.0, 0.0, 200.0, 400.0), place);
        assert_eq!((above.edges, above.inside), (None, 0.0));
    }

    proptest! {
        #[test]
        fn boxes_stay_in_the_picture_and_return(
            (width, height) in (1u32..5000, 1u32..5000),
            (x, y, w, h) in (-0.2..1.0f64, -0.2..1.0f64, 0.01..1.0f64, 0.01..1.0f64),
        ) {
            let (sides, place) = ((f64::from(width), f64::from(height)), Placement::new(width, height, 1024).unwrap());
            let shown = shown(x * sides.0, y * sides.1, w * sides.0, h * sides.1);
            let clipped = Clipped::of(&shown, place);
            prop_assert!((0.0..=1.0).contains(&clipped.inside));
            let Some((left, top, right, bottom)) = clipped.edges else {
                return Ok(());
            };
            prop_assert!(0.0 <= left && left < right && right <= 1024.0);
            prop_assert!(0.0 <= top && top < bottom && bottom <= 1024.0);
            if clipped.inside == 1.0 {
                // Nothing was cut off: the box returns within half a pixel.
                for (axis, edge, source) in [
                    (place.horizontal, left, shown.area.x),
                    (place.horizontal, right, shown.area.x + shown.area.width),
                    (place.vertical, top, shown.area.y),
                    (place.vertical, bottom, shown.area.y + shown.area.height),
                ] {
                    prop_assert!((axis.to_source(edge) - source).abs() < 0.5);
                }
            }
        }
    }
}
