//! Small lists of every kind, read into the metadata of a few images.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use super::image::{ImageMetadata, LabelSource, Negatives, Sex, Split, View};
use super::list::{BoxTerm, Boxes, Corners, DICOM_SEX, DICOM_VIEWS, LabelCells, Labels};
use super::{
    Column, Finished, Index, Join, Meaning, MetadataBuilder, MetadataList, Options, Rows,
    Vocabulary,
};
use crate::catalog::{Catalog, CatalogBuilder, ListContext, SourceLocation};
use crate::storage::Folder;

const KEYS: [&str; 4] = ["a/1.png", "a/2.png", "b/2.png", "b/3.png"];

const OPTIONS: Options = Options {
    patient_prefix: "pool",
    study_prefix: "some",
    loose: false,
    frontal_only: false,
};

/// Nobody ends the work.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// A list that says nothing.
const EMPTY: MetadataList = MetadataList {
    files: &["list.csv", "older.csv"],
    adds: "",
    join: Join::stem(&["image", "name"]),
    ..MetadataList::PLAIN
};

const LABELS: Labels = Labels {
    set: "chexpert",
    cells: LabelCells::States {
        except: &["Support Devices"],
    },
    source: Some(LabelSource::TextMining),
    fills: false,
};

const fn column(name: &'static [&'static str], meaning: Meaning) -> Column {
    Column {
        names: name,
        meaning,
    }
}

fn catalog(keys: &[&str]) -> Catalog {
    let mut builder = CatalogBuilder::new("SOME_ROOT", Folder::shared());
    let place = SourceLocation::below(builder.folder("/data".as_ref()));
    for key in keys {
        builder.push(key, place, None).unwrap();
    }
    builder.finish().0
}

/// What lists with these texts say, one read after another.
fn read(lists: &[(&MetadataList, &str)]) -> Finished {
    let (folder, catalog) = (tempfile::tempdir().unwrap(), catalog(&KEYS));
    let context = ListContext::new("SOME_ROOT", Folder::shared());
    let mut metadata = MetadataBuilder::new(&catalog, context, OPTIONS, &GOES_ON);
    for (list, text) in lists {
        fs::write(folder.path().join(list.files[0]), text).unwrap();
        assert!(metadata.read(folder.path(), list));
    }
    metadata.finish()
}

fn state(image: &ImageMetadata, finding: &str) -> Option<i8> {
    image
        .findings
        .get(Vocabulary::get().number(finding).unwrap())
}

#[test]
fn an_index_finds_all_images_of_a_name_in_order() {
    let catalog = catalog(&KEYS);
    let mut index = Index::new(&catalog, super::list::stem);
    let find = |index: &Index<'_>, name| index.find(name).collect::<Vec<_>>();
    assert_eq!(find(&index, "2"), [1, 2]);
    assert_eq!(find(&index, "1"), [0]);
    assert!(find(&index, "4").is_empty());
    assert_eq!(index.take("2"), Some(1));
    // The last one stays.
    assert_eq!((index.take("2"), index.take("2")), (Some(2), Some(2)));
    assert_eq!(index.take("4"), None);
    let none = Index::new(&catalog, |_| None);
    assert_eq!(none.find("2").count(), 0);
}

