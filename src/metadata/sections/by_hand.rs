//! Studies of MIMIC-CXR whose labelled text was chosen by hand.

/// What was labelled in place of what the rules for all reports give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The last section with this name.
    Section(&'static str),
    /// The characters from a first one to before another; none if both are 0.
    Characters(usize, usize),
}

/// The replacement for a study, `s50913680` or `50913680`.
pub(super) fn replacement(study: &str) -> Option<Replacement> {
    let study: u32 = study.strip_prefix('s').unwrap_or(study).parse().ok()?;
    let index = REPLACEMENTS
        .binary_search_by_key(&study, |(number, _)| *number)
        .ok()?;
    Some(REPLACEMENTS[index].1)
}

/// By the number of the study (`custom_mimic_cxr_rules` in `txt/section_parser.py` of
/// <https://github.com/MIT-LCP/mimic-cxr>).
const REPLACEMENTS: [(u32, Replacement); 54] = {
    use Replacement::{Characters, Section};
    [
        (50_058_765, Section("indication")),
        (50_196_495, Characters(59, 399)),
        (50_525_523, Characters(201, 349)),
        (50_743_547, Section("examination")),
        (50_798_377, Characters(0, 0)),
        (50_808_053, Section("technique")),
        (50_913_680, Section("recommendations")),
        (51_410_602, Characters(47, 320)),
        (51_491_012, Section("history")),
        (51_966_317, Section("indication")),
        (52_035_334, Characters(0, 0)),
        (52_119_491, Characters(179, 454)),
        (52_648_681, Characters(292, 631)),
        (52_674_888, Characters(145, 296)),
        (53_071_062, Characters(0, 0)),
        (53_182_247, Characters(59, 412)),
        (53_202_765, Section("technique")),
        (53_356_173, Section("examination")),
        (53_488_209, Characters(149, 475)),
        (53_514_462, Characters(73, 377)),
        (53_607_029, Characters(0, 0)),
        (54_168_089, Characters(0, 0)),
        (54_231_141, Characters(0, 0)),
        (54_365_831, Section("indication")),
        (54_654_948, Section("indication")),
        (54_875_119, Characters(234, 988)),
        (54_986_978, Characters(59, 306)),
        (55_124_749, Section("indication")),
        (55_157_853, Section("examination")),
        (55_258_338, Characters(192, 568)),
        (56_412_866, Characters(522, 822)),
        (56_451_190, Section("note")),
        (56_482_935, Section("recommendations")),
        (56_579_911, Characters(59, 218)),
        (56_724_958, Characters(0, 0)),
        (56_760_320, Characters(219, 457)),
        (57_150_433, Characters(61, 394)),
        (57_564_132, Characters(233, 554)),
        (57_936_451, Section("indication")),
        (58_157_373, Section("recommendations")),
        (58_235_663, Characters(0, 0)),
        (58_375_018, Section("recommendations")),
        (59_003_148, Characters(262, 505)),
        (59_067_458, Section("recommendations")),
        (59_087_630, Section("recommendations")),
        (59_215_320, Section("examination")),
        (59_279_892, Section("technique")),
        (59_330_497, Characters(140, 655)),
        (59_363_654, Section("examination")),
        (59_505_494, Characters(59, 450)),
        (59_562_049, Characters(158, 348)),
        (59_768_032, Section("recommendations")),
        (59_889_364, Characters(172, 453)),
        (59_982_525, Characters(313, 717)),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn studies_are_in_order() {
        assert!(REPLACEMENTS.is_sorted_by(|(number, _), (next, _)| number < next));
        let sections = REPLACEMENTS
            .iter()
            .filter(|(_, replacement)| matches!(replacement, Replacement::Section(_)));
        assert_eq!(sections.count(), 23);
        let empty = REPLACEMENTS
            .iter()
            .filter(|(_, replacement)| *replacement == Replacement::Characters(0, 0));
        assert_eq!(empty.count(), 8);
    }

    #[test]
    fn a_study_is_found_with_and_without_its_letter() {
        let section = Some(Replacement::Section("recommendations"));
        assert_eq!(replacement("s50913680"), section);
        assert_eq!(replacement("50913680"), section);
        assert_eq!(
            replacement("s50525523"),
            Some(Replacement::Characters(201, 349))
        );
        for study in [
            "",
            "s",
            "s5091368",
            "ss50913680",
            "s50913680.txt",
            "s99999999999",
        ] {
            assert_eq!(replacement(study), None, "{study}");
        }
    }
}
