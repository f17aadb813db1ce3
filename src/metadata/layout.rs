//! The columns of one file, found by what the description of its list says.

use std::collections::BTreeSet;

use super::builder::MetadataBuilder;
use super::cells::Cells;
use super::list::{Column, MetadataList, Rows, Takes};
use super::notes::ListNote;
use super::{boxes, labels};
use crate::catalog::CatalogError;
use crate::lists::{self, Row, Table};

/// The columns of a list that a file has.
pub(super) struct Layout {
    join: lists::Column,
    /// The column that tells whether the tree takes a row, and how it does.
    taken: Option<(lists::Column, Takes)>,
    columns: Vec<(Column, lists::Column)>,
    labels: Option<labels::Columns>,
    boxes: Option<boxes::Columns>,
    extra: Vec<(&'static str, Option<lists::Column>)>,
}

impl Layout {
    /// Finds the columns of `list` and those that are `extra`. Notes the ones that are missing.
    ///
    /// # Errors
    /// If no column names the image.
    pub(super) fn find(
        table: &Table,
        list: &MetadataList,
        extra: &[&'static str],
        note: &mut ListNote,
    ) -> Result<Self, CatalogError> {
        let find = |names: &[&'static str]| names.iter().find_map(|name| table.find_like(name));
        let join = match find(list.join.column) {
            Some(join) => join,
            None => table.column(list.join.column.first().copied().unwrap_or_default())?,
        };
        let taken = match list.join.rows {
            Rows::Each { column, takes } => Some((
                find(&[column]).map_or_else(|| table.column(column), Ok)?,
                takes,
            )),
            Rows::Last | Rows::Many => None,
        };
        let mut absent = Vec::new();
        let mut columns = Vec::new();
        for column in list.columns {
            match find(column.names) {
                Some(found) => columns.push((*column, found)),
                None => absent.extend(column.names.first()),
            }
        }
        let labels = list.labels;
        let labels = labels.map(|labels| labels::Columns::of(table, labels, &mut absent));
        let boxes = list.boxes;
        let boxes = boxes.map(|boxes| boxes::Columns::of(table, boxes, &mut absent));
        let extra: Vec<_> = extra.iter().map(|name| (*name, find(&[*name]))).collect();
        let missing = extra.iter().filter(|(_, found)| found.is_none());
        absent.extend(missing.map(|(name, _)| *name));
        let mut told = BTreeSet::new();
        for name in absent.into_iter().filter(|name| told.insert(*name)) {
            if let Err(CatalogError::MissingColumn { column, found, .. }) = table.column(name) {
                let fault = format!(": there is no column \"{column}\": {found}");
                note.faults.push(fault);
            }
        }
        Ok(Self {
            join,
            taken,
            columns,
            labels,
            boxes,
            extra,
        })
    }

    /// The column that names the image.
    pub(super) fn join(&self) -> lists::Column {
        self.join
    }

    /// Whether the tree takes a row, as far as its cells tell.
    pub(super) fn takes(&self, row: &Row<'_>, frontal_only: bool) -> bool {
        self.taken
            .is_none_or(|(column, takes)| takes(&row.get(column).unwrap_or_default(), frontal_only))
    }

    /// The extra columns, by name.
    pub(super) fn extra(&self) -> &[(&'static str, Option<lists::Column>)] {
        &self.extra
    }

    /// Takes the cells of a row that is about the images `numbers`.
    pub(super) fn take(
        &self,
        metadata: &mut MetadataBuilder<'_>,
        cells: &mut Cells<'_, '_>,
        numbers: &[u32],
    ) {
        metadata.take_columns(&self.columns, cells, numbers);
        if let Some(labels) = &self.labels {
            labels.take(metadata, cells, numbers);
        }
        if let Some(boxes) = &self.boxes {
            boxes.take(metadata, cells, numbers);
        }
    }
}