#[test]
fn columns_are_found_by_any_of_their_names() {
    const LIST: MetadataList = MetadataList {
        columns: &[
            column(&["Sex", "Gender"], Meaning::Sex(DICOM_SEX)),
            column(
                &["Age"],
                Meaning::Age {
                    zero_is_an_age: false,
                },
            ),
            column(&["View"], Meaning::View(DICOM_VIEWS)),
            column(&["Patient"], Meaning::Patient),
            column(&["Part"], Meaning::Split(&[("train", Split::Train)])),
        ],
        ..EMPTY
    };
    let text = " NAME ,gender,AGE,view,patient\n1,f,018M,PA,007\n2,,0,,8\n3,M,old,XX,9\n";
    let found = read(&[(&LIST, text)]);
    let [first, second, third, last] = found.metadata.as_slice() else {
        panic!("{:?}", found.metadata)
    };
    assert_eq!((first.sex, first.age_years), (Some(Sex::Female), Some(1.5)));
    assert_eq!((first.view, first.frontal), (Some(View::Pa), Some(true)));
    assert_eq!(first.patient.as_deref(), Some("pool:007"));
    for image in [second, third] {
        assert_eq!((image.sex, image.view), (None, None));
        assert_eq!(
            (image.age_years, image.age_raw.as_deref()),
            (None, Some("0"))
        );
        assert_eq!(image.patient.as_deref(), Some("pool:8"));
    }
    assert_eq!((last.view, last.frontal), (Some(View::Other), None));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let [note] = found.notes.as_slice() else {
        panic!("{:?}", found.notes)
    };
    assert_eq!((note.rows, note.unmatched_rows.count), (3, 0));
    let faults = note.faults.join("\n");
    for words in [
        ": there is no column \"Part\"",
        ", line 4, column \"Age\": \"old\" is not a possible age",
        ", line 4, column \"View\": \"XX\" is not a view",
    ] {
        assert!(faults.contains(words), "{faults}");
    }
}

#[test]
fn the_year_of_birth_counts_from_the_year_of_the_study() {
    const LIST: MetadataList = MetadataList {
        columns: &[
            column(&["born"], Meaning::YearOfBirth),
            column(&["day"], Meaning::Date),
        ],
        ..EMPTY
    };
    let found = read(&[(
        &LIST,
        "image,day,born\n1,20140915,1950.0\n2,,1950\n3,20140915,2015\n",
    )]);
    let ages = found.metadata.iter().map(|image| image.age_years);
    assert_eq!(ages.collect::<Vec<_>>(), [Some(64.0), None, None, None]);
    assert_eq!(found.metadata[1].age_raw.as_deref(), Some("1950"));
    assert_eq!(found.metadata[0].study_date, Some(16_328));
    assert_eq!(
        found.notes[0].faults.len(),
        1,
        "{:?}",
        found.notes[0].faults
    );
}

