//! Cases with the answers of MIMIC-CXR's own code.

use super::*;
use proptest::prelude::*;

/// A study, its report, and its findings, impression, last paragraph, indication, comparison and
/// labelled text; none if empty.
type Case = (&'static str, &'static str, [&'static str; 6]);

const CASES: [Case; 21] = [
    // A usual report.
    (
        "",
        "                                 FINAL REPORT\
         \n EXAMINATION:  CHEST (PA AND LAT)\n \
         \n INDICATION:  ___ year old woman with cough.\n \n COMPARISON:  None.\n \
         \n FINDINGS: \n \n The lungs are clear.\n \n IMPRESSION: \n \n No acute process.\
         \n",
        [
            "The lungs are clear.",
            "No acute process.",
            "",
            "___ year old woman with cough.",
            "None.",
            "No acute process.",
        ],
    ),
    // No headings.
    (
        "",
        " FINAL REPORT\n The lungs are clear.\n No effusion.",
        ["", "", "", "", "", ""],
    ),
    // No headings, two paragraphs.
    (
        "",
        " FINAL REPORT\n \n The lungs are clear.\n \n No effusion.\n",
        [
            "",
            "",
            "The lungs are clear.\n \n No effusion.",
            "",
            "",
            "The lungs are clear.\n \n No effusion.",
        ],
    ),
    // The first line is no heading.
    (
        "",
        " FINDINGS: clear.\n IMPRESSION: normal.",
        ["", "normal.", "", "", "", "normal."],
    ),
    // The view is the heading.
    (
        "",
        "\n CHEST, TWO VIEWS:  The lungs are clear.\n \n No effusion.",
        [
            "The lungs are clear.\n \n No effusion.",
            "",
            "",
            "",
            "",
            "The lungs are clear.\n \n No effusion.",
        ],
    ),
    // A title without text.
    (
        "",
        "\n CHEST, PA AND LATERAL:\n \n INDICATION:  Cough.\n \n The lungs are clear.\n \
         \n No effusion.",
        [
            "",
            "",
            "The lungs are clear.\n \n No effusion.",
            "Cough.",
            "",
            "The lungs are clear.\n \n No effusion.",
        ],
    ),
    // A heading ends its line.
    (
        "",
        "\n FINDINGS:\n IMPRESSION: this line is text.\n IMPRESSION: normal.",
        [
            "IMPRESSION: this line is text.",
            "normal.",
            "",
            "",
            "",
            "normal.",
        ],
    ),
    // A blank after the colon.
    (
        "",
        "\n FINDINGS: \n IMPRESSION: normal.",
        ["", "normal.", "", "", "", "normal."],
    ),
    // The last of a name.
    (
        "",
        "\n IMPRESSION: one.\n ADDENDUM: two.\n IMPRESSION: three.",
        ["", "three.", "", "", "", "three."],
    ),
    // An empty impression after a full one.
    (
        "",
        "\n IMPRESSION: one.\n CONCLUSION: \n \n COMPARISON: none.",
        ["", "one.", "", "", "none.", "one."],
    ),
    // An empty comparison after a full one.
    (
        "",
        "\n COMPARISON: old.\n FINDINGS: clear.\n COMPARISONS: \n",
        ["clear.", "", "", "", "", "clear."],
    ),
    // All in the comparison.
    (
        "",
        "\n INDICATION: Cough.\n COMPARISON: ___. The lungs are clear.",
        [
            "",
            "",
            "",
            "Cough.",
            "___. The lungs are clear.",
            "___. The lungs are clear.",
        ],
    ),
    // An empty last paragraph.
    (
        "",
        "\n COMPARISON: ___. The lungs are clear.\n \n ",
        ["", "", "", "", "___. The lungs are clear.", ""],
    ),
    // An empty impression ends the comparison.
    (
        "",
        "\n COMPARISON: The lungs are clear.\n \n IMPRESSION: \n",
        [
            "",
            "",
            "",
            "",
            "The lungs are clear.",
            "The lungs are clear.",
        ],
    ),
    // Misspelt.
    (
        "",
        "\n REASON FOR EXAM: Cough.\n REFERENCE EXAM: None.\n FINDNGS: Clear.\
         \n IMPRESSOIN: Normal.",
        ["Clear.", "Normal.", "", "Cough.", "None.", "Normal."],
    ),
    // Nearly headings.
    (
        "",
        "\n Findings: a.\n  IMPRESSION: b\n FINDINGS:c\nFINDINGS: d\n 1 IMPRESSION: e\
         \n F: f",
        [
            "",
            "b\n FINDINGS:c\nFINDINGS: d\n 1 IMPRESSION: e",
            "",
            "",
            "",
            "b\n FINDINGS:c\nFINDINGS: d\n 1 IMPRESSION: e",
        ],
    ),
    // Letters beyond ASCII.
    (
        "",
        "\n FINDINGS:\u{a0}\u{2265} 2 cm, \u{e9}.\u{2003}\n \u{c9}TUDE: x\
         \n IMPRESSION:\t\u{e9}\u{1f}",
        [
            "\u{2265} 2 cm, \u{e9}.\u{2003}\n \u{c9}TUDE: x",
            "\u{e9}",
            "",
            "",
            "",
            "\u{e9}",
        ],
    ),
    // By hand: a section.
    (
        "s50913680",
        "\n INDICATION: Cough.\n RECOMMENDATION(S): The lungs are clear.\
         \n IMPRESSION: x.",
        ["", "x.", "", "Cough.", "", "The lungs are clear."],
    ),
    // By hand: a section that is not there.
    (
        "s50913680",
        "\n INDICATION: Cough.\n IMPRESSION: x.",
        ["", "x.", "", "Cough.", "", "x."],
    ),
    // By hand: characters.
    (
        "s51410602",
        "\n INDICATION: \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}.\
         \n COMPARISON: none. Lungs [from here on]. xxxxxxxxxxxxxxxxxxxx\n",
        [
            "",
            "",
            "",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}.",
            "none. Lungs [from here on]. xxxxxxxxxxxxxxxxxxxx",
            "s [from here on]. xxxxxxxxxxxxxxxxxxxx",
        ],
    ),
    // By hand: nothing.
    (
        "s58235663",
        "\n IMPRESSION: See the other report.",
        ["", "See the other report.", "", "", "", ""],
    ),
];

fn texts(sections: Sections<'_>) -> [&str; 6] {
    [
        sections.findings,
        sections.impression,
        sections.last_paragraph,
        sections.indication,
        sections.comparison,
        sections.labelled,
    ]
    .map(Option::unwrap_or_default)
}

#[test]
fn sections_are_those_of_the_original() {
    for (study, text, expected) in CASES {
        let sections = sections_of_study(study, text);
        assert_eq!(texts(sections), expected, "{study} {text:?}");
        let all = [sections.findings, sections.labelled, sections.comparison];
        assert!(!all.contains(&Some("")));
    }
}

#[test]
fn only_the_labelled_text_was_chosen_by_hand() {
    for (study, text, _) in CASES.iter().filter(|(study, ..)| !study.is_empty()) {
        let labelled = sections_of_study(study, text).labelled;
        let expected = Sections {
            labelled,
            ..sections(text)
        };
        assert_eq!(sections_of_study(study, text), expected);
    }
}

#[test]
fn a_long_text_takes_no_time() {
    for part in ["\n A: ", "\n ", "\n \n", "A", "\n IMPRESSION: \n"] {
        let text = part.repeat(200_000);
        sections(&text);
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        text in "(?s).{0,60}|\
            ((\n |\n|:|: |FINDINGS|IMPRESSION|COMPARISON|\u{e9}|\u{a0}| |a){0,30})",
        study in "s5[0-9]{7}|s50525523|s59215320|.{0,9}",
    ) {
        let _ = sections(&text);
        let found = sections_of_study(&study, &text);
        for section in texts(found) {
            prop_assert!(text.contains(section));
        }
    }
}
