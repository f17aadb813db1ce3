//! Takes the labels of a row.

use super::builder::MetadataBuilder;
use super::cells::Cells;
use super::image::{ImageMetadata, Negatives};
use super::list::{LabelCells, Labels};
use super::vocabulary::{LabelSet, NO_FINDING, State, States, Vocabulary};
use crate::lists::{Column, Table};

/// The columns of labels in one list.
pub(super) struct Columns {
    labels: Labels,
    set: &'static LabelSet,
    /// The column of each term, or the only column.
    columns: Vec<Option<Column>>,
}

impl Columns {
    /// Finds the columns; adds the names of those that are missing to `absent`.
    pub(super) fn of(table: &Table, labels: Labels, absent: &mut Vec<&'static str>) -> Self {
        let set = Vocabulary::get().label_set(labels.set);
        let mut find = |name: &'static str| {
            let column = table.find_like(name);
            if column.is_none() {
                absent.push(name);
            }
            column
        };
        let columns = match labels.cells {
            LabelCells::Items { column, .. } => vec![find(column)],
            _ => set.terms().iter().copied().map(find).collect(),
        };
        Self {
            labels,
            set,
            columns,
        }
    }

    /// Sets the findings of the images `numbers`.
    pub(super) fn take(
        &self,
        metadata: &mut MetadataBuilder<'_>,
        cells: &mut Cells<'_, '_>,
        numbers: &[u32],
    ) {
        match self.labels.cells {
            LabelCells::Items {
                column,
                items,
                are_known,
                is_labelled,
            } => {
                let Some(place) = self.columns.first().copied().flatten() else {
                    return;
                };
                let cell = cells.text(place).unwrap_or_default();
                let found = items(&cell);
                if found.is_none() && !cell.is_empty() {
                    cells.fault(column, &cell, "not a list of labels");
                }
                let mut unknown = found.iter().flatten();
                let unknown = unknown.find(|item| are_known && self.set.term(item).is_none());
                if let Some(unknown) = unknown {
                    cells.fault(column, unknown, "not a label of the release");
                    return;
                }
                let labelled = found.as_deref().is_some_and(is_labelled);
                let found = found.unwrap_or_default();
                let items: Vec<&str> = found.iter().map(String::as_str).collect();
                let states = match labelled {
                    true => self.set.listed(&items),
                    false => Vec::new(),
                };
                self.set_findings(metadata, &states, &items, numbers);
            }
            LabelCells::States { except } => {
                let states = self.states(cells, except);
                self.set_states(metadata, &states, numbers);
            }
            LabelCells::Words { present, absent } => {
                let states = self.words(cells, present, absent);
                self.set_states(metadata, &states, numbers);
            }
        }
    }

    fn states(&self, cells: &mut Cells<'_, '_>, except: &[&str]) -> Vec<State> {
        let terms = self.set.terms().iter().zip(&self.columns);
        let mut states: Vec<State> = terms
            .map(|(term, column)| {
                let number = cells.number(term, (*column)?)?;
                let state = match number {
                    1.0 => 1,
                    0.0 => 0,
                    -1.0 => -1,
                    _ => {
                        cells.fault(term, &number.to_string(), "not 1, 0 or -1");
                        return None;
                    }
                };
                Some(state)
            })
            .collect();
        if self.nothing_found(&states) {
            for (term, state) in self.set.terms().iter().zip(&mut states) {
                if state.is_none() && !except.contains(term) {
                    *state = Some(0);
                }
            }
        }
        states
    }

    fn words(&self, cells: &mut Cells<'_, '_>, present: &str, absent: &str) -> Vec<State> {
        let terms = self.set.terms().iter().zip(&self.columns);
        terms
            .map(|(term, column)| {
                let cell = cells.text((*column)?)?;
                if cell.eq_ignore_ascii_case(present) {
                    return Some(1);
                }
                if cell.eq_ignore_ascii_case(absent) {
                    return Some(0);
                }
                cells.fault(
                    term,
                    &cell,
                    "not one of the two words for present and absent",
                );
                None
            })
            .collect()
    }

    /// Whether the row says that there is no finding.
    fn nothing_found(&self, states: &[State]) -> bool {
        let number = self.set.term(NO_FINDING);
        number.is_some_and(|number| states.get(number) == Some(&Some(1)))
    }

    /// Sets findings by the states of terms, of which the present and the uncertain ones are told.
    fn set_states(&self, metadata: &mut MetadataBuilder<'_>, states: &[State], numbers: &[u32]) {
        let told = self.set.told(states);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        self.set_findings(metadata, states, &told, numbers);
    }

    fn set_findings(
        &self,
        metadata: &mut MetadataBuilder<'_>,
        states: &[State],
        terms: &[&str],
        numbers: &[u32],
    ) {
        // A list of what was found denies what it does not name.
        let is_closed = matches!(self.labels.cells, LabelCells::Items { .. });
        let findings = self.set.combine(states, is_closed, metadata.is_loose());
        let negatives = match self.nothing_found(states) {
            true if matches!(self.labels.cells, LabelCells::States { .. }) => Negatives::Implied,
            _ => self.labels.cells.negatives(),
        };
        let terms = metadata.shared_terms(terms);
        let (labels, is_labelled) = (self.labels, findings != States::default());
        metadata.each(numbers, |image: &mut ImageMetadata| {
            if labels.fills {
                if is_labelled && image.negatives.is_none() {
                    image.negatives = Some(negatives);
                    image.label_source = labels.source;
                }
                image.findings.fill(&findings);
                return;
            }
            image.findings = findings;
            image.terms = Some(terms.clone());
            image.negatives = is_labelled.then_some(negatives);
            if let Some(source) = labels.source {
                image.label_source = is_labelled.then_some(source);
            }
        });
    }
}
