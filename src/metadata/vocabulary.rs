//! The findings that all datasets share, and how each dataset's own terms map to them.
//!
//! Everything is in one file, `findings.csv`: to add a finding or a mapping, add a line there.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::glob;

/// The vocabulary: `finding,dataset,own_term,kind,source`.
const FILE: &str = include_str!("findings.csv");

/// Increased by every change of `findings.csv` that changes a column or a value.
pub const VERSION: &str = "2";

/// The finding that nothing was found.
pub const NO_FINDING: &str = "No Finding";

/// Maximum number of findings: their states are in every record.
const MAX_FINDINGS: usize = 48;

/// State of one term or finding: 1 present, 0 absent, -1 uncertain, `None` not labelled.
pub type State = Option<i8>;

/// The states of all findings, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States([i8; MAX_FINDINGS]);

/// Stands for [`None`] in [`States`].
const NOT_LABELLED: i8 = i8::MIN;

impl Default for States {
    fn default() -> Self {
        Self([NOT_LABELLED; MAX_FINDINGS])
    }
}

impl States {
    pub fn get(&self, finding: usize) -> State {
        let state = *self.0.get(finding)?;
        (state != NOT_LABELLED).then_some(state)
    }

    pub fn set(&mut self, finding: usize, state: State) {
        if let Some(known) = self.0.get_mut(finding) {
            *known = state.unwrap_or(NOT_LABELLED);
        }
    }

    /// Takes what `other` knows and this does not.
    pub fn fill(&mut self, other: &Self) {
        for (known, state) in self.0.iter_mut().zip(other.0) {
            if *known == NOT_LABELLED {
                *known = state;
            }
        }
    }
}

/// How an own term relates to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They mean the same.
    Exact,
    /// The term is a kind of the finding: if the term is present, so is the finding.
    Narrower,
    /// The finding is a kind of the term: if the term is absent, so is the finding.
    Broader,
    /// The relation is not clear: only used if the user asks for it.
    Doubtful,
}

/// The terms of one set of labels, and what they tell about findings.
#[derive(Debug, Default)]
pub struct LabelSet {
    terms: Vec<&'static str>,
    /// The terms in lower case.
    patterns: Vec<String>,
    /// Finding, term, kind.
    rules: Vec<(usize, usize, Kind)>,
}

/// All findings and label sets.
#[derive(Debug, Default)]
pub struct Vocabulary {
    findings: Vec<&'static str>,
    sets: HashMap<&'static str, LabelSet>,
}

impl Vocabulary {
    /// The vocabulary of this program.
    pub fn get() -> &'static Self {
        static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
        VOCABULARY.get_or_init(|| Self::parse(FILE))
    }

    /// Lines that are not understood are left out; a test checks that there are none.
    fn parse(text: &'static str) -> Self {
        let mut vocabulary = Self::default();
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).unwrap_or(false) {
            let Some((finding, set, term, kind)) = line(text, &record) else {
                continue;
            };
            let known = vocabulary
                .findings
                .iter()
                .position(|known| *known == finding);
            let number = known.unwrap_or(vocabulary.findings.len());
            if number == MAX_FINDINGS {
                continue;
            }
            if known.is_none() {
                vocabulary.findings.push(finding);
            }
            let set = vocabulary.sets.entry(set).or_default();
            let term = set.term(term).unwrap_or_else(|| {
                set.terms.push(term);
                set.patterns.push(term.to_lowercase());
                set.terms.len() - 1
            });
            set.rules.push((number, term, kind));
        }
        vocabulary
    }

    /// The names of all findings, in the order of the table's columns.
    pub fn findings(&self) -> &[&'static str] {
        &self.findings
    }

    /// The number of a finding.
    pub fn number(&self, finding: &str) -> Option<usize> {
        self.findings.iter().position(|known| *known == finding)
    }

    /// The labels that `findings.csv` calls `name`; empty if it has none.
    pub fn label_set(&self, name: &str) -> &LabelSet {
        static EMPTY: LabelSet = LabelSet {
            terms: Vec::new(),
            patterns: Vec::new(),
            rules: Vec::new(),
        };
        self.sets.get(name).unwrap_or(&EMPTY)
    }
}

