//! The sample of Open-i: NLM's reports, and the lists of views that others made.

use super::pick;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// What the indexers say of a report. A heading may have a blank at its end.
const TERMS: [&[&str]; 6] = [
    &["normal"],
    &["Opacity/lung/base/left/mild", "Cardiomegaly/mild"],
    &["Calcified Granuloma/lung/upper lobe/right", "Scoliosis"],
    &["No Indexing"],
    &[
        "Pulmonary Atelectasis/base",
        "Pleural Effusion/right/small",
        "Catheters, Indwelling/right",
    ],
    &["Technical Quality of Image Unsatisfactory "],
];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut projections = "uid,filename,projection\n".to_owned();
    let mut headers =
        "imageid,Modality,View Position,Patient's Sex,Patient's Birth Date,Study Date\n".to_owned();
    for image in sample.images() {
        let (report, rest) = (image + 1, format!("IM-{:04}-1001", image % 10_000));
        let name = format!("CXR{report}_{rest}");
        sample.image(
            &format!("{name}.png"),
            Coding::Png {
                bits: 8,
                shade: Shade::Rgb,
            },
        )?;
        sample.text(
            &format!("ecgen-radiology/{report}.xml"),
            &xml(report, &name),
        )?;
        let (seen, noted) = match image % 5 {
            // The headers are wrong now and then.
            1 => ("Lateral", "PA"),
            3 => ("Lateral", "LL"),
            _ => ("Frontal", pick(&["PA", "AP", ""], image)),
        };
        // Neither list has all images.
        if image % 7 != 4 {
            projections += &format!("{report},{report}_{rest}.dcm.png,{seen}\n");
        }
        if image % 7 != 6 {
            let (year, day) = (1930 + image * 7 % 60, image % 28 + 1);
            headers += &format!(
                "{name},CR,{noted},,{year}01{day:02},2010{:02}15\n",
                image % 12 + 1
            );
        }
    }
    sample.text("indiana_projections.csv", &projections)?;
    sample.text("nlmcxr_dicom_metadata.csv", &headers)
}

/// A report, with the elements that NLM's have.
fn xml(report: u32, image: &str) -> String {
    let terms = pick(&TERMS, report - 1).iter();
    let terms: String = terms
        .map(|term| format!("    <major>{term}</major>\n"))
        .collect();
    let findings = match report % 5 {
        0 => String::new(),
        _ => format!("Synthetic phantom {report}. Heart size &lt; normal."),
    };
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<eCitation>
  <uId id="CXR{report}"/>
  <pmcId id="{report}"/>
  <MedlineCitation>
    <Article>
      <Abstract>
        <AbstractText Label="COMPARISON">None.</AbstractText>
        <AbstractText Label="INDICATION">XXXX-year-old with cough</AbstractText>
        <AbstractText Label="FINDINGS">{findings}</AbstractText>
        <AbstractText Label="IMPRESSION">No acute disease.</AbstractText>
      </Abstract>
    </Article>
  </MedlineCitation>
  <MeSH>
{terms}  </MeSH>
  <parentImage id="{image}">
    <figureId>F1</figureId>
    <caption>Synthetic phantom</caption>
  </parentImage>
</eCitation>
"#
    )
}
