use super::*;
use proptest::prelude::*;

const REPORT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- As of the collection, in short. -->
<eCitation>
   <meta type="rr"/>
   <uId id="CXR1000"/>
   <MedlineCitation Owner="Indiana University">
      <Article PubModel="Electronic">
         <Abstract>
            <AbstractText Label="COMPARISON"/>
            <AbstractText Label="INDICATION">XXXX-year-old male, &lt;XXXX&gt;.
 </AbstractText>
            <AbstractText Label="FINDINGS">
               &#8805; 2 cm &amp; <i>stable</i>. &#x41;<![CDATA[ <b> ]]>
            </AbstractText>
            <AbstractText Label="IMPRESSION"> </AbstractText>
            <AbstractText Label="OTHER">other</AbstractText>
         </Abstract>
      </Article>
   </MedlineCitation>
   <MeSH>
      <major>Opacity/lung/upper lobe/right</major>
      <major>Technical Quality of Image Unsatisfactory </major>
      <automatic>opacity</automatic>
      <automatic></automatic>
   </MeSH>
   <major>not in MeSH</major>
   <parentImage id="CXR1000_IM-0003-1001">
      <caption>PA</caption>
      <panel type="single"><url>/a.jpg</url></panel>
   </parentImage>
   <parentImage id="CXR1000_IM-0003-2001"/>
</eCitation>
"#;

fn fault(text: &str) -> (usize, ReportFault) {
    let error = report(text.as_bytes()).unwrap_err();
    (error.line, error.fault)
}

#[test]
fn a_report_is_read() {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let expected = Report {
        uid: "CXR1000".to_owned(),
        findings: Some("\u{2265} 2 cm & stable. A <b>".to_owned()),
        impression: None,
        indication: Some("XXXX-year-old male, <XXXX>.".to_owned()),
        comparison: None,
        major: owned(&[
            "Opacity/lung/upper lobe/right",
            "Technical Quality of Image Unsatisfactory",
        ]),
        automatic: owned(&["opacity"]),
        images: owned(&["CXR1000_IM-0003-1001", "CXR1000_IM-0003-2001"]),
    };
    assert_eq!(report(REPORT.as_bytes()), Ok(expected.clone()));
    let dos = REPORT.replace('\n', "\r\n");
    assert_eq!(report(format!("\u{feff}{dos}").as_bytes()), Ok(expected));
}

#[test]
fn a_section_may_come_twice() {
    let text = "<eCitation><uId id='a'/><AbstractText Label='FINDINGS'>b</AbstractText>\
        <AbstractText Label='FINDINGS'/><AbstractText Label='FINDINGS'>c</AbstractText>\
        </eCitation>";
    assert_eq!(report(text.as_bytes()).unwrap().findings.unwrap(), "b\nc");
}

#[test]
fn a_fault_has_a_line() {
    assert_eq!(fault(""), (1, ReportFault::Root));
    assert_eq!(fault("\n<html></html>"), (2, ReportFault::Root));
    assert_eq!(fault("<eCitation/>\n"), (2, ReportFault::NoUid));
    assert_eq!(
        fault("<eCitation>\n<uId id=' '/></eCitation>"),
        (2, ReportFault::NoUid)
    );
    let root = "<eCitation>\n<uId id='a'/></eCitation>\n<eCitation/>";
    assert_eq!(fault(root), (3, ReportFault::Root));
    let cut = REPORT.find("<automatic>").unwrap() + "<automatic>opa".len();
    assert_eq!(fault(&REPORT[..cut]), (23, ReportFault::CutOff));
    for (text, line) in [
        ("<eCitation>\n</other>", 2),
        ("<eCitation>\n\n<uId id=", 3),
        ("<eCitation>\n<uId id='a&#0;'/></eCitation>", 2),
        ("<eCitation>\n<MeSH><major>&#xD800;</major>", 2),
        ("<eCitation>\n<MeSH><major>&lt</major>", 2),
        ("<eCitation>\n<!-- ", 2),
    ] {
        assert!(
            matches!(fault(text), (number, ReportFault::Xml(_)) if number == line),
            "{text}"
        );
    }
    let error = report(b"<eCitation>\n<MeSH>\xff</MeSH>").unwrap_err();
    assert_eq!(
        (error.line, error.byte, error.fault),
        (2, 18, ReportFault::NotUtf8)
    );
}

#[test]
fn no_entity_grows() {
    let bomb = "<!DOCTYPE eCitation [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>\n\
        <!ENTITY c SYSTEM 'file:///etc/passwd'>]>\n<eCitation><MeSH><major>";
    let entity = |name: &str| (3, ReportFault::Entity(name.to_owned()));
    assert_eq!(
        fault(&format!("{bomb}&b;</major></MeSH></eCitation>")),
        entity("b")
    );
    assert_eq!(
        fault(&format!("{bomb}&c;</major></MeSH></eCitation>")),
        entity("c")
    );
    let long = format!("<eCitation><MeSH><major>&{};", "a".repeat(10_000));
    assert!(report(long.as_bytes()).unwrap_err().to_string().len() < 300);
}

#[test]
fn hostile_files_are_refused_quickly() {
    let deep = "<eCitation>".repeat(50_000);
    assert_eq!(fault(&deep), (1, ReportFault::Deep { limit: MAX_DEPTH }));
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(fault(&long), (1, ReportFault::Long { limit: MAX_BYTES }));
    let attributes = format!("<eCitation><uId {}", "a='' ".repeat(200_000));
    assert!(report(attributes.as_bytes()).is_err());
    let attributes = format!(
        "<eCitation><uId {}id='b'/></eCitation>",
        "a='' ".repeat(200_000)
    );
    assert_eq!(report(attributes.as_bytes()).unwrap().uid, "b");
    for part in [
        "<major/>",
        "&amp;",
        "<!---->",
        "<![CDATA[]]>",
        "<a>&lt;</a>",
        "\r",
    ] {
        let text = format!(
            "<eCitation><uId id='b'/><MeSH>{}</MeSH></eCitation>",
            part.repeat(80_000)
        );
        assert_eq!(report(text.as_bytes()).unwrap().uid, "b");
        let text = format!(
            "<eCitation><uId id='b'/><MeSH><major>{}</major></MeSH></eCitation>",
            part.repeat(80_000)
        );
        assert_eq!(report(text.as_bytes()).unwrap().uid, "b");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        parts in "(<eCitation>|<MeSH>|<major>|</major>|</MeSH>|<uId id='a'/>|<uId id=|&#x|&#9|\
            ;|&|<!\\[CDATA\\[|\\]\\]>|<!--|-->|<\\?|<!DOCTYPE |\\[|é|\n){0,30}",
        (place, byte) in (0..REPORT.len(), any::<u8>()),
    ) {
        let _ = (report(&bytes), report(parts.as_bytes()));
        let mut broken = REPORT.as_bytes().to_vec();
        broken[place] = byte;
        let _ = (report(&broken), report(&broken[..place]));
    }

    #[test]
    fn text_comes_back(text in "[^\\p{C}\r\n]{0,30}") {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
        let file = format!(
            "<eCitation><uId id='a'/><AbstractText Label='FINDINGS'>{escaped}</AbstractText>\
             </eCitation>"
        );
        let found = report(file.as_bytes()).unwrap().findings;
        prop_assert_eq!(found.unwrap_or_default(), text.trim());
    }
}