#[test]
fn rows_belong_to_images_as_the_list_says() {
    const PATIENT: [Column; 1] = [column(&["patient"], Meaning::Patient)];
    const LAST: MetadataList = MetadataList {
        columns: &PATIENT,
        ..EMPTY
    };
    const EACH: MetadataList = MetadataList {
        join: EMPTY.join.with(Rows::Each {
            column: "patient",
            takes: |patient, _| patient != "not in the tree",
        }),
        ..LAST
    };
    let text = "image,patient\n2,x\n2,y\n";
    let patients = |list| {
        let metadata = read(&[(list, text)]).metadata.into_iter();
        metadata
            .map(|image| image.patient.unwrap_or_default().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(patients(&LAST), ["", "pool:y", "pool:y", ""]);
    assert_eq!(patients(&EACH), ["", "pool:x", "pool:y", ""]);
    let more = read(&[(&EACH, "image,patient\n2,not in the tree\n2,x\n2,y\n")]);
    assert_eq!(more.metadata[1].patient.as_deref(), Some("pool:x"));
    let found = read(&[(&LAST, "image,patient\n2,x\n7,y\n")]);
    assert_eq!(found.notes[0].unmatched_rows.words(), "1 (7)");
    assert_eq!(
        found.notes[0].unmatched_images.words(),
        "2 (a/1.png, b/3.png)"
    );
    let other = read(&[(&LAST, "image,patient\n6,x\n7,y\n")]);
    assert!(
        other.warnings[0].contains("none of its rows"),
        "{:?}",
        other.warnings
    );
}

#[test]
fn a_name_of_digits_is_the_same_name() {
    const LIST: MetadataList = MetadataList {
        columns: &[column(&["patient"], Meaning::Patient)],
        ..EMPTY
    };
    let catalog = catalog(&["0012.png", "12.png"]);
    let folder = tempfile::tempdir().unwrap();
    let text = "image,patient\n0012,x\n12,y\n012,z\n";
    fs::write(folder.path().join(LIST.files[0]), text).unwrap();
    let context = ListContext::new("SOME_ROOT", Folder::shared());
    let mut metadata = MetadataBuilder::new(&catalog, context, OPTIONS, &GOES_ON);
    assert!(metadata.read(folder.path(), &LIST));
    let metadata = metadata.finish().metadata;
    let patients = metadata.iter().map(|image| image.patient.as_deref());
    assert_eq!(
        patients.collect::<Vec<_>>(),
        [Some("pool:x"), Some("pool:z")]
    );
}

#[test]
fn a_list_that_cannot_be_read_is_a_warning_and_one_that_is_missing_is_none() {
    let found = read(&[(&EMPTY, "<html>"), (&EMPTY, "other,columns\n1,2\n")]);
    assert!(
        found.warnings[0].contains("an HTML page"),
        "{:?}",
        found.warnings
    );
    assert!(
        found.warnings[1].contains("\"image\""),
        "{:?}",
        found.warnings
    );
    let (folder, catalog) = (tempfile::tempdir().unwrap(), catalog(&KEYS));
    let context = ListContext::new("SOME_ROOT", Folder::shared());
    let mut metadata = MetadataBuilder::new(&catalog, context, OPTIONS, &GOES_ON);
    assert!(!metadata.read(folder.path(), &EMPTY));
    fs::write(folder.path().join("older.csv"), "image\n1\n").unwrap();
    assert!(metadata.read(folder.path(), &EMPTY));
    let found = metadata.finish();
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert!(found.notes[0].path.ends_with("older.csv"));
}

#[test]
fn states_are_present_absent_uncertain_or_blank() {
    const LIST: MetadataList = MetadataList {
        labels: Some(LABELS),
        ..EMPTY
    };
    let text = "image,No Finding,Edema,Pneumonia,Support Devices\n\
                1,,1.0,-1,0\n2,1,,,\n3,,2,,\n";
    let found = read(&[(&LIST, text)]);
    let [first, second, _, last] = found.metadata.as_slice() else {
        panic!("{:?}", found.metadata)
    };
    let states = |image| {
        [
            "No Finding",
            "Edema",
            "Pneumonia",
            "Support Devices",
            "Fracture",
        ]
        .map(|finding| state(image, finding))
    };
    assert_eq!(states(first), [None, Some(1), Some(-1), Some(0), None]);
    let terms: Vec<&str> = first
        .terms
        .iter()
        .flat_map(|terms| terms.iter())
        .map(|term| &**term)
        .collect();
    assert_eq!(terms, ["Pneumonia=-1", "Edema"]);
    assert_eq!(first.negatives, Some(Negatives::Negated));
    // Nothing was found: but devices are no finding, and are not labelled.
    assert_eq!(states(second), [Some(1), Some(0), Some(0), None, Some(0)]);
    assert_eq!(second.negatives, Some(Negatives::Implied));
    assert_eq!(second.label_source, Some(LabelSource::TextMining));
    assert_eq!(states(last), [None; 5]);
    assert_eq!((last.negatives, last.label_source), (None, None));
    let faults = found.notes[0].faults.join("\n");
    assert!(
        faults.contains(", line 4, column \"Edema\": \"2\" is not 1, 0 or -1"),
        "{faults}"
    );
}

#[test]
fn a_later_list_replaces_labels_or_fills_them() {
    const FIRST: MetadataList = MetadataList {
        labels: Some(LABELS),
        ..EMPTY
    };
    const REPLACES: MetadataList = MetadataList {
        labels: Some(Labels {
            source: Some(LabelSource::Radiologists),
            ..LABELS
        }),
        ..EMPTY
    };
    const FILLS: MetadataList = MetadataList {
        labels: Some(Labels {
            set: "chex-ray14-google",
            cells: LabelCells::Words {
                present: "YES",
                absent: "NO",
            },
            source: Some(LabelSource::Radiologists),
            fills: true,
        }),
        ..EMPTY
    };
    let first = (&FIRST, "image,Edema,Fracture\n1,1,\n");
    let found = read(&[first, (&REPLACES, "image,Edema,Fracture\n1,,0\n")]);
    let image = &found.metadata[0];
    assert_eq!(
        (state(image, "Edema"), state(image, "Fracture")),
        (None, Some(0))
    );
    assert_eq!(image.label_source, Some(LabelSource::Radiologists));
    let found = read(&[
        first,
        (&FILLS, "image,Fracture,Pneumothorax\n1,yes,perhaps\n"),
    ]);
    let image = &found.metadata[0];
    assert_eq!(
        (state(image, "Edema"), state(image, "Fracture")),
        (Some(1), Some(1))
    );
    assert_eq!(state(image, "Pneumothorax"), None);
    assert_eq!(image.label_source, Some(LabelSource::TextMining));
    // An opacity of the airspace is only one kind of lung opacity.
    for (cell, expected) in [("yes", Some(1)), ("no", None)] {
        let text = format!("image,Airspace opacity,Fracture\n1,{cell},no\n");
        let found = read(&[(&FILLS, &text)]);
        let image = &found.metadata[0];
        assert_eq!(state(image, "Lung Opacity"), expected);
        assert_eq!(state(image, "Fracture"), Some(0));
        assert_eq!(image.negatives, Some(Negatives::Explicit));
    }
}

#[test]
fn labels_of_mimic_by_radiologists_deny_what_those_of_the_labeller_deny() {
    let labels = |set| MetadataList {
        labels: Some(Labels { set, ..LABELS }),
        ..EMPTY
    };
    let text = "image,Lung Lesion,Pleural Other\n1,0,0\n";
    for list in [labels("mimic"), labels("mimic-test")] {
        let found = read(&[(&list, text)]);
        for finding in ["Nodule", "Mass", "Nodule/Mass", "Pleural Thickening"] {
            assert_eq!(state(&found.metadata[0], finding), Some(0), "{finding}");
        }
    }
}

#[test]
fn a_column_may_tell_who_made_the_labels() {
    const LIST: MetadataList = MetadataList {
        columns: &[column(
            &["by"],
            Meaning::LabelSource(&[("RNN", LabelSource::Model)]),
        )],
        labels: Some(Labels {
            set: "padchest",
            cells: LabelCells::Items {
                column: "labels",
                are_known: false,
                items: |cell| {
                    let list = cell.strip_prefix('[')?;
                    Some(list.split(' ').map(str::to_owned).collect())
                },
                is_labelled: |items| items != ["exclude"],
            },
            source: None,
            ..LABELS
        }),
        ..EMPTY
    };
    let found = read(&[(
        &LIST,
        "image,labels,by\n1,[Nodule,RNN\n2,[exclude,\n3,nodule,\n",
    )]);
    let [first, second, _, last] = found.metadata.as_slice() else {
        panic!("{:?}", found.metadata)
    };
    assert_eq!(
        (state(first, "Nodule"), state(first, "Edema")),
        (Some(1), Some(0))
    );
    assert_eq!(first.label_source, Some(LabelSource::Model));
    assert_eq!(first.negatives, Some(Negatives::Unmentioned));
    assert_eq!(
        (state(second, "Nodule"), state(last, "Nodule")),
        (None, None)
    );
    assert_eq!(
        found.notes[0].faults.len(),
        1,
        "{:?}",
        found.notes[0].faults
    );
}

#[test]
fn a_box_has_four_numbers_and_an_area() {
    const SIZE: MetadataList = MetadataList {
        join: EMPTY.join.with(Rows::Many),
        boxes: Some(Boxes {
            set: "chex-ray14",
            term: BoxTerm::Column("term", &[("Infiltrate", "Infiltration")]),
            reader: Some("reader"),
            corners: Corners::Size(["x", "y", "w", "h"]),
        }),
        ..EMPTY
    };
    const EDGES: MetadataList = MetadataList {
        boxes: Some(Boxes {
            set: "chex-ray14",
            term: BoxTerm::Always("Mass"),
            reader: None,
            corners: Corners::Edges(["x", "y", "w", "h"]),
        }),
        ..SIZE
    };
    let text = "image,term,x,y,w,h\n1,Infiltrate,1,2,30,40.5\n1,Mass,5,5,6,7\n1,,9,9,9,9\n\
                3,Mass,,,,\n3,Mass,1,2,,\n3,Mass,1,2,0,5\n3,Mass,1,2,nan,inf\n3,Mass,a,1,2,3\n";
    let found = read(&[(&SIZE, text)]);
    let boxes = &found.metadata[0].boxes;
    assert_eq!(boxes.len(), 2);
    assert_eq!(
        (&*boxes[0].term, boxes[0].finding),
        ("Infiltrate", Vocabulary::get().number("Infiltration"))
    );
    let area = boxes[0].area;
    assert_eq!(
        [area.x, area.y, area.width, area.height],
        [1.0, 2.0, 30.0, 40.5]
    );
    assert_eq!(boxes[0].reader, None);
    assert!(found.metadata[3].boxes.is_empty());
    let faults = found.notes[0].faults.join("\n");
    for words in [
        ", line 6, column \"x\": \"x 1, y 2\" is a part of a box",
        ", line 7, column \"w\"",
        ", line 9, column \"x\": \"a\" is not a number",
    ] {
        assert!(faults.contains(words), "no {words:?} in {faults}");
    }
    let found = read(&[(&EDGES, "image,x,y,w,h\n1,10,20,15,60\n1,10,20,5,60\n")]);
    let [only] = found.metadata[0].boxes.as_slice() else {
        panic!("{:?}", found.metadata[0].boxes)
    };
    assert_eq!([only.area.width, only.area.height], [5.0, 40.0]);
    assert_eq!(&*only.term, "Mass");
}

#[test]
fn no_row_is_read_once_the_user_ends_the_work() {
    let (folder, catalog) = (tempfile::tempdir().unwrap(), catalog(&KEYS));
    fs::write(folder.path().join("list.csv"), "image\n1\n2\n3\n").unwrap();
    let (stop, context) = (
        AtomicBool::new(false),
        ListContext::new("SOME_ROOT", Folder::shared()),
    );
    let mut metadata = MetadataBuilder::new(&catalog, context, OPTIONS, &stop);
    metadata.read_also(folder.path(), &EMPTY, &[], &mut |_, _, _| {
        stop.store(true, Ordering::Relaxed);
    });
    assert!(!metadata.read(folder.path(), &EMPTY));
    let found = metadata.finish();
    assert_eq!((found.notes.len(), found.notes[0].rows), (1, 1));
}

#[test]
fn the_rest_of_a_list_can_be_skipped() {
    let (folder, catalog) = (tempfile::tempdir().unwrap(), catalog(&KEYS));
    fs::write(folder.path().join("list.csv"), "image\n1\n2\n3\n").unwrap();
    let context = ListContext::new("SOME_ROOT", Folder::shared());
    let mut metadata = MetadataBuilder::new(&catalog, context, OPTIONS, &GOES_ON);
    metadata.read_also(folder.path(), &EMPTY, &[], &mut |metadata, _, _| {
        metadata.skip_rest(true);
    });
    metadata.read(folder.path(), &EMPTY);
    let rows = metadata.finish().notes.into_iter().map(|note| note.rows);
    assert_eq!(rows.collect::<Vec<_>>(), [1, 3], "the next list is read");
}
