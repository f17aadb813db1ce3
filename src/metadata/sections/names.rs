//! Names of the sections of MIMIC-CXR's reports, from their headings.

/// Headings that the other rules of [`name_of`] would not understand, by name: lower-case, in the
/// order of the alphabet. (`section_parser.py` of <https://github.com/MIT-LCP/mimic-cxr>, whose
/// table counts them; `ndication` is an impression there, too.)
const SPELLINGS: [(&str, &[&str]); 8] = [
    (
        "comparison",
        &[
            "comparision",
            "comparisions",
            "comparrison",
            "comparsion",
            "reference exam",
        ],
    ),
    ("examination", &["exam", "type of examination"]),
    (
        "findings",
        &[
            "findgings",
            "findindgs",
            "finding",
            "findins",
            "findngs",
            "findnings",
            "finidngs",
        ],
    ),
    ("history", &["clinical information", "pfi"]),
    (
        "impression",
        &[
            "conclusion",
            "imoression",
            "imperssion",
            "impession",
            "impresion",
            "impressoin",
            "impresson",
            "imprression",
            "imprssion",
            "mpression",
            "ndication",
        ],
    ),
    (
        "indication",
        &[
            "clinical indication",
            "idication",
            "reason for exam",
            "reason for examination",
        ],
    ),
    ("recommendations", &["recommendation", "recommendation(s)"]),
    ("wet read", &["wetread"]),
];

/// Names that count wherever they stand in a heading, the first before the next.
const MAIN: [&str; 5] = [
    "impression",
    "findings",
    "history",
    "comparison",
    "addendum",
];

/// Words for a kind of picture: a heading that names one stands above findings.
const VIEWS: [&str; 17] = [
    "ap and lateral",
    "ap view",
    "bone window",
    "chest",
    "frontal and",
    "frontal semi-upright",
    "frontal upright",
    "frontal view",
    "lateral and ap",
    "lateral and pa",
    "lateral view",
    "one view",
    "pa and lat",
    "pa view",
    "portable",
    "ribs",
    "two views",
];

/// The name of a section: of a known spelling, else that a heading contains, else `findings` under
/// the name of a view, else the heading in lower case.
pub(super) fn name_of(heading: &str) -> String {
    let heading = heading.trim_matches(is_space).to_lowercase();
    let known = SPELLINGS
        .iter()
        .find(|(_, spellings)| spellings.contains(&heading.as_str()));
    if let Some((name, _)) = known {
        return (*name).to_owned();
    }
    if let Some(name) = MAIN.into_iter().find(|name| heading.contains(name)) {
        return name.to_owned();
    }
    if VIEWS.into_iter().any(|view| heading.contains(view)) {
        return "findings".to_owned();
    }
    heading
}

/// White space as Python has it: Unicode's, and the four separators of ASCII.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_few_names() {
        for (heading, name) in [
            ("FINDINGS", "findings"),
            ("CONCLUSION", "impression"),
            ("FINDINGS AND IMPRESSION", "impression"),
            ("FINDINGS/ IMPRESSION", "impression"),
            (" IMPRESSION ", "impression"),
            ("NDICATION", "impression"),
            ("CHEST, TWO VIEWS", "findings"),
            ("PA AND LATERAL CHEST RADIOGRAPH", "findings"),
            ("LEFT RIBS", "findings"),
            ("COMPARISONS", "comparison"),
            ("COMPARISON FILM", "comparison"),
            ("CHEST COMPARISON", "comparison"),
            ("PATIENT HISTORY", "history"),
            ("HISTORY AND IMPRESSION", "impression"),
            ("PFI", "history"),
            ("REASON FOR EXAM", "indication"),
            ("INDICATION", "indication"),
            ("CLINICAL INDICATION", "indication"),
            ("INDICATIONS", "indications"),
            ("EXAM", "examination"),
            ("RECOMMENDATION(S)", "recommendations"),
            ("WETREAD", "wet read"),
            ("NOTE", "note"),
            ("", ""),
        ] {
            assert_eq!(name_of(heading), name, "{heading}");
        }
    }

    #[test]
    fn tables_are_in_lower_case_and_in_order() {
        let spellings = SPELLINGS.iter().map(|(_, spellings)| *spellings);
        for table in spellings.chain([&VIEWS[..]]) {
            assert!(table.is_sorted(), "{table:?}");
            assert!(table.iter().all(|text| *text == text.to_lowercase()));
        }
    }
}
