//! `machex datasets`.

use std::io::Write;

use indicatif::HumanCount;

use super::colour;
use super::table::{Align, Table};
use super::{CliResult, Exit};
use crate::datasets::{KnownDatasets, PatientRule};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print one JSON document for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let mut out = colour::stdout().lock();
    let printed = if arguments.json {
        writeln!(out, "{:#}", document(known))
    } else {
        write!(out, "{}", table(known))
    };
    Exit::Success.after_printing(printed.map_err(Into::into))
}

fn table(known: KnownDatasets) -> Table {
    let mut table = Table::new(&[
        ("folder", Align::Left),
        ("title", Align::Left),
        ("config key", Align::Left),
        ("images", Align::Right),
        ("patient", Align::Left),
    ]);
    for dataset in known {
        let info = dataset.info();
        let patient = match info.patients {
            PatientRule::InKey(_) => "in the key".to_owned(),
            PatientRule::InList { file, patient, .. } => format!("{patient} in {file}"),
            PatientRule::Unknown => "not known".to_owned(),
        };
        table.row([
            info.folder.to_owned(),
            info.marks.title.to_owned(),
            info.root_key.to_owned(),
            HumanCount(info.real_count.into()).to_string(),
            patient,
        ]);
    }
    table
}

/// The document that the Python package reads.
fn document(known: KnownDatasets) -> serde_json::Value {
    let datasets = known.iter().map(|dataset| {
        let info = dataset.info();
        serde_json::json!({
            "number": info.number,
            "folder": info.folder,
            "title": info.marks.title,
            "root_key": info.root_key,
            "images": info.real_count,
            "patients": info.patients,
            "patient_pool": info.patient_pool,
        })
    });
    serde_json::json!({ "datasets": datasets.collect::<Vec<_>>() })
}