/// The fields of a line as parts of `text`, which lives as long as the program.
fn line(
    text: &'static str,
    record: &csv::StringRecord,
) -> Option<(&'static str, &'static str, &'static str, Kind)> {
    let field = |number: usize| {
        let field = record.get(number)?;
        let start = text.get(record.position()?.byte() as usize..)?;
        let at = start.find(field)?;
        // Fields are without quotes, and none of ours contains an escaped one.
        start.get(at..at + field.len())
    };
    let kind = match record.get(3)? {
        "exact" => Kind::Exact,
        "narrower" => Kind::Narrower,
        "broader" => Kind::Broader,
        "doubtful" => Kind::Doubtful,
        _ => return None,
    };
    Some((field(0)?, field(1)?, field(2)?, kind))
}

impl LabelSet {
    /// The own terms, each once.
    pub fn terms(&self) -> &[&'static str] {
        &self.terms
    }

    /// The number of a term.
    pub fn term(&self, name: &str) -> Option<usize> {
        self.terms.iter().position(|known| *known == name)
    }

    /// The finding that an own term proves: the one that means the same, or else the only one of
    /// which the term is a kind.
    pub fn finding_of(&self, term: &str) -> Option<usize> {
        let term = self.term(term)?;
        let of_kind = |kind: Kind| {
            let rules = self.rules.iter();
            rules
                .filter(move |rule| rule.1 == term && rule.2 == kind)
                .map(|rule| rule.0)
        };
        let mut wider = of_kind(Kind::Narrower);
        let only = wider.next().filter(|_| wider.next().is_none());
        of_kind(Kind::Exact).next().or(only)
    }

    /// Findings of which this set only has kinds: their absence is partial.
    pub fn partial_findings(&self) -> Vec<usize> {
        let mut findings: Vec<usize> = self.rules.iter().map(|rule| rule.0).collect();
        findings.sort_unstable();
        findings.dedup();
        let has = |finding: usize, kinds: &[Kind]| {
            let mut rules = self.rules.iter();
            rules.any(|rule| rule.0 == finding && kinds.contains(&rule.2))
        };
        findings.retain(|finding| {
            has(*finding, &[Kind::Narrower]) && !has(*finding, &[Kind::Exact, Kind::Broader])
        });
        findings
    }

    /// The states of terms in a list of what is present. A term matches an item if it is equal to
    /// the item or to what is before the item's first `/`, or, with `*`, as a pattern. Case does
    /// not count, since lists are not consistent in it.
    pub fn listed(&self, items: &[&str]) -> Vec<State> {
        let items: Vec<String> = items.iter().map(|item| item.to_lowercase()).collect();
        let patterns = self.patterns.iter();
        let states = patterns.map(|pattern| {
            let means =
                |item: &String| glob::matches(pattern, item) || *pattern == glob::heading(item);
            let is_present = items.iter().any(means);
            Some(i8::from(is_present))
        });
        states.collect()
    }

    /// The terms that are present, and, with `=-1`, those that are uncertain.
    pub fn told(&self, states: &[State]) -> Vec<String> {
        let terms = self.terms.iter().zip(states);
        let told = terms.filter_map(|(term, state)| match state {
            Some(1) => Some((*term).to_owned()),
            Some(-1) => Some(format!("{term}=-1")),
            _ => None,
        });
        told.collect()
    }

    /// The states of findings, from those of terms by number. With `closed`, all that was found is
    /// in the list, so a finding is absent if all kinds of it are. With `loose`, doubtful terms
    /// count as narrower ones.
    pub fn combine(&self, terms: &[State], closed: bool, loose: bool) -> States {
        let mut findings = States::default();
        for finding in 0..MAX_FINDINGS {
            let rules = self.rules.iter().filter(|rule| rule.0 == finding);
            let mut seen = Seen::default();
            for (_, term, kind) in rules {
                let kind = match kind {
                    Kind::Doubtful if loose => Kind::Narrower,
                    kind => *kind,
                };
                seen.add(kind, terms.get(*term).copied().flatten());
            }
            findings.set(finding, seen.state(closed));
        }
        findings
    }
}

