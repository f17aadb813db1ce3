//! The columns of the table: the name, the type, the meaning and the values of each, in one place.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array, Int32Array,
    RecordBatch, StringArray, UInt8Array, UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::nested;
use super::row::Row;
use crate::metadata::Vocabulary;
use crate::names;

/// A column, except those of findings.
struct Column {
    name: &'static str,
    comment: &'static str,
    data_type: fn() -> DataType,
    is_always_known: bool,
    values: fn(&[Row<'_>]) -> ArrayRef,
}

/// Defines a column; those whose value is not an `Option` are always known.
const fn column(
    name: &'static str,
    data_type: fn() -> DataType,
    comment: &'static str,
    values: fn(&[Row<'_>]) -> ArrayRef,
) -> Column {
    Column {
        name,
        comment,
        data_type,
        is_always_known: false,
        values,
    }
}

const fn always(column: Column) -> Column {
    Column {
        is_always_known: true,
        ..column
    }
}

fn texts<'r>(rows: &'r [Row<'_>], value: impl Fn(&'r Row<'r>) -> Option<&'r str>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

fn owned(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
}

const TEXT: fn() -> DataType = || DataType::Utf8;
const BOOL: fn() -> DataType = || DataType::Boolean;
const SIZE: fn() -> DataType = || DataType::UInt32;
const EXACT: fn() -> DataType = || DataType::Float64;

/// The columns before those of findings.
const BEFORE: &[Column] = &[
    always(column(
        "dataset",
        TEXT,
        "Folder of the dataset in the tree",
        |rows| owned(rows, |row| row.dataset.to_owned()),
    )),
    always(column(
        "id",
        TEXT,
        "Number of the image in its dataset: six digits",
        |rows| owned(rows, |row| names::image_id(row.number)),
    )),
    always(column(
        "path",
        TEXT,
        "Path of the image below the root of the tree",
        |rows| {
            owned(rows, |row| {
                let (shard, id) = (names::shard_name(row.number), names::image_id(row.number));
                format!("{}/{shard}/{id}.jpg", row.dataset)
            })
        },
    )),
    always(column(
        "key",
        TEXT,
        "Name of the image in its dataset, as in index.json",
        |rows| owned(rows, |row| row.key.to_owned()),
    )),
    column(
        "patient_key",
        TEXT,
        "The patient, unique over all datasets",
        |rows| texts(rows, |row| row.image.patient.as_deref()),
    ),
    column(
        "study_key",
        TEXT,
        "The study, unique over all datasets",
        |rows| texts(rows, |row| row.image.study.as_deref()),
    ),
    column(
        "same_image_as",
        TEXT,
        "Key of the same picture in ChestX-ray14",
        |rows| texts(rows, |row| row.image.same_image_as.as_deref()),
    ),
    column(
        "view",
        TEXT,
        "PA, AP, AP_SUPINE, LATERAL, LL, RL, OBLIQUE or OTHER",
        |rows| texts(rows, |row| row.image.view.map(|view| view.name())),
    ),
    column("frontal", BOOL, "Whether the view is frontal", |rows| {
        let values = rows.iter().map(|row| row.image.frontal);
        Arc::new(values.collect::<BooleanArray>())
    }),
    column("view_raw", TEXT, "The view as the list has it", |rows| {
        texts(rows, |row| row.image.view_raw.as_deref())
    }),
    column("sex", TEXT, "M, F or O, as recorded", |rows| {
        texts(rows, |row| row.image.sex.map(|sex| sex.name()))
    }),
    column(
        "age_years",
        || DataType::Float32,
        "Age in years, from 0 to 120",
        |rows| {
            let values = rows.iter().map(|row| row.image.age_years);
            Arc::new(values.collect::<Float32Array>())
        },
    ),
    column("age_raw", TEXT, "The age as the list has it", |rows| {
        texts(rows, |row| row.image.age_raw.as_deref())
    }),
    column(
        "age_is_group",
        BOOL,
        "Whether the age stands for a group of ages",
        |rows| {
            let values = rows.iter().map(|row| row.image.age_is_group);
            Arc::new(values.collect::<BooleanArray>())
        },
    ),
    column(
        "study_date",
        || DataType::Date32,
        "Date of the study; see date_kind",
        |rows| {
            let values = rows.iter().map(|row| row.image.study_date);
            Arc::new(values.collect::<Date32Array>())
        },
    ),
    always(column(
        "date_kind",
        TEXT,
        "real, shifted (for each patient), fictitious or none",
        |rows| owned(rows, |row| row.dates.name().to_owned()),
    )),
    column(
        "split",
        TEXT,
        "train, validate or test, as the release defines it",
        |rows| texts(rows, |row| row.image.split.map(|split| split.name())),
    ),
    always(column(
        "known_bad",
        BOOL,
        "Whether the source is known to be unreadable",
        |rows| {
            let values = rows.iter().map(|row| Some(row.image.known_bad));
            Arc::new(values.collect::<BooleanArray>())
        },
    )),
];

/// The columns after those of findings.
const AFTER: &[Column] = &[
    column(
        "negatives",
        TEXT,
        "How the zeros arose: negated, unmentioned, explicit or implied",
        |rows| {
            texts(rows, |row| {
                row.image.negatives.map(|negatives| negatives.name())
            })
        },
    ),
    column(
        "label_source",
        TEXT,
        "text mining, radiologists, physician, model or indexers",
        |rows| {
            texts(rows, |row| {
                row.image.label_source.map(|source| source.name())
            })
        },
    ),
    column(
        "findings_source",
        nested::term_list,
        "The dataset's own terms; =-1 marks uncertain ones",
        |rows| {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for row in rows {
                match &row.image.terms {
                    Some(terms) => {
                        for term in terms.iter() {
                            lists.values().append_value(term);
                        }
                        lists.append(true);
                    }
                    None => lists.append(false),
                }
            }
            Arc::new(lists.finish())
        },
    ),
    column(
        "boxes",
        nested::box_list,
        "Boxes in pixels of the source, and of the tree (tree_x ...)",
        nested::boxes,
    ),
    column(
        "masks",
        nested::mask_list,
        "Masks in pixels of the source: start, length, ... row by row from 0",
        nested::masks,
    ),
    column(
        "source_width",
        SIZE,
        "Width of the source in pixels",
        |rows| size(rows, |header| header.description.width),
    ),
    column(
        "source_height",
        SIZE,
        "Height of the source in pixels",
        |rows| size(rows, |header| header.description.height),
    ),
    column(
        "source_bits",
        || DataType::UInt8,
        "Bits per sample of the source",
        |rows| {
            let bits = |row: &Row<'_>| u8::try_from(row.header.as_ref()?.description.bits).ok();
            Arc::new(rows.iter().map(bits).collect::<UInt8Array>())
        },
    ),
    column(
        "scale_x",
        EXACT,
        "x in the tree = x in the source * scale_x - offset_x",
        |rows| {
            let values = rows
                .iter()
                .map(|row| row.placement.map(|place| place.horizontal.scale));
            Arc::new(values.collect::<Float64Array>())
        },
    ),
    column(
        "scale_y",
        EXACT,
        "y in the tree = y in the source * scale_y - offset_y",
        |rows| {
            let values = rows
                .iter()
                .map(|row| row.placement.map(|place| place.vertical.scale));
            Arc::new(values.collect::<Float64Array>())
        },
    ),
    column(
        "offset_x",
        || DataType::Int32,
        "Pixels cut off at the left, after scaling",
        |rows| {
            let values = rows
                .iter()
                .map(|row| row.placement.map(|place| place.horizontal.offset));
            Arc::new(values.collect::<Int32Array>())
        },
    ),
    column(
        "offset_y",
        || DataType::Int32,
        "Pixels cut off at the top, after scaling",
        |rows| {
            let values = rows
                .iter()
                .map(|row| row.placement.map(|place| place.vertical.offset));
            Arc::new(values.collect::<Int32Array>())
        },
    ),
    column(
        "report",
        TEXT,
        "The report as in index.json, or as the list has it",
        |rows| texts(rows, |row| row.text(|texts| &texts.report)),
    ),
    column(
        "report_language",
        TEXT,
        "Language of the report (ISO 639-1)",
        |rows| texts(rows, |row| row.texts.as_ref().map(|texts| texts.language)),
    ),
    column(
        "findings_text",
        TEXT,
        "Section of the report: findings",
        |rows| texts(rows, |row| row.text(|texts| &texts.findings)),
    ),
    column(
        "impression_text",
        TEXT,
        "Section of the report: impression",
        |rows| texts(rows, |row| row.text(|texts| &texts.impression)),
    ),
    column(
        "last_paragraph_text",
        TEXT,
        "End of a report that has neither findings nor impression",
        |rows| texts(rows, |row| row.text(|texts| &texts.last_paragraph)),
    ),
    column(
        "indication_text",
        TEXT,
        "Section of the report: indication",
        |rows| texts(rows, |row| row.text(|texts| &texts.indication)),
    ),
    column(
        "comparison_text",
        TEXT,
        "Section of the report: comparison",
        |rows| texts(rows, |row| row.text(|texts| &texts.comparison)),
    ),
    column(
        "labelled_text",
        TEXT,
        "Text from which the labels were made (MIMIC-CXR-JPG)",
        |rows| texts(rows, |row| row.text(|texts| &texts.labelled)),
    ),
];

fn size(rows: &[Row<'_>], side: fn(&crate::source::SourceHeader) -> usize) -> ArrayRef {
    let side = |row: &Row<'_>| u32::try_from(side(row.header.as_ref()?)).ok();
    Arc::new(rows.iter().map(side).collect::<UInt32Array>())
}

/// The columns of the table, with a comment for each in its metadata (`comment`).
pub fn schema() -> SchemaRef {
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    let field = |column: &Column| {
        Field::new(column.name, (column.data_type)(), !column.is_always_known)
            .with_metadata(comment(column.comment))
    };
    let make = || {
        let findings = Vocabulary::get().findings().iter().map(|finding| {
            let meaning = "1 present, 0 absent, -1 uncertain, null not labelled";
            Field::new(*finding, DataType::Int8, true).with_metadata(comment(meaning))
        });
        let before = BEFORE.iter().map(field);
        let fields: Vec<Field> = before
            .chain(findings)
            .chain(AFTER.iter().map(field))
            .collect();
        Arc::new(Schema::new(fields))
    };
    Arc::clone(SCHEMA.get_or_init(make))
}

fn comment(comment: &str) -> HashMap<String, String> {
    HashMap::from([("comment".to_owned(), comment.to_owned())])
}

/// Rows as columns.
pub(super) fn batch(rows: &[Row<'_>]) -> Result<RecordBatch, ArrowError> {
    let findings = (0..Vocabulary::get().findings().len()).map(|finding| -> ArrayRef {
        let states = rows.iter().map(|row| row.image.findings.get(finding));
        Arc::new(states.collect::<Int8Array>())
    });
    let before = BEFORE.iter().map(|column| (column.values)(rows));
    let after = AFTER.iter().map(|column| (column.values)(rows));
    RecordBatch::try_new(schema(), before.chain(findings).chain(after).collect())
}