/// What the terms of one finding say.
#[derive(Default)]
struct Seen {
    is_present: bool,
    is_uncertain: bool,
    /// An exact or broader term is absent.
    is_absent: bool,
    narrower: u32,
    narrower_absent: u32,
}

impl Seen {
    fn add(&mut self, kind: Kind, state: State) {
        match kind {
            Kind::Exact | Kind::Narrower => {
                self.is_present |= state == Some(1);
                self.is_uncertain |= state == Some(-1);
            }
            Kind::Broader | Kind::Doubtful => {}
        }
        match kind {
            Kind::Exact | Kind::Broader => self.is_absent |= state == Some(0),
            Kind::Narrower => {
                self.narrower += 1;
                self.narrower_absent += u32::from(state == Some(0));
            }
            Kind::Doubtful => {}
        }
    }

    fn state(&self, closed: bool) -> State {
        let all_kinds_are_absent =
            closed && self.narrower > 0 && self.narrower == self.narrower_absent;
        match self {
            Seen {
                is_present: true, ..
            } => Some(1),
            Seen {
                is_uncertain: true, ..
            } => Some(-1),
            _ if self.is_absent || all_kinds_are_absent => Some(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(set: &str, states: &[(&str, i8)], closed: bool) -> HashMap<&'static str, i8> {
        let vocabulary = Vocabulary::get();
        let set = vocabulary.label_set(set);
        let mut terms = vec![None; set.terms().len()];
        for (term, state) in states {
            terms[set.term(term).unwrap()] = Some(*state);
        }
        let found = set.combine(&terms, closed, false);
        let named = vocabulary.findings().iter().enumerate();
        named
            .filter_map(|(number, name)| Some((*name, found.get(number)?)))
            .collect()
    }

    #[test]
    fn every_line_of_the_file_is_understood_and_has_a_source() {
        let mut reader = csv::ReaderBuilder::new().from_reader(FILE.as_bytes());
        let mut count = 0;
        for record in reader.records() {
            let record = record.unwrap();
            assert!(line(FILE, &record).is_some(), "{record:?}");
            assert!(!record[4].is_empty(), "{record:?}");
            count += 1;
        }
        let vocabulary = Vocabulary::get();
        let rules: usize = vocabulary.sets.values().map(|set| set.rules.len()).sum();
        assert_eq!(rules, count);
        assert_eq!(vocabulary.findings().len(), 37);
        assert!(vocabulary.number(NO_FINDING).is_some());
    }

    #[test]
    fn a_narrower_term_proves_presence_and_a_broader_one_absence() {
        let found = findings_of(
            "chexpert",
            &[("Lung Lesion", 1), ("Pleural Other", 0)],
            false,
        );
        assert_eq!(found.get("Lung Lesion"), Some(&1));
        assert_eq!(found.get("Nodule"), None);
        assert_eq!(found.get("Pleural Thickening"), Some(&0));
        let found = findings_of("chexpert", &[("Lung Lesion", -1)], false);
        assert_eq!(
            (found.get("Lung Lesion"), found.get("Mass")),
            (Some(&-1), None)
        );
    }

    #[test]
    fn in_a_list_of_all_that_was_found_what_is_not_named_is_absent() {
        let terms = ["Nodule", "Mass", "Pleural_Thickening"].map(|term| (term, 0));
        let found = findings_of("chex-ray14", &terms, true);
        assert_eq!(found.get("Nodule/Mass"), Some(&0));
        assert_eq!(found.get("Lung Opacity"), None, "only doubtful terms");
        let found = findings_of("chex-ray14", &terms[..1], true);
        assert_eq!(
            found.get("Nodule/Mass"),
            None,
            "nothing is known of the mass"
        );
    }

    #[test]
    fn patterns_match_the_whole_term() {
        let set = Vocabulary::get().label_set("openi");
        let states = set.listed(&["Diaphragm/right/elevated/mild", "Diaphragm"]);
        let of = |term: &str| states[set.term(term).unwrap()];
        assert_eq!(of("Diaphragm/*elevated*"), Some(1));
        assert_eq!(of("Hernia, Hiatal"), Some(0));
    }
}
